use super::axes::unit_of;
use super::facts::compiled;
use super::positions::{part, part_mut};
use super::{BackwardFacts, Facts, Saved};
use crate::error::{Error, InvalidSpec};
use crate::shape::Shape;

/// A product of matrices, one for each channel.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Matmul {
    /// The shapes of the operands.
    pub operands: [Shape; 2],
    /// Whether the second operand is `[j][k]` instead of `[k][j]`.
    pub transposed: bool,
}

impl Matmul {
    /// Rows of the value, terms of a chain, columns of the value.
    fn extents(&self) -> (u32, u32, u32) {
        let [first, second] = self.operands;
        let columns = if self.transposed { second.height } else { second.width };
        (first.height as u32, first.width as u32, columns as u32)
    }

    /// Units from one k to the next, and from one j to the next, in the second operand.
    const fn steps(&self) -> (usize, usize) {
        let width = self.operands[1].width as usize;
        if self.transposed { (1, width) } else { (width, 1) }
    }

    const fn value(&self) -> Shape {
        let [first, second] = self.operands;
        Shape { width: if self.transposed { second.height } else { second.width }, ..first }
    }

    /// The units x[i][k], y[k][j] and value[i][j] of a channel.
    fn units(&self, c: u32, i: u32, k: u32, j: u32) -> [usize; 3] {
        let [first, second] = self.operands;
        let of_second = if self.transposed { [c, j, k] } else { [c, k, j] };
        [unit_of(first, [c, i, k]), unit_of(second, of_second), unit_of(self.value(), [c, i, j])]
    }
}

/// A matrix's row or column: elements of `[unit][points]` from unit `first` on, each `step` units further.
#[derive(Clone, Copy)]
struct Terms<'x> {
    x: &'x [f32],
    first: usize,
    step: usize,
}

/// `to += chain(a[k] * b[k], k ascending)` for each point, `count` terms.
#[inline(always)]
fn add_chain(points: usize, count: u32, a: Terms<'_>, b: Terms<'_>, to: &mut [f32]) {
    for k in 0..count as usize {
        // Nothing wraps: units of slices, which were counted.
        let at = |of: Terms<'_>| of.first.wrapping_add(k.wrapping_mul(of.step));
        let operands = part(a.x, at(a), points).iter().zip(part(b.x, at(b), points));
        for (to, (a, b)) in to.iter_mut().zip(operands) {
            *to += a * b;
        }
    }
}

/// `value[c][i][j] = chain(+0.0; x[c][i][k] * y[c][k][j], k ascending)`
///
/// # Shapes
/// `x` `[c][i][k][points]`, `y` `[c][k][j][points]` or `[c][j][k][points]`, `value` `[c][i][j][points]`.
pub fn matmul_forward(matmul: &Matmul, points: usize, x: &[f32], y: &[f32], value: &mut [f32]) {
    value.fill(0.0);
    matmul_add(matmul, points, x, y, value);
}

fn matmul_add(matmul: &Matmul, points: usize, x: &[f32], y: &[f32], value: &mut [f32]) {
    let ((rows, terms, columns), (of_k, _)) = (matmul.extents(), matmul.steps());
    for (c, i, j) in scan(matmul.operands[0].channels, rows, columns) {
        let [first, second, own] = matmul.units(c, i, 0, j);
        let (x, y) = (Terms { x, first, step: 1 }, Terms { x: y, first: second, step: of_k });
        add_chain(points, terms, x, y, part_mut(value, own, points));
    }
}

/// `to[c][i][k] = chain(+0.0; g[c][i][j] * y[c][k][j], j ascending)`: the gradient of the first operand, overwrites.
///
/// # Shapes
/// As [`matmul_forward`].
pub fn matmul_backward_first(matmul: &Matmul, points: usize, y: &[f32], g: &[f32], to: &mut [f32]) {
    to.fill(0.0);
    let ((rows, terms, columns), (_, of_j)) = (matmul.extents(), matmul.steps());
    for (c, i, k) in scan(matmul.operands[0].channels, rows, terms) {
        let [own, second, first] = matmul.units(c, i, k, 0);
        let (g, y) = (Terms { x: g, first, step: 1 }, Terms { x: y, first: second, step: of_j });
        add_chain(points, columns, g, y, part_mut(to, own, points));
    }
}

/// `to[c][k][j] = chain(+0.0; x[c][i][k] * g[c][i][j], i ascending)`: the gradient of the second operand, overwrites.
///
/// # Shapes
/// As [`matmul_forward`].
pub fn matmul_backward_second(matmul: &Matmul, points: usize, x: &[f32], g: &[f32], to: &mut [f32]) {
    to.fill(0.0);
    let (rows, terms, columns) = matmul.extents();
    for (c, k, j) in scan(matmul.operands[0].channels, terms, columns) {
        let [first, own, second] = matmul.units(c, 0, k, j);
        let (x, g) = (Terms { x, first, step: terms as usize }, Terms { x: g, first: second, step: columns as usize });
        add_chain(points, rows, x, g, part_mut(to, own, points));
    }
}

/// All triples below these, the last one first.
fn scan(a: u32, b: u32, c: u32) -> impl Iterator<Item = (u32, u32, u32)> {
    (0..a).flat_map(move |i| (0..b).flat_map(move |j| (0..c).map(move |k| (i, j, k))))
}

/// `to = chain(+0.0; t_x[k] * y[k], k ascending, then x[k] * t_y[k], k ascending)`
///
/// # Shapes
/// As [`matmul_forward`], tangents as their operands.
pub fn matmul_tangent(
    matmul: &Matmul,
    points: usize,
    (x, y): (&[f32], &[f32]),
    (of_x, of_y): (&[f32], &[f32]),
    to: &mut [f32],
) {
    matmul_forward(matmul, points, of_x, y, to);
    matmul_add(matmul, points, x, of_y, to);
}

/// A product of matrices in a graph.
pub(super) const fn facts(x: Shape, y: Shape, transposed: bool) -> Result<Facts, Error> {
    if let Err(error) = compiled(cfg!(feature = "models")) {
        return Err(error);
    }
    let terms = if transposed { y.width } else { y.height };
    if x.channels != y.channels || x.width != terms {
        return Err(Error::InvalidSpec(InvalidSpec::Shape));
    }
    let value = Matmul { operands: [x, y], transposed }.value();
    match (Facts::of(value), Facts::of(y), value.units()) {
        // Does not saturate: fewer than 2^32 units of fewer than 2^16 terms.
        (Ok(facts), Ok(_), Some(units)) => {
            Ok(Facts { multiply_adds: (units as u64).saturating_mul(x.width as u64), ..facts })
        }
        (Err(error), ..) | (_, Err(error), _) => Err(error),
        _ => Err(Error::InvalidSpec(InvalidSpec::TooLarge)),
    }
}

/// Its backward pass.
pub(super) const BACKWARD: BackwardFacts = BackwardFacts { saved: Saved::Operands, ..BackwardFacts::NOTHING };
