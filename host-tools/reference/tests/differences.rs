//! The oracle itself against finite differences inside one linear region, and forward mode against reverse mode.
use shatterscope_reference::{Gradients, Layer, Network, Statistics};

struct Random(u64);

impl Random {
    fn next(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1u64 << 52) as f64 - 1.0
    }

    fn matrix(&mut self, rows: usize, columns: usize) -> Vec<Vec<f64>> {
        (0..rows).map(|_| (0..columns).map(|_| self.next()).collect()).collect()
    }

    fn dense(&mut self, rows: usize, columns: usize) -> Layer {
        Layer::Dense { weight: self.matrix(rows, columns), bias: self.matrix(1, rows).remove(0) }
    }
}

fn networks() -> Vec<(&'static str, Network)> {
    let mut random = Random(7);
    let batch = |random: &mut Random, units| Layer::BatchNorm {
        eps: 1e-3,
        gamma: Some(random.matrix(1, units).remove(0)),
        beta: Some(random.matrix(1, units).remove(0)),
    };
    let residual = |random: &mut Random, norm: Option<Layer>| {
        let mut branch: Vec<Layer> = norm.into_iter().collect();
        branch.extend([Layer::Relu, random.dense(4, 4)]);
        Layer::Residual { a: 0.8, b: 0.6, branch }
    };
    let affine = batch(&mut random, 4);
    let inside = batch(&mut random, 4);
    vec![
        ("relu", Network { layers: vec![random.dense(4, 2), Layer::Relu, random.dense(2, 4)] }),
        ("crelu", Network { layers: vec![random.dense(4, 2), Layer::Crelu, random.dense(2, 8)] }),
        ("centre", Network { layers: vec![random.dense(4, 2), Layer::Centre, Layer::Relu, random.dense(2, 4)] }),
        ("batch", Network { layers: vec![random.dense(4, 2), affine, Layer::Relu, random.dense(2, 4)] }),
        (
            "residual",
            Network {
                layers: vec![
                    random.dense(4, 2),
                    residual(&mut random, Some(Layer::Centre)),
                    residual(&mut random, Some(inside)),
                    residual(&mut random, None),
                    Layer::Relu,
                    random.dense(2, 4),
                ],
            },
        ),
    ]
}

const POINTS: usize = 7;

fn setting() -> (Vec<Vec<f64>>, Vec<Vec<f64>>) {
    let mut random = Random(99);
    (random.matrix(POINTS, 2), random.matrix(POINTS, 2))
}

fn weighted(outputs: &[Vec<f64>], u: &[Vec<f64>]) -> f64 {
    outputs.iter().flatten().zip(u.iter().flatten()).map(|(f, u)| f * u).sum()
}

fn close(a: f64, b: f64, what: &str) {
    assert!((a - b).abs() <= 1e-6 * (1.0 + a.abs().max(b.abs())), "{what}: {a} against {b}");
}

#[test]
fn input_gradients_are_differences() {
    let (x, u) = setting();
    for (name, network) in networks() {
        for statistics in [Statistics::Detached, Statistics::Full] {
            let pass = network.forward(&x);
            let (gradient, _) = network.backward(&pass, &u, statistics);
            for p in 0..POINTS {
                for k in 0..2 {
                    let at = |h: f64| {
                        let mut moved = x.clone();
                        moved[p][k] += h;
                        let moved = match statistics {
                            Statistics::Detached => network.forward_frozen(&moved, &pass),
                            Statistics::Full => network.forward(&moved),
                        };
                        assert_eq!(moved.gates(), pass.gates(), "{name}: the step leaves the linear region");
                        weighted(&moved.outputs, &u)
                    };
                    let h = 1e-6;
                    close((at(h) - at(-h)) / (2.0 * h), gradient[p][k], name);
                }
            }
        }
    }
}

#[test]
fn parameter_gradients_are_differences() {
    let (x, u) = setting();
    for (name, network) in networks() {
        let pass = network.forward(&x);
        let (_, gradients) = network.backward(&pass, &u, Statistics::Full);
        let moved = |change: &dyn Fn(&mut Layer, f64), layer: usize| {
            let at = |h: f64| {
                let mut network = network.clone();
                change(&mut network.layers[layer], h);
                weighted(&network.forward(&x).outputs, &u)
            };
            (at(1e-6) - at(-1e-6)) / 2e-6
        };
        for (i, gradient) in gradients.iter().enumerate() {
            match gradient {
                Gradients::Dense { weight, bias } => {
                    for (row, of_row) in weight.iter().enumerate() {
                        for (column, of) in of_row.iter().enumerate() {
                            let change = |layer: &mut Layer, h: f64| {
                                if let Layer::Dense { weight, .. } = layer {
                                    weight[row][column] += h;
                                }
                            };
                            close(moved(&change, i), *of, name);
                        }
                        let change = |layer: &mut Layer, h: f64| {
                            if let Layer::Dense { bias, .. } = layer {
                                bias[row] += h;
                            }
                        };
                        close(moved(&change, i), bias[row], name);
                    }
                }
                Gradients::BatchNorm { gamma, beta } => {
                    for unit in 0..gamma.len() {
                        let change_gamma = |layer: &mut Layer, h: f64| {
                            if let Layer::BatchNorm { gamma: Some(gamma), .. } = layer {
                                gamma[unit] += h;
                            }
                        };
                        close(moved(&change_gamma, i), gamma[unit], name);
                        let change_beta = |layer: &mut Layer, h: f64| {
                            if let Layer::BatchNorm { beta: Some(beta), .. } = layer {
                                beta[unit] += h;
                            }
                        };
                        close(moved(&change_beta, i), beta[unit], name);
                    }
                }
                Gradients::Residual(_) | Gradients::None => {}
            }
        }
    }
}

#[test]
fn forward_mode_is_the_adjoint_of_reverse_mode() {
    let (x, u) = setting();
    let v = Random(5).matrix(POINTS, 2);
    for (name, network) in networks() {
        for statistics in [Statistics::Detached, Statistics::Full] {
            let pass = network.forward(&x);
            let along = weighted(&network.tangent(&pass, &v, statistics), &u);
            let back = weighted(&network.backward(&pass, &u, statistics).0, &v);
            assert!((along - back).abs() < 1e-12 * (1.0 + along.abs()), "{name}: {along} against {back}");
        }
    }
}
