//! The definition of what a graph computes: a walk of its nodes in the plain loops of `shatterscope::op`.
use super::machine::{Mode, bits};
use super::naive::Norm;
use shatterscope::exec;
use shatterscope::graph::{Graph, Node, Op, Saved};
use shatterscope::internals::op::{
    self, Affine, Conv, DilatedPool, Dropout, GroupNorm, GroupedConv, Image, Pool, Shortcut,
};
use shatterscope::math::Math;

/// Key of dropout.
const KEY: u64 = 7;

/// A graph with all that it is run with, by points.
pub struct Case {
    pub nodes: Vec<Node>,
    pub points: usize,
    pub mode: Mode,
    pub parameters: Vec<f32>,
    pub running: Vec<f32>,
    /// Of each input.
    pub inputs: Vec<Vec<f32>>,
    /// (node, gradient) of each output.
    pub seeds: Vec<(u32, Vec<f32>)>,
}

impl Case {
    pub fn mode<'r>(&self, running: &'r mut [f32]) -> exec::Mode<'r> {
        match self.mode {
            Mode::Training { step } => exec::Mode::Training { seed: KEY, step, running },
            Mode::Probing => exec::Mode::Probing,
            Mode::Inference => exec::Mode::Inference { running },
        }
    }

    pub fn node(&self, i: u32) -> &Node {
        &self.nodes[i as usize]
    }

    /// Whether points know of each other.
    pub fn joins_points(&self) -> bool {
        let norm = |node: &Node| match node.op {
            Op::BatchNorm { .. } => self.mode != Mode::Inference,
            op => op.norm().is_some(),
        };
        self.nodes.iter().any(norm)
    }

    fn dropout(&self, node: &Node, rate: f32) -> Option<Dropout> {
        let Mode::Training { step } = self.mode else { return None };
        Some(Dropout::new(KEY, step, node.address, rate).unwrap())
    }
}

/// A convolution by groups; None for other operations.
pub fn grouped_conv(op: Op, input: Image) -> Option<GroupedConv> {
    let (channels, groups, window, taps_first) = match op {
        Op::GroupedConv { channels, groups, window, .. } => (channels, groups, window, false),
        Op::TapsFirstConv { channels, groups, window } => (channels, groups, window, true),
        _ => return None,
    };
    Some(GroupedConv { input, channels, groups, window, taps_first })
}

/// What came of it, in bits.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outcome {
    pub outputs: Vec<Vec<u32>>,
    /// Of each input, None under a plan without them.
    pub inputs: Vec<Option<Vec<u32>>>,
    /// Gradients of the parameters.
    pub gradient: Vec<u32>,
    pub running: Vec<u32>,
}

/// `[unit][point]` as `[point][unit]`, or the other way round.
pub fn turned(x: &[f32], rows: usize) -> Vec<f32> {
    let columns = x.len() / rows;
    (0..columns).flat_map(|c| (0..rows).map(move |r| x[r * columns + c])).collect()
}

pub fn finite(x: &[f32]) -> bool {
    x.iter().all(|x| x.is_finite())
}

pub fn as_units(x: &mut [f32]) -> &mut [[f32; 1]] {
    x.as_chunks_mut::<1>().0
}

/// The definition: values and gradients of all nodes, `[unit][point]` of all points at once.
pub struct Walk<'c> {
    case: &'c Case,
    /// Whether the statistics of norms are constants in the backward pass.
    detached: bool,
    pub values: Vec<Vec<f32>>,
    pub gradients: Vec<Option<Vec<f32>>>,
    /// Of each node: bits or indices of maxima; the normalised operand; inverse deviations.
    pub tapes: Vec<Vec<u8>>,
    pub normalised: Vec<Vec<f32>>,
    pub inverse: Vec<Vec<f32>>,
    running: Vec<f32>,
    /// The lowest layer of the forward pass and the highest of the backward pass with a value that is not finite, as docs/numerics.md,
    /// section 8, has them for families.
    pub faults: [Option<u32>; 2],
}

