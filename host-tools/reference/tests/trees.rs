//! Every derivative of deep nets with nested branches: inputs, all parameters (those in branches too) and tangents,
//! against central differences inside one linear region, and forward mode against reverse mode.
use shatterscope_reference::{Chosen, Gradients, Layer, Network, Pass, Plane, Statistics, Windows};

const POINTS: usize = 9;
const STEP: f64 = 1e-5;
const MODES: [Statistics; 2] = [Statistics::Detached, Statistics::Full];

struct Random(u64);

impl Random {
    fn next(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1u64 << 52) as f64 - 1.0
    }

    fn vector(&mut self, len: usize) -> Vec<f64> {
        (0..len).map(|_| self.next()).collect()
    }

    fn matrix(&mut self, rows: usize, columns: usize) -> Vec<Vec<f64>> {
        (0..rows).map(|_| self.vector(columns)).collect()
    }

    fn dense(&mut self, rows: usize, columns: usize) -> Layer {
        Layer::Dense { weight: self.matrix(rows, columns), bias: self.vector(rows) }
    }

    fn batch(&mut self, units: usize) -> Layer {
        Layer::BatchNorm { plane: 1, eps: 1e-2, gamma: Some(self.vector(units)), beta: Some(self.vector(units)) }
    }

    /// 3 inputs, 5 units, 2 outputs; every layer type, in the trunk and in a branch of a branch.
    fn network(&mut self) -> Network {
        let inner = vec![self.batch(5), Layer::Crelu, self.dense(5, 10)];
        let outer = vec![
            Layer::Centre,
            Layer::Relu,
            Layer::Residual { a: -0.7, b: 1.3, shortcut: None, branch: inner },
            self.batch(5),
            self.dense(5, 5),
        ];
        let layers = vec![
            self.dense(5, 3),
            Layer::Residual { a: 0.8, b: 0.6, shortcut: None, branch: outer },
            self.batch(5),
            Layer::Crelu,
            self.dense(4, 10),
            Layer::Centre,
            Layer::Relu,
            self.dense(2, 4),
        ];
        Network { layers }
    }

    fn convolution(&mut self, plane: Plane, fan_out: usize) -> Layer {
        let weights = self.vector(fan_out * plane.channels * plane.window.0 * plane.window.1);
        Layer::Windows(Windows::convolution(&plane, weights, self.vector(fan_out)))
    }

    /// 3 inputs, images of 2, 3 and 4 channels, 2 outputs; every layer type of images.
    fn images(&mut self) -> Network {
        let plane = |channels, size, window, stride, padding| Plane { channels, size, window, stride, padding };
        let norm = Layer::BatchNorm { plane: 20, eps: 1e-2, gamma: Some(self.vector(3)), beta: Some(self.vector(3)) };
        let branch = vec![self.convolution(plane(3, (5, 4), (3, 3), 1, 1), 3), Layer::Mask(self.matrix(POINTS, 60))];
        let layers = vec![
            self.dense(40, 3),
            self.convolution(plane(2, (5, 4), (3, 3), 1, 1), 3),
            norm,
            Layer::Prelu { plane: 20, slope: self.vector(3) },
            Layer::Residual { a: 0.8, b: 0.6, shortcut: None, branch },
            Layer::MaxPool(Chosen::max(&plane(3, (5, 4), (3, 2), 2, 1))),
            Layer::Windows(Windows::shortcut(&plane(3, (3, 3), (1, 1), 2, 0), 4)),
            self.convolution(plane(4, (2, 2), (1, 2), 1, 0), 2),
            Layer::Windows(Windows::average(&plane(2, (2, 1), (2, 1), 1, 0))),
            self.dense(2, 2),
        ];
        Network { layers }
    }
}

/// All parameters of a tree, in the order of [`flat`].
fn parameters(layers: &mut [Layer]) -> Vec<&mut f64> {
    let mut all = Vec::new();
    for layer in layers {
        match layer {
            Layer::Dense { weight, bias } => all.extend(weight.iter_mut().flatten().chain(bias)),
            Layer::BatchNorm { gamma, beta, .. } => {
                all.extend(gamma.iter_mut().flatten().chain(beta.iter_mut().flatten()))
            }
            Layer::Prelu { slope, .. } => all.extend(slope),
            Layer::Residual { branch, .. } => all.extend(parameters(branch)),
            Layer::Windows(windows) if !windows.bias.is_empty() => {
                all.extend(windows.weights.iter_mut().chain(&mut windows.bias));
            }
            _ => {}
        }
    }
    all
}

