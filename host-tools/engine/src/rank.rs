//! Effective rank: in how many directions the gradients of a network point.
use rayon::prelude::*;
use shatterscope::math::Math;
use shatterscope::random::{Normal, Purpose, Stream};

/// The larger of two extents may be any; the smaller, whose Gram matrix is reduced, up to this.
pub const MOST: usize = 1024;

/// The stable rank of a matrix of gradients.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EffectiveRank {
    /// tr(A^T A) / ||A||_2^2
    pub rank: f64,
    /// The same of a matrix of standard normals of the same shape, mean of [`DRAWS`].
    pub gaussian: f64,
}

impl EffectiveRank {
    /// Relative to Gaussian: 1 for gradients that have nothing in common.
    pub fn relative(&self) -> f64 {
        self.rank / self.gaussian
    }
}

/// Gaussian matrices that are averaged.
pub const DRAWS: u32 = 4;

/// The stable rank tr(A^T A) / ||A||_2^2 of A, `[row][column]`; None for zeros, and where both extents exceed [`MOST`].
///
/// # Numerics
/// Binary64: the Gram matrix over the shorter extent, Householder's reduction to tridiagonal form, its largest eigenvalue by
/// bisection with Sturm's count. Elements up to 1e150 in magnitude.
pub fn stable_rank(rows: usize, columns: usize, element: impl Fn(usize, usize) -> f64 + Sync) -> Option<f64> {
    let (short, long) = (rows.min(columns), rows.max(columns));
    if short == 0 || short > MOST {
        return None;
    }
    let at = |i: usize, k: usize| if rows <= columns { element(i, k) } else { element(k, i) };
    let vectors: Vec<Vec<f64>> = (0..short).map(|i| (0..long).map(|k| at(i, k)).collect()).collect();
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f64>();
    let mut gram: Vec<Vec<f64>> =
        vectors.par_iter().map(|a| vectors.iter().map(|b| dot(a, b)).collect::<Vec<_>>()).collect();
    let trace: f64 = (0..short).map(|i| gram[i][i]).sum();
    if trace <= 0.0 || !trace.is_finite() {
        return None;
    }
    gram.iter_mut().flatten().for_each(|x| *x /= trace);
    let (diagonal, beside) = tridiagonal(gram);
    Some(largest_eigenvalue(&diagonal, &beside).recip())
}

/// The stable rank of Gaussian matrices of this shape.
pub fn gaussian_rank(rows: usize, columns: usize) -> Option<f64> {
    let draw = |draw| {
        let stream = Stream::new(1, draw, Purpose::Noise, 2, Normal::As241).with_math(Math::Libm);
        let all: Vec<f32> =
            (0..rows as u32).flat_map(|row| (0..columns as u32).map(move |column| stream.value(row, column))).collect();
        stable_rank(rows, columns, |i, k| f64::from(all[i * columns + k]))
    };
    let all: Option<Vec<f64>> = (0..DRAWS).map(draw).collect();
    all.map(|all| all.iter().sum::<f64>() / f64::from(DRAWS))
}

/// Householder's reduction of a symmetric matrix: the diagonal, and the elements beside it.
fn tridiagonal(mut a: Vec<Vec<f64>>) -> (Vec<f64>, Vec<f64>) {
    let n = a.len();
    let mut beside = Vec::new();
    for k in 0..n.saturating_sub(1) {
        let mut v: Vec<f64> = (k + 1..n).map(|i| a[i][k]).collect();
        let norm = v.iter().map(|x| x * x).sum::<f64>().sqrt();
        let alpha = if v[0] > 0.0 { -norm } else { norm };
        beside.push(alpha);
        v[0] -= alpha;
        let square = v.iter().map(|x| x * x).sum::<f64>();
        if square == 0.0 {
            continue;
        }
        // A <- H A H with H = 1 - 2 v v^T / (v^T v), on the rows and columns below k.
        let scale = 2.0 / square;
        let mut p: Vec<f64> =
            (k + 1..n).map(|i| scale * a[i][k + 1..].iter().zip(&v).map(|(x, v)| x * v).sum::<f64>()).collect();
        let half = 0.5 * scale * p.iter().zip(&v).map(|(p, v)| p * v).sum::<f64>();
        p.iter_mut().zip(&v).for_each(|(p, v)| *p -= half * v);
        for i in k + 1..n {
            let (vi, pi) = (v[i - k - 1], p[i - k - 1]);
            a[i][k + 1..].iter_mut().zip(v.iter().zip(&p)).for_each(|(x, (v, p))| *x -= vi * p + pi * v);
        }
    }
    ((0..n).map(|i| a[i][i]).collect(), beside)
}

