use super::arc_cosine::Pair;
use rayon::prelude::*;
use std::f64::consts::PI;

/// Second moments of a layer's units over the M grid points, each `[i][j]`, M x M; z' is dz/dx.
///
/// Powers of two are kept apart, since resnets leave the range of binary64 before 600 layers.
#[derive(Clone, Debug, PartialEq)]
pub struct Moments {
    /// M
    pub points: usize,
    /// K_ij = E[z_i z_j], times 4^values
    pub k: Vec<f64>,
    /// C_ij = E[z_i z'_j], times 2^(values + slopes)
    pub c: Vec<f64>,
    /// D_ij = E[z'_i z'_j], times 4^slopes
    pub d: Vec<f64>,
    /// E of the product of the two gradients with respect to one unit of the first layer, times 4^slopes: D without the terms
    /// that say that a gate's place moves with the input
    pub n: Vec<f64>,
    /// Exponent of z.
    pub values: i32,
    /// Exponent of z'.
    pub slopes: i32,
}

impl Moments {
    /// Of z = v x + b: K = var_v x_i x_j + var_b, C = var_v x_i, D = var_v.
    pub fn stem(grid: &[f64], weight: f64, bias: f64) -> Self {
        let points = grid.len();
        let each = |entry: &dyn Fn(f64, f64) -> f64| -> Vec<f64> {
            grid.iter().flat_map(|&x| grid.iter().map(move |&y| (x, y))).map(|(x, y)| entry(x, y)).collect()
        };
        Self {
            points,
            k: each(&|x, y| weight * x * y + bias),
            c: each(&|x, _| weight * x),
            d: each(&|_, _| weight),
            n: each(&|_, _| 1.0),
            values: 0,
            slopes: 0,
        }
    }

    /// Through weights of variance `weight` / fan_in and biases of variance `bias`.
    pub fn dense(&mut self, weight: f64, bias: f64) {
        let bias = bias * power(-2 * self.values);
        self.k.iter_mut().for_each(|k| *k = *k * weight + bias);
        for moment in [&mut self.c, &mut self.d, &mut self.n] {
            moment.iter_mut().for_each(|x| *x *= weight);
        }
        self.rescale();
    }

    /// Minus the mean over the points, which counts as a constant in the derivative: G K G and G C with G = I - 11^T/M.
    pub fn centre(&mut self) {
        subtract_column_means(&mut self.k, self.points);
        subtract_row_means(&mut self.k, self.points);
        subtract_column_means(&mut self.c, self.points);
    }

    /// Moments of the rectified units: E[h h], E[h h'], E[h' h'].
    ///
    /// With a = K_ii, b = K_jj, c = K_ij, P = P(both positive) and T = 1/(2 pi s):
    /// C' = C_ij P + C_jj s/(2 pi b), D' = D_ij P + T (C_ii C_jj + C_ij C_ji - (c/a) C_ii C_ij - (c/b) C_jj C_ji).
    pub fn rectify(&self) -> Self {
        let m = self.points;
        let mut next =
            Self { k: vec![0.0; m * m], c: vec![0.0; m * m], d: vec![0.0; m * m], n: vec![0.0; m * m], ..*self };
        let rows = next.k.par_chunks_exact_mut(m).zip(next.c.par_chunks_exact_mut(m));
        let rows = rows.zip(next.d.par_chunks_exact_mut(m).zip(next.n.par_chunks_exact_mut(m)));
        rows.enumerate().for_each(|(i, ((k, c), (d, n)))| {
            for j in 0..m {
                [k[j], c[j], d[j], n[j]] = self.rectified(i, j);
            }
        });
        next
    }

