//! Dense products, packed and where the matrix stands, either way round.
use crate::values::{Room, Values, same};
use shatterscope::contract::canonical_bits;
use shatterscope::exec::Isa;
use shatterscope::internals::kernel::{Matrix, chain, chain_matrix, panel_index, portable};
use shatterscope::internals::op::naive;

const ROWS: usize = 9;
const COLUMNS: usize = 20;
/// Elements that stand before, between and after what a kernel is given.
const PAD: usize = 3;
/// Rows of y on either side of what a kernel is given, which must stay.
const GUARD: usize = 1;

/// All shapes; values compared.
pub fn check<const R: usize, const T: usize>(isa: Isa, mut room: Room) -> usize {
    let weight = room.take(ROWS * COLUMNS);
    let stored = room.take(PAD + (ROWS + PAD) * (COLUMNS + PAD));
    let x = room.rows::<T>(COLUMNS);
    let (start, expected, y) = (room.rows::<T>(ROWS), room.rows::<T>(ROWS), room.rows::<T>(ROWS + 2 * GUARD));
    let portably = room.rows::<T>(2 * ROWS);
    let (mut values, mut compared) = (Values(T as u32), 0);
    for rows in 1..=ROWS {
        for columns in 0..=COLUMNS {
            let (weight, x, start) = (&mut weight[..rows * columns], &mut x[..columns], &mut start[..rows]);
            values.fill(weight);
            values.fill(x.as_flattened_mut());
            values.fill_starts(start.as_flattened_mut());
            let (expected, y) = (&mut expected[..rows], &mut y[..rows + 2 * GUARD]);
            let mut shape = Shape { isa, x, start, expected, y, portably };
            compared += shape.check::<R>(weight, stored, (rows + columns) % PAD);
        }
    }
    compared
}

struct Shape<'a, const T: usize> {
    isa: Isa,
    x: &'a [[f32; T]],
    start: &'a [[f32; T]],
    expected: &'a mut [[f32; T]],
    y: &'a mut [[f32; T]],
    portably: &'a mut [[f32; T]],
}

impl<const T: usize> Shape<'_, T> {
    fn check<const R: usize>(&mut self, weight: &[f32], stored: &mut [f32], pad: usize) -> usize {
        let (isa, x, rows, columns) = (self.isa, self.x, self.start.len(), self.x.len());
        self.expect(weight);
        let panel = &mut stored[pad..][..rows * columns];
        for row in 0..rows {
            for k in 0..columns {
                panel[panel_index::<R>(rows, columns, row, k)] = weight[row * columns + k];
            }
        }
        let packed = |panel: &[f32], y: &mut [[f32; T]]| chain::<R, T>(isa, panel, x, y);
        self.compare("packed", R, panel, packed, portable::chain::<R, T>);
        for transposed in [false, true] {
            let (lines, len) = if transposed { (columns, rows) } else { (rows, columns) };
            let stride = len + pad;
            let data = &mut stored[pad..][..(lines.max(1) - 1) * stride + len];
            for (row, weights) in weight.chunks_exact(columns.max(1)).enumerate() {
                for (k, weight) in weights.iter().enumerate() {
                    data[if transposed { k * stride + row } else { row * stride + k }] = *weight;
                }
            }
            let how = if transposed { "transposed in place" } else { "in place" };
            let standing = |data: &[f32], y: &mut [[f32; T]]| {
                chain_matrix::<R, T>(isa, Matrix { data, stride, transposed }, x, y);
            };
            self.compare(how, R, data, standing, |data, x, y| {
                portable::chain_matrix::<R, T>(Matrix { data, stride, transposed }, x, y);
            });
        }
        3 * rows * T
    }

    /// The definition, one row and one point at a time.
    fn expect(&mut self, weight: &[f32]) {
        for (row, (start, expected)) in self.start.iter().zip(self.expected.iter_mut()).enumerate() {
            for p in 0..T {
                let mut points = [0.0; COLUMNS];
                points.iter_mut().zip(self.x).for_each(|(point, x)| *point = x[p]);
                let columns = self.x.len();
                naive::dense(&weight[row * columns..], &[start[p]], columns, 1, &points, &mut expected[p..=p]);
            }
        }
    }

    /// With all weights, the definition's bits. One weight short, each row is complete, or as it was, or what the portable
    /// kernel makes of it, or of one column less.
    fn compare(
        &mut self,
        how: &str,
        r: usize,
        weights: &[f32],
        kernel: impl Fn(&[f32], &mut [[f32; T]]),
        portable: impl Fn(&[f32], &[[f32; T]], &mut [[f32; T]]),
    ) {
        let (isa, start, expected) = (self.isa, self.start, &*self.expected);
        let (rows, columns) = (start.len(), self.x.len());
        let found = apply(start, self.y, |y| kernel(weights, y));
        let what = format_args!("{isa:?} {r}x{T} {how}, {rows}x{columns}");
        same(found.as_flattened(), expected.as_flattened(), what);

        let Some((_, weights)) = weights.split_last() else { return };
        let (portably, one_less) = self.portably.split_at_mut(ROWS);
        for (y, columns) in [(&mut *portably, columns), (&mut *one_less, columns.saturating_sub(1))] {
            y[..rows].copy_from_slice(start);
            portable(weights, &self.x[..columns], &mut y[..rows]);
        }
        let found = apply(start, self.y, |y| kernel(weights, y));
        let bits = |row: &[f32; T]| row.map(canonical_bits);
        for (row, found) in found.iter().enumerate() {
            let right = [expected[row], start[row], portably[row], one_less[row]];
            let right = right.iter().any(|right| bits(right) == bits(found));
            assert!(right, "{what}, one weight short: row {row}");
        }
    }
}

/// y after the kernel, from these starts; what stands around it must stay.
fn apply<'a, const T: usize>(
    start: &[[f32; T]],
    y: &'a mut [[f32; T]],
    kernel: impl FnOnce(&mut [[f32; T]]),
) -> &'a [[f32; T]] {
    const AROUND: f32 = 12345.0;
    y.fill([AROUND; T]);
    let rows = start.len();
    y[GUARD..][..rows].copy_from_slice(start);
    kernel(&mut y[GUARD..][..rows]);
    let (before, rest) = y.split_at(GUARD);
    let (y, after) = rest.split_at(rows);
    assert!(before.iter().chain(after).all(|row| *row == [AROUND; T]), "a kernel wrote outside of its rows");
    y
}
