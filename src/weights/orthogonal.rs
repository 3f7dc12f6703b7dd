use super::Dense;
use super::block::{Block, product_shape};
use crate::error::{Buffer, Error};
use crate::kernel::panel_index;
use crate::math::{Math, copysign, negate};
use crate::random::Stream;

/// A random orthogonal matrix, `Q = H_0 .. H_{m-2} diag(d)` with reflectors of normals, drawn column by column.
///
/// A panel holds whole columns of Q and, behind them, one reflector: O(m) state, no matrix anywhere.
///
/// # References
/// Stewart, "The efficient generation of random orthogonal matrices", SIAM J. Numer. Anal. 17 (1980), section 3.
pub(crate) struct Orthogonal {
    dense: Dense,
    /// Each column stands for two features of a doubling ReLU, w and -w.
    mirrored: bool,
    /// Order of Q.
    order: u32,
    scale: f32,
    math: Math,
    stream: Stream,
}

impl Orthogonal {
    pub(crate) fn new(dense: &Dense, mirrored: bool, gain: f32, math: Math, stream: Stream) -> Self {
        let fan_in = if mirrored { dense.fan_in / 2 } else { dense.fan_in };
        let order = fan_in.max(dense.fan_out);
        let ratio = order.saturating_mul(2) as f32 / fan_in.saturating_add(dense.fan_out) as f32;
        Self { dense: *dense, mirrored, order, scale: gain * math.sqrt(ratio), math, stream }
    }

    /// Whether row and column of W are column and row of Q.
    fn wide(&self) -> bool {
        !self.mirrored && self.dense.fan_in > self.dense.fan_out
    }

    /// Columns of W that one column of Q fills.
    fn copies(&self) -> u32 {
        if self.mirrored { 2 } else { 1 }
    }

    pub(crate) fn reflector_len(&self) -> u64 {
        self.order as u64
    }

    pub(crate) fn panel_len(&self) -> u64 {
        self.order as u64 * (self.copies() as u64 + 1)
    }

    /// As many whole columns of Q as fit before the reflector.
    pub(crate) fn block(&self, transposed: bool, from: (u32, u32), capacity: usize) -> Result<Block, Error> {
        let capacity = capacity as u64;
        let order = self.order.max(1) as u64;
        let fit = (capacity / order).saturating_sub(1).min(u32::MAX as u64) as u32;
        let fit = fit - fit % self.copies();
        if fit == 0 {
            return Err(Error::TooShort { buffer: Buffer::Panel, need: self.panel_len(), have: capacity });
        }
        let (rows, columns) = product_shape(&self.dense, transposed);
        Ok(if transposed == self.wide() {
            Block { transposed, rows: 0..rows, columns: from.1..from.1.saturating_add(fit).min(columns) }
        } else {
            Block { transposed, rows: from.0..from.0.saturating_add(fit).min(rows), columns: 0..columns }
        })
    }

    pub(crate) fn fill<const R: usize>(&self, block: &Block, panel: &mut [f32]) {
        let (rows, columns) = (block.rows.len(), block.columns.len());
        let Some((panel, reflector)) = panel.split_at_mut_checked(block.len()) else { return };
        let along_rows = block.transposed == self.wide();
        // Where entry i of the j-th column of the block stands.
        let at = |i: usize, j: usize| {
            if along_rows { panel_index::<R>(rows, columns, i, j) } else { panel_index::<R>(rows, columns, j, i) }
        };
        let range = if along_rows { &block.columns } else { &block.rows };
        let copies = self.copies();
        let first = range.start / copies;
        let count = range.len() / copies as usize;
        // Nothing wraps: columns of the panel, which are fewer than its elements.
        let place = |i: usize, j: usize| at(i, j.wrapping_mul(copies as usize));
        let order = self.order as usize;
        for j in 0..count {
            for i in 0..order {
                let diagonal = i == (first as usize).wrapping_add(j);
                set(panel, place(i, j), if diagonal { self.sign(first.wrapping_add(j as u32)) } else { 0.0 });
            }
        }
        let last = (first as usize).saturating_add(count).min(order);
        for k in (0..last.min(order.saturating_sub(1))).rev() {
            let (v, vv) = self.reflector(k as u32, reflector);
            // Reflector k leaves column j < k alone.
            for j in k.saturating_sub(first as usize)..count {
                reflect(panel, v, vv, |i| place(k.wrapping_add(i), j));
            }
        }
        for j in 0..count {
            for i in 0..order {
                let value = get(panel, place(i, j)) * self.scale;
                set(panel, place(i, j), value);
                if self.mirrored {
                    set(panel, at(i, j.wrapping_mul(2).wrapping_add(1)), negate(value));
                }
            }
        }
    }

    /// d_k: minus the sign of the first normal of row k; for the last row, its sign.
    fn sign(&self, k: u32) -> f32 {
        let x = self.stream.value(k, k);
        if (x > 0.0) == (k.wrapping_add(1) == self.order) { 1.0 } else { -1.0 }
    }

    /// v and v.v of reflector k.
    fn reflector<'r>(&self, k: u32, v: &'r mut [f32]) -> (&'r [f32], f32) {
        let v = invariant!(v.get_mut(..self.order.saturating_sub(k) as usize));
        let mut square = 0.0;
        for (column, v) in (k..).zip(v.iter_mut()) {
            *v = self.stream.value(k, column);
            square += *v * *v;
        }
        if let Some(x) = v.first_mut() {
            *x += copysign(self.math.sqrt(square), *x);
        }
        let mut vv = 0.0;
        for v in v.iter() {
            vv += v * v;
        }
        (v, vv)
    }
}

/// `y <- y - (2 (v.y) / (v.v)) v`, y being scattered in the panel.
fn reflect(panel: &mut [f32], v: &[f32], vv: f32, at: impl Fn(usize) -> usize) {
    let mut vy = 0.0;
    for (i, v) in v.iter().enumerate() {
        vy += v * get(panel, at(i));
    }
    let factor = (2.0 * vy) / vv;
    for (i, v) in v.iter().enumerate() {
        let y = get(panel, at(i)) - factor * v;
        set(panel, at(i), y);
    }
}

fn get(panel: &[f32], at: usize) -> f32 {
    invariant!(panel.get(at).copied())
}

fn set(panel: &mut [f32], at: usize, value: f32) {
    if let Some(x) = panel.get_mut(at) {
        *x = value;
    }
}