impl<'c> Walk<'c> {
    /// The values of all nodes, and where the weights of each begin and end, and its other parameters end.
    pub fn values(case: &'c Case, detached: bool) -> (Self, Vec<(usize, usize, usize)>) {
        let n = case.nodes.len();
        let mut walk = Self {
            case,
            detached,
            values: Vec::new(),
            gradients: vec![None; n],
            tapes: vec![Vec::new(); n],
            normalised: vec![Vec::new(); n],
            inverse: vec![Vec::new(); n],
            running: case.running.clone(),
            faults: [None; 2],
        };
        let (mut at, mut channel, mut spans) = (0, 0, Vec::new());
        let graph = Graph::new(&case.nodes).unwrap();
        for i in 0..n {
            let facts = graph.facts(i as u32).unwrap();
            let [weights, others] = facts.parameters.map(|len| len as usize);
            spans.push((at, at + weights, at + weights + others));
            let value = walk.forward(i, spans[i], channel);
            walk.look_forward(i, &value);
            walk.values.push(value);
            (at, channel) = (at + weights + others, channel + facts.running as usize);
        }
        (walk, spans)
    }

    /// All outcomes, with gradients of inputs and parameters.
    pub fn run(case: &'c Case, detached: bool) -> Outcome {
        let (walk, gradient) = Self::both(case, detached);
        let graph = Graph::new(&case.nodes).unwrap();
        let by_points = |x: &[f32]| bits(&turned(x, x.len() / case.points));
        Outcome {
            outputs: case.seeds.iter().map(|(i, _)| by_points(&walk.values[*i as usize])).collect(),
            inputs: graph.inputs().map(|i| walk.gradients[i as usize].as_deref().map(by_points)).collect(),
            gradient: bits(&gradient),
            running: bits(&walk.running),
        }
    }

    /// Forward and backward; the gradients of the parameters.
    pub fn both(case: &'c Case, detached: bool) -> (Self, Vec<f32>) {
        let (mut walk, spans) = Self::values(case, detached);
        let n = case.nodes.len();
        let mut gradient = vec![0.0; case.parameters.len()];
        for (i, of_output) in &case.seeds {
            walk.gradients[*i as usize] = Some(turned(of_output, case.points));
        }
        for i in (0..n).rev() {
            let (start, middle, end) = spans[i];
            let (of_weights, of_others) = gradient[start..end].split_at_mut(middle - start);
            walk.backward(i, &case.parameters[start..middle], (&mut *of_weights, &mut *of_others));
            for (gradient, frozen) in [of_weights, of_others].into_iter().zip(case.nodes[i].frozen) {
                if frozen {
                    gradient.fill(0.0);
                }
            }
        }
        (walk, gradient)
    }

    /// Looks for what is not finite among what node i computed.
    fn look_forward(&mut self, i: usize, value: &[f32]) {
        let address = self.case.nodes[i].address;
        if !finite(value) {
            self.faults[0] = Some(self.faults[0].map_or(address, |at| at.min(address)));
        }
    }

    /// The same in the backward pass.
    fn look_backward(&mut self, address: u32, gradient: &[f32]) {
        if !finite(gradient) {
            self.faults[1] = Some(self.faults[1].map_or(address, |at| at.max(address)));
        }
    }

