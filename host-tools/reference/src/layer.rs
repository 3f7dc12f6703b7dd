use crate::image::{Chosen, Windows};

pub(crate) type Batch = Vec<Vec<f64>>;

/// One operation.
#[derive(Clone, Debug)]
pub enum Layer {
    /// `y_i = bias_i + sum_k weight_ik x_k`
    Dense {
        /// `[out][in]`
        weight: Batch,
        /// `[out]`
        bias: Vec<f64>,
    },
    /// max(x, 0), derivative 1 where x > 0
    Relu,
    /// unit k -> features 2k = relu(x), 2k+1 = relu(-x); the derivative at 0 belongs to the second
    Crelu,
    /// x where x > 0, elsewhere slope x
    Prelu {
        /// Units of a channel, 1 for vectors.
        plane: usize,
        /// `[channel]`
        slope: Vec<f64>,
    },
    /// x times a constant of its own for each point and unit, `[point][unit]`
    Mask(Batch),
    /// a convolution, an average pool, a shortcut
    Windows(Windows),
    /// the largest of the units that each output sees
    MaxPool(Chosen),
    /// minus the mean over the points
    Centre,
    /// (x - mean) / sqrt(var + eps) * gamma + beta, mean and variance over the points and the units of a channel
    BatchNorm {
        /// Units of a channel, 1 for vectors.
        plane: usize,
        /// Under the root.
        eps: f64,
        /// `[channel]` or none.
        gamma: Option<Vec<f64>>,
        /// `[channel]` or none.
        beta: Option<Vec<f64>>,
    },
    /// a S(x) + b F(x)
    Residual {
        /// Of the input.
        a: f64,
        /// Of the branch.
        b: f64,
        /// S, nothing where the branch keeps the shape.
        shortcut: Option<Windows>,
        /// F
        branch: Vec<Layer>,
    },
}

/// Whether a norm's statistics are differentiated through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Statistics {
    /// Constants.
    Detached,
    /// Functions of the points.
    Full,
}

/// What a layer keeps of a forward pass.
#[derive(Clone, Debug, Default)]
pub struct Trace {
    input: Batch,
    mean: Vec<f64>,
    inv: Vec<f64>,
    xhat: Batch,
    /// `[point]`: which side, or which choice.
    gates: Vec<Vec<bool>>,
    /// `[point]`: how far the nearest gate is from turning.
    margins: Vec<f64>,
    /// `[point][output]`: the input that an output of a max pool chose.
    choices: Vec<Vec<usize>>,
    branch: Vec<Trace>,
}

/// Gradients of a layer's parameters.
#[derive(Clone, Debug)]
pub enum Gradients {
    /// Of a dense layer.
    Dense {
        /// `[out][in]`
        weight: Batch,
        /// `[out]`
        bias: Vec<f64>,
    },
    /// Of windows, in their order.
    Windows {
        /// Of each weight.
        weight: Vec<f64>,
        /// Of each bias.
        bias: Vec<f64>,
    },
    /// Of slopes, `[channel]`.
    Prelu(Vec<f64>),
    /// Of a batch norm.
    BatchNorm {
        /// `[channel]`
        gamma: Vec<f64>,
        /// `[channel]`
        beta: Vec<f64>,
    },
    /// Of the layers in a branch.
    Residual(Vec<Gradients>),
    /// No parameters.
    None,
}

fn mean_over(batch: &Batch, f: impl Fn(usize, usize) -> f64) -> Vec<f64> {
    let n = batch.len() as f64;
    (0..batch[0].len()).map(|u| (0..batch.len()).map(|p| f(p, u)).sum::<f64>() / n).collect()
}

/// The means of the channels, each at all of its units, from the means of the units.
fn over_planes(units: Vec<f64>, plane: usize) -> Vec<f64> {
    let mean = |channel: &[f64]| channel.iter().sum::<f64>() / plane as f64;
    units.chunks(plane).flat_map(|channel| vec![mean(channel); plane]).collect()
}

fn map(batch: &Batch, f: impl Fn(usize, usize) -> f64) -> Batch {
    batch.iter().enumerate().map(|(p, x)| (0..x.len()).map(|u| f(p, u)).collect()).collect()
}

pub(crate) fn forward_all(layers: &[Layer], mut x: Batch, frozen: Option<&[Trace]>) -> (Batch, Vec<Trace>) {
    let mut traces = Vec::new();
    for (i, layer) in layers.iter().enumerate() {
        let (y, trace) = layer.forward(x, frozen.map(|traces| &traces[i]));
        x = y;
        traces.push(trace);
    }
    (x, traces)
}

pub(crate) fn backward_all(
    layers: &[Layer],
    traces: &[Trace],
    mut g: Batch,
    statistics: Statistics,
) -> (Batch, Vec<Gradients>) {
    let mut parameters = Vec::new();
    for (layer, trace) in layers.iter().zip(traces).rev() {
        let (input, of) = layer.backward(trace, &g, statistics);
        g = input;
        parameters.push(of);
    }
    parameters.reverse();
    (g, parameters)
}

