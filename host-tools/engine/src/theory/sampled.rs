use super::moments::power;
use super::product::{Left, T, mean_products, mean_squares};
use super::{Moments, pairs};
use shatterscope::math::Math;
use shatterscope::random::{Normal, Purpose, Stream};

/// How batch norm is averaged: no closed formula is known for it at a finite batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Draws {
    /// Units drawn for each layer, over all groups.
    pub count: u32,
    /// Independent repetitions of the whole network, whose spread is the error.
    pub groups: u32,
    /// Seed.
    pub seed: u64,
}

impl Default for Draws {
    fn default() -> Self {
        Self { count: 20_000, groups: 8, seed: 1 }
    }
}

impl Draws {
    /// Enough beside a measurement of tens of runs, whose own error is larger.
    pub const BESIDE_RUNS: Self = Self { count: 4_000, groups: 8, seed: 1 };
}

/// Where the units of one layer in one group come from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sample {
    pub draws: Draws,
    pub group: u32,
    pub layer: u32,
}

/// Drawn units behind norm and ReLU, `[unit][point]`.
pub(super) struct Units {
    points: usize,
    h: Vec<f32>,
    slope: Vec<f32>,
}

impl Moments {
    /// Units (z, z') with the covariance [[K, C], [C^T, D]], batch-normalised and rectified; mean and deviation of a unit count
    /// as constants in the derivative.
    pub(super) fn draw(&self, eps: f64, Sample { draws, group, layer }: Sample) -> Units {
        let (m, eps) = (self.points, eps * power(-2 * self.values));
        let root = root(2 * m, |i, j| match (i < m, j < m) {
            (true, true) => self.k[i * m + j],
            (true, false) => self.c[i * m + j - m],
            (false, true) => self.c[j * m + i - m],
            (false, false) => self.d[(i - m) * m + j - m],
        });
        let left = Left::new(2 * m, root.len(), |row, column| root[column][row] as f32);
        let stream = Stream::new(draws.seed, group, Purpose::Noise, layer, Normal::As241);
        let tiles = (draws.count / draws.groups.max(1)).div_ceil(2 * T as u32).max(1);
        let mut units = Units { points: m, h: Vec::new(), slope: Vec::new() };
        for normals in normals(&stream, tiles, root.len()) {
            let drawn = left.times(&normals);
            // A unit and its negative are as likely as each other, and no odd moment is left to chance.
            for (lane, sign) in (0..T).flat_map(|lane| [(lane, 1.0), (lane, -1.0)]) {
                units.push(m, eps, |i| sign * drawn[i][lane]);
            }
        }
        units
    }
}

impl Units {
    /// Their moments, which stand behind `before`.
    pub fn moments(&self, before: &Moments) -> Moments {
        Moments {
            points: self.points,
            k: mean_squares(&self.h, self.points),
            c: mean_products(&self.h, &self.slope, self.points),
            d: mean_squares(&self.slope, self.points),
            // Has no mean, see Prediction::neuron_correlation.
            n: before.n.clone(),
            values: 0,
            slopes: before.slopes - before.values,
        }
    }

    /// Mean over units of the share of pairs of distinct points that a unit is active for.
    pub fn coactivation(&self) -> f64 {
        let units = self.h.chunks_exact(self.points);
        let count = units.len() as f64;
        units.map(|unit| pairs(unit.iter().filter(|&&h| h > 0.0).count(), self.points)).sum::<f64>() / count
    }

    /// Adds the unit with values `unit(0..m)` and slopes `unit(m..2m)`.
    fn push(&mut self, m: usize, eps: f64, unit: impl Fn(usize) -> f32) {
        let value = |i: usize| f64::from(unit(i));
        let mean = (0..m).map(value).sum::<f64>() / m as f64;
        let variance = (0..m).map(|i| (value(i) - mean).powi(2)).sum::<f64>() / m as f64;
        let scale = if variance + eps > 0.0 { (variance + eps).sqrt().recip() } else { 0.0 };
        let (mean, scale) = (mean as f32, scale as f32);
        for i in 0..m {
            let centred = unit(i) - mean;
            let gate = if centred > 0.0 { scale } else { 0.0 };
            self.h.push(centred * gate);
            self.slope.push(unit(m + i) * gate);
        }
    }
}

