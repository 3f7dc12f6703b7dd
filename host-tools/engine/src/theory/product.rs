use shatterscope::exec::Isa;
use shatterscope::internals::kernel::{chain, panel_index};

/// Rows of a group and points of a tile: the kernel's fastest shape on AVX, right on any machine.
const R: usize = 6;
pub(super) const T: usize = 16;

/// A matrix as the left side of products.
pub(super) struct Left {
    panel: Vec<f32>,
    rows: usize,
    columns: usize,
}

impl Left {
    pub fn new(rows: usize, columns: usize, entry: impl Fn(usize, usize) -> f32) -> Self {
        let mut panel = vec![0.0; rows * columns];
        for row in 0..rows {
            for column in 0..columns {
                panel[panel_index::<R>(rows, columns, row, column)] = entry(row, column);
            }
        }
        Self { panel, rows, columns }
    }

    /// T columns of the product with a matrix `[columns][T]`: `[rows][T]`.
    pub fn times(&self, right: &[[f32; T]]) -> Vec<[f32; T]> {
        self.first_times(self.rows, right)
    }

    /// The same of the first `rows` rows at least: whole groups are multiplied.
    fn first_times(&self, rows: usize, right: &[[f32; T]]) -> Vec<[f32; T]> {
        let mut product = vec![[0.0; T]; rows.next_multiple_of(R).min(self.rows)];
        chain::<R, T>(Isa::detect(), &self.panel, &right[..self.columns], &mut product);
        product
    }
}

/// Chains this long are summed in binary32, the chains themselves in binary64.
const BLOCK: usize = 64;

/// `mean_u a[u][i] a[u][j]`, `[i][j]`, of a matrix `[unit][point]`, to 1e-7 of the variances.
pub(super) fn mean_squares(a: &[f32], points: usize) -> Vec<f64> {
    let mut mean = sum_products(a, a, points, |tile| tile + T);
    for i in 0..points {
        for j in 0..i {
            mean[i * points + j] = mean[j * points + i];
        }
    }
    mean
}

/// `mean_u a[u][i] b[u][j]`, `[i][j]`, of matrices `[unit][point]`, to 1e-7 of the variances.
pub(super) fn mean_products(a: &[f32], b: &[f32], points: usize) -> Vec<f64> {
    sum_products(a, b, points, |_| points)
}

/// Products with the tile of points that begins at j, of at least the first `rows(j)` points.
fn sum_products(a: &[f32], b: &[f32], points: usize, rows: impl Fn(usize) -> usize) -> Vec<f64> {
    let units = (a.len() / points) as f64;
    let mut mean = vec![0.0; points * points];
    for (a, b) in a.chunks(BLOCK * points).zip(b.chunks(BLOCK * points)) {
        let left = Left::new(points, a.len() / points, |point, unit| a[unit * points + point]);
        for first in (0..points).step_by(T) {
            let lanes = T.min(points - first);
            let tile: Vec<[f32; T]> = b
                .chunks_exact(points)
                .map(|unit| std::array::from_fn(|lane| if lane < lanes { unit[first + lane] } else { 0.0 }))
                .collect();
            for (row, product) in mean.chunks_exact_mut(points).zip(left.first_times(rows(first), &tile)) {
                for (mean, product) in row[first..first + lanes].iter_mut().zip(product) {
                    *mean += f64::from(product) / units;
                }
            }
        }
    }
    mean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mean_products_are_the_plain_loops() {
        let (units, points) = (3 * BLOCK + 7, 21);
        let matrix =
            |seed: usize| -> Vec<f32> { (0..units * points).map(|i| ((i * seed) % 17) as f32 - 8.0).collect() };
        let (a, b) = (matrix(5), matrix(3));
        let mean = mean_products(&a, &b, points);
        for i in 0..points {
            for j in 0..points {
                let sum: f32 = (0..units).map(|u| a[u * points + i] * b[u * points + j]).sum();
                let exact = f64::from(sum) / units as f64;
                assert!((mean[i * points + j] - exact).abs() < 1e-12, "{i} {j}");
            }
        }
    }
}