fn flat(gradients: &[Gradients]) -> Vec<f64> {
    let of = |gradient: &Gradients| match gradient {
        Gradients::Dense { weight, bias } => weight.iter().flatten().chain(bias).copied().collect(),
        Gradients::Windows { bias, .. } if bias.is_empty() => Vec::new(),
        Gradients::Windows { weight, bias } | Gradients::BatchNorm { gamma: weight, beta: bias } => {
            weight.iter().chain(bias).copied().collect()
        }
        Gradients::Prelu(slope) => slope.clone(),
        Gradients::Residual(branch) => flat(branch),
        Gradients::None => Vec::new(),
    };
    gradients.iter().flat_map(of).collect()
}

fn inner(a: &[Vec<f64>], b: &[Vec<f64>]) -> f64 {
    a.iter().flatten().zip(b.iter().flatten()).map(|(a, b)| a * b).sum()
}

/// The outputs of a network near a pass, with the statistics that the mode asks for and the gates of the pass.
fn near(network: &Network, x: &[Vec<f64>], pass: &Pass, mode: Statistics) -> Vec<Vec<f64>> {
    let moved = match mode {
        Statistics::Detached => network.forward_frozen(x, pass),
        Statistics::Full => network.forward(x),
    };
    assert_eq!(moved.gates(), pass.gates(), "the step leaves the linear region");
    moved.outputs
}

/// Relative error below 1e-6; an entry below 1 % of the largest counts as 1 % of it, for gradients that are 0.
fn assert_close(exact: &[f64], differences: &[f64], what: &str) {
    assert_eq!(exact.len(), differences.len(), "{what}: shapes");
    let floor = exact.iter().fold(0.0f64, |m, g| m.max(g.abs())) / 100.0;
    assert!(floor > 0.0, "{what}: no gradient at all");
    for (i, (g, d)) in exact.iter().zip(differences).enumerate() {
        assert!((g - d).abs() <= 1e-6 * g.abs().max(floor), "{what} {i}: {g} against {d}");
    }
}

/// Network, inputs, output weights and input tangents for every seed and mode.
fn each(check: impl Fn(&Network, &[Vec<f64>], &[Vec<f64>], &[Vec<f64>], Statistics)) {
    for seed in 1..=4u64 {
        let mut random = Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        for network in [random.network(), random.images()] {
            let (x, u, v) = (random.matrix(POINTS, 3), random.matrix(POINTS, 2), random.matrix(POINTS, 3));
            for mode in MODES {
                check(&network, &x, &u, &v, mode);
            }
        }
    }
}

#[test]
fn input_gradients() {
    each(|network, x, u, _, mode| {
        let pass = network.forward(x);
        let exact = network.backward(&pass, u, mode).0.concat();
        let at = |i: usize, h: f64| {
            let mut x = x.to_vec();
            x[i / 3][i % 3] += h;
            inner(&near(network, &x, &pass, mode), u)
        };
        let differences: Vec<f64> = (0..POINTS * 3).map(|i| (at(i, STEP) - at(i, -STEP)) / (2.0 * STEP)).collect();
        assert_close(&exact, &differences, "input");
    });
}

#[test]
fn parameter_gradients() {
    each(|network, x, u, _, mode| {
        let pass = network.forward(x);
        let exact = flat(&network.backward(&pass, u, mode).1);
        let at = |i: usize, h: f64| {
            let mut network = network.clone();
            *parameters(&mut network.layers)[i] += h;
            inner(&near(&network, x, &pass, mode), u)
        };
        let count = parameters(&mut network.clone().layers).len();
        let differences: Vec<f64> = (0..count).map(|i| (at(i, STEP) - at(i, -STEP)) / (2.0 * STEP)).collect();
        assert_close(&exact, &differences, "parameter");
    });
}

#[test]
fn tangents() {
    each(|network, x, _, v, mode| {
        let pass = network.forward(x);
        let exact = network.tangent(&pass, v, mode).concat();
        let at = |h: f64| {
            let moved: Vec<Vec<f64>> =
                x.iter().zip(v).map(|(x, v)| x.iter().zip(v).map(|(x, v)| x + h * v).collect()).collect();
            near(network, &moved, &pass, mode).concat()
        };
        let differences: Vec<f64> = at(STEP).iter().zip(at(-STEP)).map(|(f, b)| (f - b) / (2.0 * STEP)).collect();
        assert_close(&exact, &differences, "tangent");
    });
}

/// <J v, u> = <v, J^T u>
#[test]
fn adjoint() {
    each(|network, x, u, v, mode| {
        let pass = network.forward(x);
        let along = inner(&network.tangent(&pass, v, mode), u);
        let back = inner(v, &network.backward(&pass, u, mode).0);
        assert!((along - back).abs() <= 1e-12 * along.abs(), "{along} against {back}");
    });
}