/// Standard normals, `[tile][row][T]`, each row scaled to variance 1 exactly: the variances of a layer, whose errors would
/// multiply up over the layers, are not left to chance.
fn normals(stream: &Stream, tiles: u32, rows: usize) -> Vec<Vec<[f32; T]>> {
    let mut normals: Vec<Vec<[f32; T]>> =
        (0..tiles).map(|tile| (0..rows).map(|row| tile_of_normals(stream, row as u32, tile)).collect()).collect();
    for row in 0..rows {
        let square: f64 = normals.iter().flat_map(|tile| tile[row]).map(|x| f64::from(x).powi(2)).sum();
        let scale = (f64::from(tiles) * T as f64 / square).sqrt() as f32;
        normals.iter_mut().for_each(|tile| tile[row].iter_mut().for_each(|x| *x *= scale));
    }
    normals
}

/// Four to a block of random words.
fn tile_of_normals(stream: &Stream, row: u32, tile: u32) -> [f32; T] {
    let mut normals = [0.0; T];
    for (four, lanes) in normals.as_chunks_mut::<4>().0.iter_mut().enumerate() {
        let words = stream.words(row, tile * (T / 4) as u32 + four as u32);
        *lanes = words.map(|word| Normal::As241.value([word; 4], Math::Libm));
    }
    normals
}

/// Columns of a matrix R with R R^T = covariance: Cholesky with the largest remaining variance first, ended where only the
/// rounding of the moments is left, which would be taken for structure. The covariances of shallow networks have low rank,
/// which makes this cheaper than eigenvalues.
fn root(size: usize, covariance: impl Fn(usize, usize) -> f64) -> Vec<Vec<f64>> {
    /// Of a variable's own variance.
    const ROUNDING: f64 = 1e-6;
    let deviation: Vec<f64> = (0..size).map(|i| covariance(i, i).max(0.0).sqrt()).collect();
    let correlation = |i: usize, j: usize| match deviation[i] * deviation[j] {
        0.0 => 0.0,
        product => covariance(i, j) / product,
    };
    let mut left: Vec<f64> = (0..size).map(|i| correlation(i, i)).collect();
    let mut columns: Vec<Vec<f64>> = Vec::new();
    while let Some((pivot, &variance)) = left.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)) {
        if variance <= ROUNDING {
            break;
        }
        let mut column: Vec<f64> = (0..size).map(|i| correlation(i, pivot)).collect();
        for earlier in &columns {
            let at_pivot = earlier[pivot];
            column.iter_mut().zip(earlier).for_each(|(x, earlier)| *x -= at_pivot * earlier);
        }
        let diagonal = variance.sqrt();
        column.iter_mut().for_each(|x| *x /= diagonal);
        left.iter_mut().zip(&column).for_each(|(left, x)| *left -= x * x);
        left[pivot] = 0.0;
        columns.push(column);
    }
    for column in &mut columns {
        column.iter_mut().zip(&deviation).for_each(|(x, deviation)| *x *= deviation);
    }
    columns
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_root_squares_to_its_covariance() {
        // Rank 2 of 5, one variable without variance, scales apart.
        let factor = [[1.0, 2.0], [0.5, -1.0], [0.0, 0.0], [3e3, 1e3], [1e-4, 2e-4]];
        let covariance = |i: usize, j: usize| factor[i][0] * factor[j][0] + factor[i][1] * factor[j][1];
        let root = root(5, covariance);
        assert_eq!(root.len(), 2);
        for (i, j) in (0..5).flat_map(|i| (0..5).map(move |j| (i, j))) {
            let again: f64 = root.iter().map(|column| column[i] * column[j]).sum();
            let scale = (covariance(i, i) * covariance(j, j)).sqrt();
            assert!((covariance(i, j) - again).abs() <= 1e-11 * scale, "{i} {j}");
        }
    }
}
