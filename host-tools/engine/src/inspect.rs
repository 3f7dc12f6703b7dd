//! Gradients of a network's inputs, with a look at every value and its gradient on the way.
use crate::machine::by_points;
use crate::predict::store;
use crate::{Aligned, OUT_OF_RANGE, Placed, Result, Threads};
use shatterscope::exec::{Buffers, Executor, Isa, Mode, Options};
use shatterscope::internals::kernel::Tiled;
use shatterscope::{Error, Pass};

/// Who looks: the pass, the node, and of each point the elements of its value or its value's gradient, `[point][unit]`.
pub type Look<'l> = &'l mut dyn FnMut(Pass, u32, &[f32]);

/// What the outputs' gradients are, `[point][output]`, given the outputs.
pub type Cotangent<'c> = &'c dyn Fn(&[f32]) -> Vec<f32>;

/// Outputs and gradients of the inputs of one batch, both `[point][unit]`; norms use their running statistics or, without any, those of the
/// batch. The plan has
/// [`Want::InputGradient`](shatterscope::plan::Want). `look` sees every value when it is computed, then every gradient when it is complete.
///
/// # Errors
/// NaN or infinity, with the node; no memory.
pub fn inspect(
    placed: &Placed,
    (parameters, running): (&[f32], &[f32]),
    inputs: &[f32],
    cotangent: Cotangent<'_>,
    isa: Isa,
    look: Look<'_>,
) -> Result<(Vec<f32>, Vec<f32>)> {
    let graph = placed.graph()?;
    let units = |i: u32| graph.node(i).and_then(|node| node.shape.units()).unwrap_or(0) as usize;
    let each: usize = graph.inputs().map(units).sum();
    let count = inputs.len() / each.max(1);
    isa.tiled(count as u32, Inspection { placed, parameters, running, inputs, count, cotangent, isa, look })
}

struct Inspection<'a> {
    placed: &'a Placed,
    parameters: &'a [f32],
    running: &'a [f32],
    inputs: &'a [f32],
    count: usize,
    cotangent: Cotangent<'a>,
    isa: Isa,
    look: Look<'a>,
}

impl Tiled for Inspection<'_> {
    type Output = Result<(Vec<f32>, Vec<f32>)>;
    const NARROW: bool = false;

    fn with<const R: usize, const T: usize>(self) -> Self::Output {
        let Self { placed, parameters, running, inputs, count, cotangent, isa, look } = self;
        let failed = |error: Error| placed.failure(error, OUT_OF_RANGE);
        let (graph, plan) = (placed.graph()?, placed.plan()?);
        let units = |i: u32| graph.node(i).and_then(|node| node.shape.units()).unwrap_or(0) as usize;
        let each = inputs.len() / count.max(1);
        let options = Options::new(count as u32).with_isa(isa);
        let more = plan.scratch_best.saturating_sub(plan.scratch_len);
        let mut arena = Aligned::zeros((plan.arena_len(options.batch, T as u32) as u64).saturating_add(more))?;
        let threads = Threads::new();
        let buffers = Buffers::of_batches(&plan, &options, T as u32, &mut arena)?;
        let mut executor = Executor::<_, R, T>::new(&plan, &threads, options, buffers)?;
        let mut batch = executor.begin(count as u32)?;
        let mut from = 0;
        for node in graph.inputs() {
            let Some((x, tile_len)) = batch.input(node) else { continue };
            store::<T>((x, tile_len), inputs, (each, from));
            let of_point = |point: usize| &inputs[point * each + from..][..units(node)];
            look(Pass::Forward, node, &(0..count).flat_map(of_point).copied().collect::<Vec<f32>>());
            from += units(node);
        }
        // Without statistics of their own, norms use those of the batch.
        let mode = if running.is_empty() { Mode::Probing } else { Mode::Inference { running } };
        let mut forward = batch.forward(parameters, mode).map_err(failed)?;
        while forward.step(u64::MAX).map_err(failed)? {
            look(Pass::Forward, forward.node() - 1, &by_points::<T>(forward.value(), count));
        }
        let mut done = forward.run().map_err(failed)?;
        let ends: Vec<u32> = graph.outputs().collect();
        let values: Vec<Vec<f32>> =
            ends.iter().filter_map(|&node| done.output(node)).map(|value| by_points::<T>(value, count)).collect();
        let outputs: Vec<f32> = (0..count)
            .flat_map(|point| values.iter().flat_map(move |value| value.chunks_exact(value.len() / count).nth(point)))
            .flatten()
            .copied()
            .collect();
        let cotangent = cotangent(&outputs);
        let (of_point, mut before) = (outputs.len() / count.max(1), 0);
        for &node in &ends {
            let Some((_, gradient, tile_len)) = done.output_and_gradient(node) else { continue };
            gradient.fill(0.0);
            for point in 0..count {
                let from = &cotangent[point * of_point + before..][..tile_len / T];
                let tile = &mut gradient[point / T * tile_len..][..tile_len];
                from.iter().enumerate().for_each(|(unit, g)| tile[unit * T + point % T] = *g);
            }
            before += units(node);
        }
        let mut backward = done.backward(parameters, &mut []).map_err(failed)?;
        while let Some(node) = backward.node() {
            look(Pass::Backward, node, &by_points::<T>(backward.gradient(), count));
            if !backward.step(u64::MAX).map_err(failed)? {
                break;
            }
        }
        let gradients = backward.run().map_err(failed)?;
        let parts: Vec<Vec<f32>> = graph
            .inputs()
            .filter_map(|node| gradients.input(node))
            .map(|gradient| by_points::<T>(gradient, count))
            .collect();
        let gradient = (0..count)
            .flat_map(|point| parts.iter().flat_map(move |part| part.chunks_exact(part.len() / count).nth(point)))
            .flatten()
            .copied()
            .collect();
        threads.check()?;
        Ok((outputs, gradient))
    }
}