pub(crate) fn tangent_all(layers: &[Layer], traces: &[Trace], mut t: Batch, statistics: Statistics) -> Batch {
    for (layer, trace) in layers.iter().zip(traces) {
        t = layer.tangent(trace, &t, statistics);
    }
    t
}

pub(crate) fn gates(traces: &[Trace], out: &mut Vec<bool>) {
    for point in 0..traces.first().map_or(0, |trace| trace.input.len()) {
        gates_of(traces, point, out);
    }
}

pub(crate) fn gates_of(traces: &[Trace], point: usize, out: &mut Vec<bool>) {
    for trace in traces {
        out.extend(trace.gates.get(point).into_iter().flatten());
        gates_of(&trace.branch, point, out);
    }
}

pub(crate) fn margin_of(traces: &[Trace], point: usize) -> f64 {
    traces.iter().fold(f64::INFINITY, |margin, trace| {
        let own = trace.margins.get(point).copied().unwrap_or(f64::INFINITY);
        margin.min(own).min(margin_of(&trace.branch, point))
    })
}

impl Trace {
    fn rectifies(&mut self) {
        self.gates = self.input.iter().map(|x| x.iter().map(|x| *x > 0.0).collect()).collect();
        self.margins = self.input.iter().map(|x| x.iter().fold(f64::INFINITY, |m, x| m.min(x.abs()))).collect();
    }
}

impl Layer {
    fn forward(&self, x: Batch, frozen: Option<&Trace>) -> (Batch, Trace) {
        let mut trace = Trace { input: x.clone(), ..Trace::default() };
        let y = match self {
            Layer::Dense { weight, bias } => {
                x.iter().map(|x| weight.iter().zip(bias).map(|(w, b)| b + dot(w, x)).collect()).collect()
            }
            Layer::Relu => {
                trace.rectifies();
                map(&x, |p, u| x[p][u].max(0.0))
            }
            Layer::Crelu => {
                trace.rectifies();
                x.iter().map(|x| x.iter().flat_map(|x| [x.max(0.0), (-x).max(0.0)]).collect()).collect()
            }
            Layer::Prelu { plane, slope } => {
                trace.rectifies();
                map(&x, |p, u| if x[p][u] > 0.0 { x[p][u] } else { slope[u / plane] * x[p][u] })
            }
            Layer::Mask(mask) => map(&x, |p, u| mask[p][u] * x[p][u]),
            Layer::Windows(windows) => windows.forward(&x, &windows.bias),
            Layer::MaxPool(chosen) => {
                (trace.choices, trace.gates, trace.margins) = chosen.choose(&x);
                chosen.forward(&trace.choices, &x)
            }
            Layer::Centre => {
                trace.mean = frozen.map_or_else(|| mean_over(&x, |p, u| x[p][u]), |of| of.mean.clone());
                map(&x, |p, u| x[p][u] - trace.mean[u])
            }
            Layer::BatchNorm { plane, eps, gamma, beta } => {
                let mean = over_planes(mean_over(&x, |p, u| x[p][u]), *plane);
                let variance = over_planes(mean_over(&x, |p, u| (x[p][u] - mean[u]).powi(2)), *plane);
                trace.inv = variance.iter().map(|v| 1.0 / (v + eps).sqrt()).collect();
                trace.mean = mean;
                if let Some(of) = frozen {
                    (trace.mean, trace.inv) = (of.mean.clone(), of.inv.clone());
                }
                trace.xhat = map(&x, |p, u| (x[p][u] - trace.mean[u]) * trace.inv[u]);
                map(&x, |p, u| trace.xhat[p][u] * at(gamma, u / plane, 1.0) + at(beta, u / plane, 0.0))
            }
            Layer::Residual { a, b, shortcut, branch } => {
                let (f, traces) = forward_all(branch, x.clone(), frozen.map(|of| &of.branch[..]));
                trace.branch = traces;
                let skip = past(shortcut, &x);
                map(&skip, |p, u| a * skip[p][u] + b * f[p][u])
            }
        };
        (y, trace)
    }

