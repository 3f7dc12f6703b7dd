//! The definition: networks of the plain loops of `shatterscope::op`, on `[unit][point]` of all points at once.
use super::machine::{How, Mode, Outcome, Task, bits};
use shatterscope::internals::op::{self, Affine, Dropout, Running};
use shatterscope::math::Math;
use shatterscope_layers::Layer;

/// What a layer keeps for the way back.
#[derive(Default)]
struct Kept {
    /// What went in; of a batch norm, xhat.
    x: Vec<f32>,
    tape: Vec<u8>,
    /// Inverse deviations.
    inverse: Vec<f32>,
}

/// A batch norm of some points.
pub struct Norm {
    pub channels: usize,
    /// Values of a channel, of one point.
    pub plane: usize,
    pub points: usize,
    pub eps: f32,
    pub momentum: f32,
}

impl Norm {
    /// Leaves xhat in `z` and the values in `y`; returns the inverse deviations.
    pub fn forward(
        &self,
        mode: Mode,
        (gamma, beta): (&[f32], &[f32]),
        running: &mut [f32],
        (z, y): (&mut [f32], &mut [f32]),
    ) -> Vec<f32> {
        let plane = self.plane * self.points;
        let channel = |c: usize| {
            let (z, y) = (&mut z[c * plane..(c + 1) * plane], &mut y[c * plane..(c + 1) * plane]);
            let affine = Some(Affine { gamma: gamma[c], beta: beta[c] });
            let mut remembered = Running { mean: running[c], variance: running[self.channels + c] };
            let moments = if mode == Mode::Inference {
                let moments = remembered.moments(self.eps, Math::Libm);
                y.copy_from_slice(z);
                op::batch_norm_inference(y, moments, affine);
                z.iter_mut().for_each(|z| *z = (*z - moments.mean) * moments.inv);
                moments
            } else {
                let moments = op::channel_norm_moments(z, self.points, self.eps, Math::Libm);
                op::batch_norm_forward(z, moments, affine, y);
                moments
            };
            if let Mode::Training { .. } = mode {
                remembered.update(moments, plane, self.momentum);
                (running[c], running[self.channels + c]) = (remembered.mean, remembered.variance);
            }
            moments.inv
        };
        (0..self.channels).map(channel).collect()
    }
}

fn turned(x: &[f32], rows: usize) -> Vec<f32> {
    let columns = x.len() / rows.max(1);
    (0..columns).flat_map(|c| (0..rows).map(move |r| x[r * columns + c])).collect()
}

fn as_units(x: &mut [f32]) -> &mut [[f32; 1]] {
    x.as_chunks_mut::<1>().0
}

/// Bits of all points in one call.
pub fn run(task: &Task, how: How) -> Outcome {
    let points: usize = how.cuts.iter().sum();
    let mut running = task.running.clone();
    let mut gradient = task.gradient.clone();
    let (mut x, mut kept, mut forks) = (turned(&task.inputs, points), Vec::new(), Vec::new());
    let (mut at, mut channel) = (0, 0);
    let mut starts = Vec::new();
    for (i, layer) in task.layers.iter().enumerate() {
        let (weights, others) = layer.parameters().unwrap();
        let (weights, others) = (weights as usize, others as usize);
        let (w, b) = (&task.parameters[at..at + weights], &task.parameters[at + weights..at + weights + others]);
        starts.push((at, at + weights, at + weights + others));
        at += weights + others;
        let statistics = &mut running[2 * channel..];
        channel += layer.facts().unwrap().running as usize;
        kept.push(forward(task, i, layer, (w, b), statistics, points, &mut x, &mut forks));
    }
    let outputs = x;
    let mut g = turned(&task.seeds, points);
    assert_eq!(g.len(), outputs.len());
    let mut skips = Vec::new();
    for ((i, layer), (kept, (start, middle, end))) in task.layers.iter().enumerate().zip(kept.iter().zip(starts)).rev()
    {
        let weights = &task.parameters[start..middle];
        let (of_weights, of_others) = gradient[start..end].split_at_mut(middle - start);
        backward(task, i, layer, weights, kept, (of_weights, of_others), points, &mut g, &mut skips);
    }
    if how.update {
        gradient = task.parameters.iter().zip(&gradient).map(|(w, g)| w - 0.015625 * g).collect();
    }
    Outcome {
        outputs: bits(&turned(&outputs, outputs.len() / points)),
        input_gradient: bits(&turned(&g, g.len() / points)),
        gradient: bits(&gradient),
        running: bits(&running),
    }
}

fn dropout(task: &Task, i: usize, rate: f32) -> Option<Dropout> {
    let Mode::Training { step } = task.mode else { return None };
    Some(Dropout::new(task.seed, step, i as u32 + 1, rate).unwrap())
}