    fn forward(&mut self, i: usize, (start, middle, end): (usize, usize, usize), channel: usize) -> Vec<f32> {
        let (case, points) = (self.case, self.case.points);
        let node = &case.nodes[i];
        let (w, b) = (&case.parameters[start..middle], &case.parameters[middle..end]);
        if let Op::Input { .. } = node.op {
            return turned(&case.inputs[i], points);
        }
        let (x, image) = (&self.values[node.x as usize], case.node(node.x).shape.image());
        let units = node.shape.units().unwrap() as usize;
        let mut y = vec![f32::NAN; units * points];
        match node.op {
            Op::Input { .. } => {}
            Op::Reshape { .. } => y.copy_from_slice(x),
            Op::Dense { .. } => op::dense_forward(w, b, (units, x.len() / points, points), x, &mut y).unwrap(),
            Op::Conv { channels, window, .. } => {
                op::conv_forward(&Conv { input: image, channels, window }, w, b, points, x, &mut y).unwrap();
            }
            Op::Relu => {
                self.tapes[i] = vec![0; x.len().div_ceil(8)];
                y.copy_from_slice(x);
                op::relu_forward(&mut y, &mut self.tapes[i]);
            }
            Op::Prelu { .. } => op::prelu_forward(w, x, &mut y),
            Op::Crelu => {
                self.tapes[i] = vec![0; x.len().div_ceil(8)];
                y[..x.len()].copy_from_slice(x);
                op::crelu_forward::<1>(image.plane() as usize * points, as_units(&mut y), &mut self.tapes[i]);
            }
            Op::BatchNorm { eps, momentum } => {
                let norm =
                    Norm { channels: image.channels as usize, plane: image.plane() as usize, points, eps, momentum };
                let mut z = x.clone();
                self.inverse[i] = norm.forward(case.mode, (w, b), &mut self.running[2 * channel..], (&mut z, &mut y));
                self.normalised[i] = z;
            }
            Op::Normalise { .. } | Op::Centre => {
                let eps = if let Op::Normalise { eps } = node.op { Some(eps) } else { None };
                y.copy_from_slice(x);
                let (plane, mut statistics) = (image.plane() as usize * points, Vec::new());
                for y in y.chunks_mut(plane) {
                    let moments = op::channel_norm_moments(y, points, eps.unwrap_or(1.0), Math::Libm);
                    y.iter_mut().for_each(|y| {
                        *y = if eps.is_some() { (*y - moments.mean) * moments.inv } else { *y - moments.mean };
                    });
                    self.inverse[i].push(moments.inv);
                    statistics.extend([moments.mean, if eps.is_some() { moments.variance } else { 0.0 }, moments.inv]);
                }
                self.look_forward(i, &statistics);
            }
            Op::AveragePool { window } => {
                op::average_pool_forward(&Pool { input: image, window }, points, x, &mut y).unwrap();
            }
            Op::MaxPool { window } => {
                self.tapes[i] = vec![0xff; y.len()];
                let pool = Pool { input: image, window };
                op::max_pool_forward(&pool, points, x, &mut y, &mut self.tapes[i]).unwrap();
            }
            Op::Dropout { rate } => {
                y.copy_from_slice(x);
                if let Some(dropout) = case.dropout(node, rate) {
                    op::dropout_forward(&dropout, 0, points, &mut y);
                }
            }
            Op::Shortcut { channels, stride } => {
                op::shortcut_forward(&Shortcut { input: image, channels, stride }, points, x, &mut y).unwrap();
            }
            Op::Add { a, b } => {
                y.copy_from_slice(&self.values[node.y as usize]);
                op::join_forward(a, x, b, &mut y);
            }
            Op::GroupNorm { groups, eps } => {
                let norm = GroupNorm { input: image, groups, eps };
                op::group_norm_forward(&norm, (w, b), points, x, &mut y);
                let moments = op::group_norm_moments(&norm, points, x);
                self.look_forward(i, &moments.flat_map(|m| [m.mean, m.variance, m.inv]).collect::<Vec<_>>());
            }
            Op::GroupedConv { .. } | Op::TapsFirstConv { .. } => {
                let conv = grouped_conv(node.op, image).unwrap();
                op::grouped_conv_forward(&conv, w, b, points, x, &mut y).unwrap();
            }
            Op::DilatedAveragePool { window, whole } => {
                let pool = DilatedPool { input: image, window };
                op::dilated_average_pool_forward(&pool, whole, points, x, &mut y).unwrap();
            }
            Op::DilatedMaxPool { window } => {
                self.tapes[i] = vec![0xff; y.len() * if window.taps() > 256 { 2 } else { 1 }];
                let pool = DilatedPool { input: image, window };
                op::dilated_max_pool_forward(&pool, points, x, &mut y, &mut self.tapes[i]).unwrap();
            }
            Op::Constant { .. } => op::constant_forward(w, points, &mut y),
            op if op.is_binary() => {
                let operands = [node.x, node.y].map(|x| case.node(x).shape);
                let binary = op::binary_of(&op, operands, node.shape).unwrap();
                binary.forward(points, (x, &self.values[node.y as usize]), &mut y);
            }
            op if op.elements().is_none() => {
                op::unary_of(&op, case.node(node.x).shape, node.shape).unwrap().forward(points, x, &mut y);
            }
            op => {
                y.copy_from_slice(x);
                op.elements().expect("an operation that is defined here").value(&mut y);
            }
        }
        y
    }

