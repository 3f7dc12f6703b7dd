//! The paper's theorems 1, 2 and 4 at finite width, where they hold exactly: gradients through masks instead of ReLUs.
//!
//! The theorems take a unit to be active for half of the inputs and for a quarter of the pairs, whatever its weights. With masks
//! that are drawn so, independently of the weights, the expectations hold at every width. Given the gradients, a product with
//! fresh Gaussian weights is a Gaussian vector whose covariance is known, so it is drawn without the matrix.
use rayon::prelude::*;
use shatterscope::math::Math;
use shatterscope::random::{Normal, Purpose, Stream};

/// How a gradient passes a layer, from the output down.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Rule {
    /// g <- W^T (m o g)
    Feedforward,
    /// g <- skip g + branch m o (W^T g)
    Residual {
        /// alpha, or the carry of a highway.
        skip: f64,
        /// alpha beta, or the transform of a highway.
        branch: f64,
    },
}

impl Rule {
    /// What a layer multiplies (variance, covariance of a pair of inputs) with, by the theorem.
    pub fn factors(self) -> (f64, f64) {
        match self {
            Rule::Feedforward => (1.0, 0.5),
            Rule::Residual { skip, branch } => {
                let (skip, branch) = (skip * skip, branch * branch);
                (skip + branch, skip + branch / 2.0)
            }
        }
    }

    /// Correlation of the gradients for inputs of correlation rho behind 0, 1, .. depth layers of a real network of infinite
    /// width, whose gates follow from its preactivations: the product of kappa0 over layers whose inputs align.
    pub fn wide_limit(self, rho: f64, depth: usize) -> Vec<f64> {
        use crate::theory::{kappa0, kappa1};
        let (skip, branch) = match self {
            Rule::Feedforward => (0.0, 1.0),
            Rule::Residual { skip, branch } => (skip * skip, branch * branch),
        };
        let (mut rho, mut product) = (rho, 1.0);
        let mut all = vec![product];
        for _ in 0..depth {
            product *= (skip + branch * kappa0(rho)) / (skip + branch);
            rho = (skip * rho + branch * kappa1(rho)) / (skip + branch);
            all.push(product);
        }
        all
    }
}

/// Theorem 3: (variance, correlation) of the gradients at the stem of a resnet with batch norm, `depth` layers with the stem:
/// prod_{l=1}^{depth-1} (1 + beta^2 / v_l) and (1 + beta^2 / (2 v_l)) / (1 + beta^2 / v_l), v_l = 1 + growth beta^2 (l - 1).
///
/// With growth 1 this is the paper's count, whose variance is beta^2 (depth - 1) + 1; batch norm divides by the centred variance,
/// which is growth 1 - 1/pi.
pub fn normed_resnet(beta: f64, growth: f64, depth: u32) -> (f64, f64) {
    let square = beta * beta;
    (1..depth).fold((1.0, 1.0), |(variance, correlation), layer| {
        let share = square / (1.0 + growth * square * f64::from(layer - 1));
        (variance * (1.0 + share), correlation * (1.0 + share / 2.0) / (1.0 + share))
    })
}

/// Behind a number of layers: means over runs and units, with standard errors over runs.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Moment {
    /// E[g_1^2]
    pub variance: f64,
    /// Its error.
    pub variance_error: f64,
    /// E[g_1 g_2]
    pub covariance: f64,
    /// Its error.
    pub covariance_error: f64,
}

/// A pair of gradients, from N(0, I) for both inputs, through `depth` layers of `width` units (a multiple of 4): moments behind
/// 0, 1, .. depth of them.
pub fn simulate(rule: Rule, width: usize, depth: usize, runs: u32, seed: u64) -> Vec<Moment> {
    /// Runs that are summed in order; the sums too.
    const CHUNK: u32 = 256;
    let sums: Vec<Vec<[f64; 4]>> = (0..runs.div_ceil(CHUNK))
        .into_par_iter()
        .map(|chunk| {
            let mut sums = vec![[0.0; 4]; depth + 1];
            for run in chunk * CHUNK..runs.min((chunk + 1) * CHUNK) {
                for (sum, (variance, covariance)) in sums.iter_mut().zip(one(rule, width, depth, run, seed)) {
                    let terms = [variance, variance * variance, covariance, covariance * covariance];
                    sum.iter_mut().zip(terms).for_each(|(sum, term)| *sum += term);
                }
            }
            sums
        })
        .collect();
    let n = f64::from(runs);
    let error = |sum: f64, square: f64| ((square - sum * sum / n).max(0.0) / (n * (n - 1.0))).sqrt();
    (0..=depth)
        .map(|layer| {
            let [v, vv, c, cc] = sums.iter().fold([0.0; 4], |mut all, chunk| {
                all.iter_mut().zip(chunk[layer]).for_each(|(all, sum)| *all += sum);
                all
            });
            Moment { variance: v / n, variance_error: error(v, vv), covariance: c / n, covariance_error: error(c, cc) }
        })
        .collect()
}