    fn backward(&self, trace: &Trace, g: &Batch, statistics: Statistics) -> (Batch, Gradients) {
        let x = &trace.input;
        match self {
            Layer::Dense { weight, bias } => {
                let input = map(x, |p, k| (0..weight.len()).map(|i| weight[i][k] * g[p][i]).sum());
                let over_points = |f: &dyn Fn(usize) -> f64| (0..x.len()).map(f).sum::<f64>();
                let of_weight = (0..weight.len())
                    .map(|i| (0..weight[i].len()).map(|k| over_points(&|p| g[p][i] * x[p][k])).collect())
                    .collect();
                let of_bias = (0..bias.len()).map(|i| over_points(&|p| g[p][i])).collect();
                (input, Gradients::Dense { weight: of_weight, bias: of_bias })
            }
            Layer::Relu => (map(x, |p, u| if x[p][u] > 0.0 { g[p][u] } else { 0.0 }), Gradients::None),
            Layer::Crelu => {
                let through = |p: usize, u: usize| if x[p][u] > 0.0 { g[p][2 * u] } else { -g[p][2 * u + 1] };
                (map(x, through), Gradients::None)
            }
            Layer::Prelu { plane, slope } => {
                let input = map(x, |p, u| if x[p][u] > 0.0 { g[p][u] } else { slope[u / plane] * g[p][u] });
                let mut of_slope = vec![0.0; slope.len()];
                for (x, g) in x.iter().zip(g) {
                    for (u, (x, g)) in x.iter().zip(g).enumerate() {
                        of_slope[u / plane] += if *x > 0.0 { 0.0 } else { g * x };
                    }
                }
                (input, Gradients::Prelu(of_slope))
            }
            Layer::Mask(mask) => (map(x, |p, u| mask[p][u] * g[p][u]), Gradients::None),
            Layer::Windows(windows) => {
                let (weight, bias) = windows.backward_parameters(x, g);
                (windows.backward(g, x[0].len()), Gradients::Windows { weight, bias })
            }
            Layer::MaxPool(chosen) => (chosen.backward(&trace.choices, g, x[0].len()), Gradients::None),
            Layer::Centre => (norm_derivative(g, None, 1, statistics), Gradients::None),
            Layer::BatchNorm { plane, gamma, .. } => {
                let q = map(g, |p, u| g[p][u] * at(gamma, u / plane, 1.0));
                let of_gamma = mean_over(g, |p, u| g[p][u] * trace.xhat[p][u]);
                let of_beta = mean_over(g, |p, u| g[p][u]);
                let n = g.len() as f64;
                let sum = |mean: Vec<f64>| mean.chunks(*plane).map(|m| m.iter().sum::<f64>() * n).collect();
                let parameters = Gradients::BatchNorm { gamma: sum(of_gamma), beta: sum(of_beta) };
                (norm_derivative(&q, Some(trace), *plane, statistics), parameters)
            }
            Layer::Residual { a, b, shortcut, branch } => {
                let scaled = map(g, |p, u| b * g[p][u]);
                let (through, parameters) = backward_all(branch, &trace.branch, scaled, statistics);
                let skip = shortcut.as_ref().map_or_else(|| g.clone(), |windows| windows.backward(g, x[0].len()));
                (map(x, |p, u| a * skip[p][u] + through[p][u]), Gradients::Residual(parameters))
            }
        }
    }

    fn tangent(&self, trace: &Trace, t: &Batch, statistics: Statistics) -> Batch {
        let x = &trace.input;
        match self {
            Layer::Dense { weight, .. } => t.iter().map(|t| weight.iter().map(|w| dot(w, t)).collect()).collect(),
            Layer::Relu => map(x, |p, u| if x[p][u] > 0.0 { t[p][u] } else { 0.0 }),
            Layer::Crelu => (x.iter().zip(t))
                .map(|(x, t)| x.iter().zip(t).flat_map(|(x, t)| if *x > 0.0 { [*t, 0.0] } else { [0.0, -t] }).collect())
                .collect(),
            Layer::Prelu { plane, slope } => {
                map(x, |p, u| if x[p][u] > 0.0 { t[p][u] } else { slope[u / plane] * t[p][u] })
            }
            Layer::Mask(mask) => map(x, |p, u| mask[p][u] * t[p][u]),
            Layer::Windows(windows) => windows.forward(t, &[]),
            Layer::MaxPool(chosen) => chosen.forward(&trace.choices, t),
            Layer::Centre => norm_derivative(t, None, 1, statistics),
            Layer::BatchNorm { plane, gamma, .. } => {
                let through = norm_derivative(t, Some(trace), *plane, statistics);
                map(&through, |p, u| through[p][u] * at(gamma, u / plane, 1.0))
            }
            Layer::Residual { a, b, shortcut, branch } => {
                let through = tangent_all(branch, &trace.branch, t.clone(), statistics);
                let skip = past(shortcut, t);
                map(&skip, |p, u| a * skip[p][u] + b * through[p][u])
            }
        }
    }
}

/// The derivative of x -> (x - mean) or (x - mean) inv applied to q; it is symmetric, so it serves both directions.
fn norm_derivative(q: &Batch, batch_norm: Option<&Trace>, plane: usize, statistics: Statistics) -> Batch {
    let inv = |u: usize| batch_norm.map_or(1.0, |trace| trace.inv[u]);
    if statistics == Statistics::Detached {
        return map(q, |p, u| q[p][u] * inv(u));
    }
    let mean = over_planes(mean_over(q, |p, u| q[p][u]), plane);
    let xhat = |p: usize, u: usize| batch_norm.map_or(0.0, |trace| trace.xhat[p][u]);
    let product = over_planes(mean_over(q, |p, u| q[p][u] * xhat(p, u)), plane);
    map(q, |p, u| (q[p][u] - mean[u] - xhat(p, u) * product[u]) * inv(u))
}

fn past(shortcut: &Option<Windows>, x: &Batch) -> Batch {
    shortcut.as_ref().map_or_else(|| x.clone(), |windows| windows.forward(x, &[]))
}

fn at(values: &Option<Vec<f64>>, unit: usize, or: f64) -> f64 {
    values.as_ref().map_or(or, |values| values[unit])
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}