#[expect(clippy::too_many_arguments, reason = "all that a layer of any kind may need")]
fn forward(
    task: &Task,
    i: usize,
    layer: &Layer,
    (w, b): (&[f32], &[f32]),
    running: &mut [f32],
    points: usize,
    x: &mut Vec<f32>,
    forks: &mut Vec<Vec<f32>>,
) -> Kept {
    let mut kept = Kept { x: x.clone(), ..Kept::default() };
    let mut y = vec![f32::NAN; layer.facts().unwrap().shape.units().unwrap() as usize * points];
    match *layer {
        Layer::Dense { inputs, outputs, .. } => {
            op::dense_forward(w, b, (outputs as usize, inputs as usize, points), x, &mut y).unwrap();
            *x = y;
        }
        Layer::Conv { conv, .. } => {
            op::conv_forward(&conv, w, b, points, x, &mut y).unwrap();
            *x = y;
        }
        Layer::Relu { .. } => {
            kept.tape = vec![0; x.len().div_ceil(8)];
            op::relu_forward(x, &mut kept.tape);
        }
        Layer::Prelu { .. } => {
            op::prelu_forward(w, x, &mut y);
            *x = y;
        }
        Layer::Crelu { image } => {
            kept.tape = vec![0; x.len().div_ceil(8)];
            x.extend(kept.x.iter().map(|_| f32::NAN));
            op::crelu_forward::<1>(image.plane() as usize * points, as_units(x), &mut kept.tape);
        }
        Layer::BatchNorm { image, eps, momentum } => {
            let norm = Norm { channels: image.channels as usize, plane: image.plane() as usize, points, eps, momentum };
            kept.inverse = norm.forward(task.mode, (w, b), running, (&mut kept.x, &mut y));
            *x = y;
        }
        Layer::AveragePool { pool } => {
            op::average_pool_forward(&pool, points, x, &mut y).unwrap();
            *x = y;
        }
        Layer::MaxPool { pool } => {
            kept.tape = vec![0xff; y.len()];
            op::max_pool_forward(&pool, points, x, &mut y, &mut kept.tape).unwrap();
            *x = y;
        }
        Layer::Dropout { rate, .. } => {
            if let Some(dropout) = dropout(task, i, rate) {
                op::dropout_forward(&dropout, 0, points, x);
            }
        }
        Layer::Fork { .. } => forks.push(x.clone()),
        Layer::Join { shortcut, a, b } => {
            op::shortcut_forward(&shortcut, points, &forks.pop().unwrap(), &mut y).unwrap();
            op::join_forward(a, &y, b, x);
        }
    }
    kept
}

#[expect(clippy::too_many_arguments, reason = "all that a layer of any kind may need")]
fn backward(
    task: &Task,
    i: usize,
    layer: &Layer,
    w: &[f32],
    kept: &Kept,
    (of_weights, of_others): (&mut [f32], &mut [f32]),
    points: usize,
    g: &mut Vec<f32>,
    skips: &mut Vec<(f32, Vec<f32>)>,
) {
    let mut to = vec![f32::NAN; layer.input().unwrap().units().unwrap() as usize * points];
    match *layer {
        Layer::Dense { inputs, outputs, .. } => {
            let shape = (outputs as usize, inputs as usize, points);
            op::dense_backward_input(w, shape, g, &mut to).unwrap();
            op::dense_backward_parameters(shape, &kept.x, g, of_weights, of_others).unwrap();
            *g = to;
        }
        Layer::Conv { conv, .. } => {
            op::conv_backward_input(&conv, w, points, g, &mut to).unwrap();
            op::conv_backward_parameters(&conv, points, &kept.x, g, of_weights, of_others).unwrap();
            *g = to;
        }
        Layer::Relu { .. } => op::relu_backward(g, &kept.tape),
        Layer::Prelu { .. } => {
            op::prelu_backward_input(w, &kept.x, g, &mut to);
            op::prelu_backward_parameters(points, &kept.x, g, of_weights);
            *g = to;
        }
        Layer::Crelu { image } => {
            op::crelu_backward::<1>(image.plane() as usize * points, as_units(g), &kept.tape);
            g.truncate(to.len());
        }
        Layer::BatchNorm { image, .. } => {
            let plane = image.plane() as usize * points;
            let channels = kept.x.chunks(plane).zip(g.chunks_mut(plane)).zip(of_weights.iter_mut().zip(of_others));
            for (c, ((xhat, g), (of_gamma, of_beta))) in channels.enumerate() {
                op::channel_norm_backward_parameters(g, xhat, points, of_gamma, of_beta);
                let affine = Some(Affine { gamma: w[c], beta: 0.0 });
                if task.mode == Mode::Inference {
                    op::batch_norm_backward_detached(g, kept.inverse[c], affine);
                } else {
                    op::channel_norm_backward_full(g, xhat, points, kept.inverse[c], affine);
                }
            }
        }
        Layer::AveragePool { pool } => {
            op::average_pool_backward(&pool, points, g, &mut to).unwrap();
            *g = to;
        }
        Layer::MaxPool { pool } => {
            op::max_pool_backward(&pool, points, &kept.tape, g, &mut to).unwrap();
            *g = to;
        }
        Layer::Dropout { rate, .. } => {
            if let Some(dropout) = dropout(task, i, rate) {
                op::dropout_backward(&dropout, 0, points, g);
            }
        }
        Layer::Fork { .. } => {
            let (a, skip) = skips.pop().unwrap();
            op::join_backward_input(a, &skip, g);
        }
        Layer::Join { shortcut, a, b } => {
            let mut skip = vec![f32::NAN; shortcut.input.units().unwrap() as usize * points];
            op::shortcut_backward(&shortcut, points, g, &mut skip).unwrap();
            skips.push((a, skip));
            op::join_backward_branch(b, g);
        }
    }
}