    fn rectified(&self, i: usize, j: usize) -> [f64; 4] {
        let m = self.points;
        let (ij, ji, ii, jj) = (i * m + j, j * m + i, i * m + i, j * m + j);
        if i == j {
            return [&self.k, &self.c, &self.d, &self.n].map(|moment| moment[ii] / 2.0);
        }
        let (a, b, c) = (self.k[ii], self.k[jj], self.k[ij]);
        if a <= 0.0 || b <= 0.0 {
            // A point where every unit is zero: its gate is shut, on both sides of the product.
            return [0.0; 4];
        }
        let Pair { product, both, area } = Pair::of(a, b, c);
        let cross = self.c[ij] * both + self.c[jj] * area / (2.0 * PI * b);
        let mut slope = self.d[ij] * both;
        if area >= 1e-14 * (a * b).sqrt() {
            let bracket = self.c[ii] * self.c[jj] + self.c[ij] * self.c[ji]
                - c / a * self.c[ii] * self.c[ij]
                - c / b * self.c[jj] * self.c[ji];
            slope += bracket / (2.0 * PI * area);
        }
        [product, cross, slope, self.n[ij] * both]
    }

    /// P(both positive), the mean over pairs of distinct points; 0 for a pair with a point where every unit is zero.
    pub fn coactivation(&self) -> f64 {
        let m = self.points;
        let both = |i: usize, j: usize| {
            let (a, b) = (self.k[i * m + i], self.k[j * m + j]);
            if a > 0.0 && b > 0.0 { Pair::of(a, b, self.k[i * m + j]).both } else { 0.0 }
        };
        let sum: f64 = (0..m).map(|i| (0..i).map(|j| both(i, j)).sum::<f64>()).sum();
        2.0 * sum / (m * (m - 1)).max(1) as f64
    }

    /// The same moments of values alone, without derivatives.
    pub fn without_slopes(mut self) -> Self {
        for moment in [&mut self.c, &mut self.d, &mut self.n] {
            moment.fill(0.0);
        }
        self
    }

    /// a * kept + b * self, of units that do not correlate: the branch's weights are drawn afresh.
    pub fn join(&mut self, mut kept: Self, a: f64, b: f64) {
        self.align(kept.values.max(self.values), kept.slopes.max(self.slopes));
        kept.align(self.values, self.slopes);
        let moments = [(&mut self.k, kept.k), (&mut self.c, kept.c), (&mut self.d, kept.d), (&mut self.n, kept.n)];
        for (branch, kept) in moments {
            branch.iter_mut().zip(kept).for_each(|(branch, kept)| *branch = a * a * kept + b * b * *branch);
        }
        self.rescale();
    }

    /// Other exponents for the same moments.
    pub fn align(&mut self, values: i32, slopes: i32) {
        let (value, slope) = (power(self.values - values), power(self.slopes - slopes));
        let scales = [value * value, value * slope, slope * slope, slope * slope];
        for (moment, scale) in [&mut self.k, &mut self.c, &mut self.d, &mut self.n].into_iter().zip(scales) {
            if scale != 1.0 {
                moment.iter_mut().for_each(|x| *x *= scale);
            }
        }
        (self.values, self.slopes) = (values, slopes);
    }

    /// Brings the largest variances near one.
    pub fn rescale(&mut self) {
        let shift = |moment: &[f64]| {
            let largest = moment.iter().step_by(self.points + 1).fold(0.0f64, |top, &x| top.max(x));
            if largest > 0.0 { (largest.log2() / 2.0).round() as i32 } else { 0 }
        };
        let (values, slopes) = (shift(&self.k), shift(&self.d));
        if values.abs() > 16 || slopes.abs() > 16 {
            self.align(self.values + values, self.slopes + slopes);
        }
    }
}

/// 2^n
pub fn power(n: i32) -> f64 {
    2f64.powi(n)
}

fn subtract_row_means(matrix: &mut [f64], columns: usize) {
    for row in matrix.chunks_exact_mut(columns) {
        let mean = row.iter().sum::<f64>() / columns as f64;
        row.iter_mut().for_each(|x| *x -= mean);
    }
}

fn subtract_column_means(matrix: &mut [f64], columns: usize) {
    let rows = matrix.len() / columns;
    let mut means = vec![0.0; columns];
    for row in matrix.chunks_exact(columns) {
        means.iter_mut().zip(row).for_each(|(mean, x)| *mean += x / rows as f64);
    }
    for row in matrix.chunks_exact_mut(columns) {
        row.iter_mut().zip(&means).for_each(|(x, mean)| *x -= mean);
    }
}