/// (mean g_1^2, mean g_1 g_2) behind each layer of one run.
fn one(rule: Rule, width: usize, depth: usize, run: u32, seed: u64) -> Vec<(f64, f64)> {
    let mut pairs: Vec<[f64; 2]> = normals(seed, run, 0, width).map(|normal| [normal, normal]).collect();
    let mean = |pairs: &[[f64; 2]]| {
        let sum = |f: fn(&[f64; 2]) -> f64| pairs.iter().map(f).sum::<f64>() / width as f64;
        (sum(|g| g[0] * g[0]), sum(|g| g[0] * g[1]))
    };
    let mut all = vec![mean(&pairs)];
    for layer in 1..=depth as u32 {
        let masks = masks(seed, run, layer, width);
        match rule {
            Rule::Feedforward => {
                pairs.iter_mut().zip(&masks).for_each(|(g, mask)| *g = masked(*g, *mask));
                pairs = through_weights(&pairs, seed, run, layer);
            }
            Rule::Residual { skip, branch } => {
                let through = through_weights(&pairs, seed, run, layer);
                for ((g, through), mask) in pairs.iter_mut().zip(through).zip(&masks) {
                    let branched = masked(through, *mask);
                    *g = [0, 1].map(|input| skip * g[input] + branch * branched[input]);
                }
            }
        }
        all.push(mean(&pairs));
    }
    all
}

fn masked(g: [f64; 2], mask: [bool; 2]) -> [f64; 2] {
    [0, 1].map(|input| if mask[input] { g[input] } else { 0.0 })
}

/// W^T u for both inputs, W fresh with variance 2/N: units independent, the pair of a unit with covariance 2/N u_a . u_b.
fn through_weights(pairs: &[[f64; 2]], seed: u64, run: u32, layer: u32) -> Vec<[f64; 2]> {
    let scale = 2.0 / pairs.len() as f64;
    let dot = |a: usize, b: usize| scale * pairs.iter().map(|u| u[a] * u[b]).sum::<f64>();
    let (aa, ab, bb) = (dot(0, 0), dot(0, 1), dot(1, 1));
    let first = aa.sqrt();
    let along = if first > 0.0 { ab / first } else { 0.0 };
    let across = (bb - along * along).max(0.0).sqrt();
    let mut normals = normals(seed, run, layer, 2 * pairs.len());
    let mut next = || normals.next().unwrap_or_default();
    (0..pairs.len())
        .map(|_| {
            let (u, v) = (next(), next());
            [first * u, along * u + across * v]
        })
        .collect()
}

fn normals(seed: u64, run: u32, layer: u32, count: usize) -> impl Iterator<Item = f64> {
    let stream = Stream::new(seed, run, Purpose::Noise, layer, Normal::As241);
    (0..count.div_ceil(4) as u32)
        .flat_map(move |block| stream.words(0, block))
        .map(|word| f64::from(Normal::As241.value([word; 4], Math::Libm)))
        .take(count)
}

/// A quarter of the units active for both inputs, for the first, for the second, for none; in random order.
fn masks(seed: u64, run: u32, layer: u32, width: usize) -> Vec<[bool; 2]> {
    let mut masks: Vec<[bool; 2]> =
        (0..width).map(|unit| [unit * 4 / width < 2, (unit * 4 / width).is_multiple_of(2)]).collect();
    let stream = Stream::new(seed, run, Purpose::Weight, layer, Normal::As241);
    for (block, last) in (1..width).rev().enumerate() {
        let [word, ..] = stream.words(1, block as u32);
        // Fisher and Yates; the bias of a multiplication by 2^-32 is below 1e-7.
        masks.swap(last, ((u64::from(word) * (last as u64 + 1)) >> 32) as usize);
    }
    masks
}