/// By bisection: the number of eigenvalues below x is the number of negative pivots of T - x.
fn largest_eigenvalue(diagonal: &[f64], beside: &[f64]) -> f64 {
    let n = diagonal.len();
    let reach = |i: usize| {
        let left = if i > 0 { beside[i - 1].abs() } else { 0.0 };
        left + beside.get(i).map_or(0.0, |b| b.abs())
    };
    let all_below = |x: f64| {
        let mut pivot = 1.0;
        (0..n).all(|i| {
            let square = if i > 0 { beside[i - 1] * beside[i - 1] } else { 0.0 };
            pivot = diagonal[i] - x - square / pivot;
            pivot < 0.0
        })
    };
    let mut high = (0..n).map(|i| diagonal[i] + reach(i)).fold(f64::NEG_INFINITY, f64::max);
    let mut low = diagonal.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    // Each halving adds a bit; the bounds of Gershgorin are within a factor of n.
    for _ in 0..80 {
        let middle = 0.5 * (low + high);
        if all_below(middle) { high = middle } else { low = middle }
    }
    0.5 * (low + high)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_spectra() {
        let identity = stable_rank(7, 7, |i, k| if i == k { 3.0 } else { 0.0 }).unwrap();
        assert!((identity - 7.0).abs() < 1e-9);
        let one = stable_rank(5, 300, |i, k| (i as f64 + 1.0) * (k as f64).sin()).unwrap();
        assert!((one - 1.0).abs() < 1e-9);
        // Singular values 2, 1, 1.
        let three = stable_rank(3, 3, |i, k| if i == k { [2.0, 1.0, 1.0][i] } else { 0.0 }).unwrap();
        assert!((three - 1.5).abs() < 1e-9);
        assert_eq!(stable_rank(3, 3, |_, _| 0.0), None);
        assert_eq!(stable_rank(MOST + 1, MOST + 1, |_, _| 1.0), None);
    }

    /// The second difference: eigenvalues 2 - 2 cos(k pi / (n + 1)), so that its Gram matrix has their squares.
    #[test]
    fn a_dense_symmetric_matrix_against_a_closed_formula() {
        let n = 60;
        let element = |i: usize, k: usize| match i.abs_diff(k) {
            0 => 2.0,
            1 => -1.0,
            _ => 0.0,
        };
        let top = 2.0 + 2.0 * (std::f64::consts::PI / (n as f64 + 1.0)).cos();
        let exact = (6.0 * n as f64 - 2.0) / (top * top);
        let measured = stable_rank(n, n, element).unwrap();
        assert!((measured / exact - 1.0).abs() < 1e-10, "{measured} {exact}");
    }

    /// About d M / (sqrt d + sqrt M)^2, from above: the largest singular value lies below the edge at a finite size.
    #[test]
    fn gaussian_matrices_reach_the_edge_of_their_spectrum() {
        for (rows, columns) in [(64, 256), (256, 64), (200, 200)] {
            let (d, m) = (rows as f64, columns as f64);
            let edge = d * m / (d.sqrt() + m.sqrt()).powi(2);
            let measured = gaussian_rank(rows, columns).unwrap();
            assert!((1.0..1.12).contains(&(measured / edge)), "{measured} {edge}");
        }
    }
}