    fn backward(&mut self, i: usize, w: &[f32], (of_weights, of_others): (&mut [f32], &mut [f32])) {
        let (case, points) = (self.case, self.case.points);
        let node = &case.nodes[i];
        if let Op::Input { .. } = node.op {
            return;
        }
        let mut g = self.gradients[i].clone().unwrap();
        let (x, image) = (&self.values[node.x as usize], case.node(node.x).shape.image());
        let mut to = vec![f32::NAN; x.len()];
        match node.op {
            Op::Input { .. } => {}
            Op::Reshape { .. } => to = g,
            Op::Dense { .. } => {
                let shape = (g.len() / points, x.len() / points, points);
                op::dense_backward_input(w, shape, &g, &mut to).unwrap();
                op::dense_backward_parameters(shape, x, &g, of_weights, of_others).unwrap();
            }
            Op::Conv { channels, window, .. } => {
                let conv = Conv { input: image, channels, window };
                op::conv_backward_input(&conv, w, points, &g, &mut to).unwrap();
                op::conv_backward_parameters(&conv, points, x, &g, of_weights, of_others).unwrap();
            }
            Op::Relu => {
                op::relu_backward(&mut g, &self.tapes[i]);
                to = g;
            }
            Op::Prelu { .. } => {
                op::prelu_backward_input(w, x, &g, &mut to);
                op::prelu_backward_parameters(points, x, &g, of_weights);
            }
            Op::Crelu => {
                op::crelu_backward::<1>(image.plane() as usize * points, as_units(&mut g), &self.tapes[i]);
                to.copy_from_slice(&g[..x.len()]);
            }
            Op::BatchNorm { .. } => {
                let plane = image.plane() as usize * points;
                let own = self.normalised[i].chunks(plane).zip(of_weights.iter_mut().zip(of_others));
                for (c, (g, (xhat, (of_gamma, of_beta)))) in g.chunks_mut(plane).zip(own).enumerate() {
                    op::channel_norm_backward_parameters(g, xhat, points, of_gamma, of_beta);
                    let (inverse, affine) = (self.inverse[i][c], Some(Affine { gamma: w[c], beta: 0.0 }));
                    if case.mode == Mode::Inference || self.detached {
                        op::batch_norm_backward_detached(g, inverse, affine);
                    } else {
                        op::channel_norm_backward_full(g, xhat, points, inverse, affine);
                    }
                }
                to = g;
            }
            Op::Normalise { .. } => {
                let plane = image.plane() as usize * points;
                let own = self.values[i].chunks(plane).zip(&self.inverse[i]);
                for (g, (xhat, inverse)) in g.chunks_mut(plane).zip(own) {
                    if self.detached {
                        op::batch_norm_backward_detached(g, *inverse, None);
                    } else {
                        op::channel_norm_backward_full(g, xhat, points, *inverse, None);
                    }
                }
                to = g;
            }
            Op::Centre => {
                for g in g.chunks_mut(image.plane() as usize * points) {
                    let mean = op::channel_norm_moments(g, points, 1.0, Math::Libm).mean;
                    g.iter_mut().for_each(|g| *g -= if self.detached { 0.0 } else { mean });
                }
                to = g;
            }
            Op::AveragePool { window } => {
                op::average_pool_backward(&Pool { input: image, window }, points, &g, &mut to).unwrap();
            }
            Op::MaxPool { window } => {
                let pool = Pool { input: image, window };
                op::max_pool_backward(&pool, points, &self.tapes[i], &g, &mut to).unwrap();
            }
            Op::Dropout { rate } => {
                if let Some(dropout) = case.dropout(node, rate) {
                    op::dropout_backward(&dropout, 0, points, &mut g);
                }
                to = g;
            }
            Op::Shortcut { channels, stride } => {
                let shortcut = Shortcut { input: image, channels, stride };
                op::shortcut_backward(&shortcut, points, &g, &mut to).unwrap();
            }
            Op::Add { a, b } => {
                self.add(node.x, g.iter().map(|g| a * g).collect());
                to = g.iter().map(|g| b * g).collect();
            }
            Op::GroupNorm { groups, eps } => {
                let norm = GroupNorm { input: image, groups, eps };
                op::group_norm_backward_input(&norm, w, points, (x, &g), false, &mut to);
                op::group_norm_backward_parameters(&norm, points, (x, &g), of_weights, of_others);
            }
            Op::GroupedConv { .. } | Op::TapsFirstConv { .. } => {
                let conv = grouped_conv(node.op, image).unwrap();
                op::grouped_conv_backward_input(&conv, w, points, &g, &mut to).unwrap();
                op::grouped_conv_backward_parameters(&conv, points, x, &g, of_weights, of_others).unwrap();
            }
            Op::DilatedAveragePool { window, whole } => {
                let pool = DilatedPool { input: image, window };
                op::dilated_average_pool_backward(&pool, whole, points, &g, &mut to).unwrap();
            }
            Op::DilatedMaxPool { window } => {
                let pool = DilatedPool { input: image, window };
                op::dilated_max_pool_backward(&pool, points, &self.tapes[i], &g, &mut to).unwrap();
            }
            Op::Constant { .. } => {
                to.fill(0.0);
                op::constant_backward(points, &g, of_weights);
            }
            op if op.is_binary() => {
                let operands = [node.x, node.y].map(|x| case.node(x).shape);
                let binary = op::binary_of(&op, operands, node.shape).unwrap();
                let y = &self.values[node.y as usize];
                binary.backward(false, points, (x, y), &g, &mut to);
                let mut second = vec![f32::NAN; y.len()];
                binary.backward(true, points, (x, y), &g, &mut second);
                self.add(node.x, to);
                to = second;
            }
            op if op.elements().is_none() => {
                let unary = op::unary_of(&op, case.node(node.x).shape, node.shape).unwrap();
                let of_value = op.backward(case.node(node.x).shape, 1, false).saved == Saved::Value;
                unary.backward(points, if of_value { &self.values[i] } else { x }, &g, &mut to);
            }
            op => {
                to = g;
                let elements = op.elements().expect("an operation that is defined here");
                let of_value = elements.of() == Saved::Value;
                elements.slope(if of_value { &self.values[i] } else { &self.values[node.x as usize] }, &mut to);
            }
        }
        if let Op::Dense { .. } | Op::Normalise { .. } | Op::Centre | Op::Add { .. } = node.op {
            self.look_backward(node.address, &to);
        }
        self.add(node.y, to);
    }

    /// The first gradient of a value is stored, each other added to what is there.
    fn add(&mut self, x: u32, part: Vec<f32>) {
        let Some(mut sum) = self.gradients[x as usize].take() else {
            self.gradients[x as usize] = Some(part);
            return;
        };
        sum.iter_mut().zip(part).for_each(|(sum, part)| *sum += part);
        self.look_backward(self.case.node(x).address, &sum);
        self.gradients[x as usize] = Some(sum);
    }
}
