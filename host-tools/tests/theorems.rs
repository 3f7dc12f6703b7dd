//! Theorems 1, 2 and 4 to 5%, as deep as that can be afforded.
use shatterscope_host::theorem::{Moment, Rule, simulate};

/// Four standard errors below 5% of the theorem's value, and the mean within four of them.
fn holds(name: &str, measured: f64, error: f64, exact: f64) {
    println!("{name}: {measured:.5e} +- {error:.1e}, theorem {exact:.5e}");
    assert!(4.0 * error < 0.05 * exact, "{name}: {error} is too wide to see 5% of {exact}");
    assert!((measured - exact).abs() < 4.0 * error, "{name}: {measured} +- {error}, theorem {exact}");
}

fn theorem(name: &str, rule: Rule, (width, depth): (usize, usize), runs: u32, covariance_to: usize) {
    let (variance_factor, covariance_factor) = rule.factors();
    let moments = simulate(rule, width, depth, runs, 1);
    for (layers, Moment { variance, variance_error, covariance, covariance_error }) in moments.into_iter().enumerate() {
        if layers % 10 == 0 || layers <= 8 {
            let power = |factor: f64| factor.powi(layers as i32);
            holds(&format!("{name}, variance, {layers}"), variance, variance_error, power(variance_factor));
            if layers <= covariance_to {
                holds(&format!("{name}, covariance, {layers}"), covariance, covariance_error, power(covariance_factor));
            }
        }
    }
}

#[test]
#[ignore = "long: a hundred thousand gradients"]
fn theorems_hold_to_5_percent() {
    theorem("theorem 1", Rule::Feedforward, (100, 4), 80_000, 4);
    // The spread over runs grows with depth / width, the expectation holds at every width.
    theorem("theorem 1, deep", Rule::Feedforward, (400, 100), 24_000, 0);
    theorem("theorem 2", Rule::Residual { skip: 1.0, branch: 1.0 }, (100, 8), 80_000, 8);
    let branch = 0.1f64;
    theorem("theorem 4", Rule::Residual { skip: (1.0 - branch * branch).sqrt(), branch }, (100, 100), 4_000, 100);
}