#[cfg(test)]
mod tests {
    use super::*;

    const HIGHWAY: Rule = Rule::Residual { skip: 0.6, branch: 0.8 };

    #[test]
    fn masks_have_their_quarters() {
        for (run, width) in [(0, 4), (1, 20), (2, 100)] {
            let masks = masks(1, run, 3, width);
            for kind in [[true, true], [true, false], [false, true], [false, false]] {
                assert_eq!(masks.iter().filter(|&&mask| mask == kind).count(), width / 4);
            }
        }
    }

    /// Vectors drawn with the covariance of a product, against products with matrices that are drawn.
    #[test]
    fn weights_need_no_matrix() {
        let (width, runs) = (8, 20_000);
        for rule in [Rule::Feedforward, HIGHWAY] {
            let (mut sum, mut square) = (0.0, 0.0);
            for run in 0..runs {
                let mut pairs: Vec<[f64; 2]> = normals(5, run, 0, width).map(|g| [g, g]).collect();
                for layer in 1..=2 {
                    let weights: Vec<f64> = normals(6, run, layer, width * width).collect();
                    let masks = masks(7, run, layer, width);
                    let product = |u: &[[f64; 2]]| -> Vec<[f64; 2]> {
                        let at = |j: usize, input: usize| {
                            (0..width).map(|i| weights[i * width + j] * 0.5 * u[i][input]).sum::<f64>()
                        };
                        (0..width).map(|j| [at(j, 0), at(j, 1)]).collect()
                    };
                    let masked = |u: &[[f64; 2]]| u.iter().zip(&masks).map(|(g, m)| masked(*g, *m)).collect::<Vec<_>>();
                    pairs = match rule {
                        Rule::Feedforward => product(&masked(&pairs)),
                        Rule::Residual { skip, branch } => {
                            let branched = masked(&product(&pairs));
                            let join = |(g, b): (&[f64; 2], &[f64; 2])| [0, 1].map(|k| skip * g[k] + branch * b[k]);
                            pairs.iter().zip(&branched).map(join).collect()
                        }
                    };
                }
                let covariance = pairs.iter().map(|g| g[0] * g[1]).sum::<f64>() / width as f64;
                sum += covariance / f64::from(runs);
                square += covariance * covariance / f64::from(runs);
            }
            let error = ((square - sum * sum) / f64::from(runs)).sqrt();
            let drawn = simulate(rule, width, 2, runs, 1)[2];
            let exact = rule.factors().1.powi(2);
            assert!((sum - exact).abs() < 4.0 * error, "matrices: {sum} +- {error}, exact {exact}");
            assert!((drawn.covariance - exact).abs() < 4.0 * drawn.covariance_error, "{drawn:?}, exact {exact}");
            // The same spread, too: not only the same mean.
            assert!((drawn.covariance_error / error - 1.0).abs() < 0.1, "{} {error}", drawn.covariance_error);
        }
    }

    #[test]
    fn theorem_3_as_printed_and_corrected() {
        let (variance, correlation) = normed_resnet(1.0, 1.0, 50);
        assert!((variance - 50.0).abs() < 1e-9 && (correlation - 0.159).abs() < 5e-4, "{variance} {correlation}");
        let (variance, correlation) = normed_resnet(1.0, 1.0 - 1.0 / std::f64::consts::PI, 50);
        assert!((variance - 149.1).abs() < 0.05 && (correlation - 0.0955).abs() < 5e-5, "{variance} {correlation}");
    }

    #[test]
    fn rules_have_the_theorems_factors() {
        assert_eq!(Rule::Feedforward.factors(), (1.0, 0.5));
        assert_eq!(Rule::Residual { skip: 1.0, branch: 1.0 }.factors(), (2.0, 1.5));
        let (variance, covariance) = HIGHWAY.factors();
        assert!((variance - 1.0).abs() < 1e-12 && (covariance - 0.68).abs() < 1e-12);
        // Typical inputs: while they do not correlate a real network follows the theorem.
        assert_eq!(Rule::Feedforward.wide_limit(0.0, 1), [1.0, 0.5]);
        assert!(Rule::Feedforward.wide_limit(0.0, 10)[10] > 10.0 * 0.5f64.powi(10));
    }
}
