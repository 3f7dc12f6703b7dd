//! Inference on the desktop's threads.
use crate::limits::zeros;
use crate::{Aligned, Failure, OUT_OF_RANGE, Placed, Result, Threads};
use shatterscope::exec::Isa;
use shatterscope::exec::{Buffers, Executor, Mode, Options};
use shatterscope::internals::kernel::Tiled;

/// The outputs of a graph, `[point][unit]`, computed in batches of `batch` points; whatever the graph is planned for. Of several inputs each point has the units of the first, then those
/// of the next; outputs likewise.
///
/// # Errors
/// NaN or infinity, with the node; inputs that are no whole points.
pub fn predict(
    placed: &Placed,
    (parameters, running): (&[f32], &[f32]),
    inputs: &[f32],
    batch: u32,
    isa: Isa,
) -> Result<Vec<f32>> {
    Pass { placed, at: None, parameters, running, inputs, batch, isa }.run()
}

/// The value of a node, `[point][unit]`; no node after it is computed.
///
/// # Errors
/// As [`predict`]; a node that does not exist.
pub fn predict_at(
    (placed, node): (&Placed, u32),
    (parameters, running): (&[f32], &[f32]),
    inputs: &[f32],
    batch: u32,
    isa: Isa,
) -> Result<Vec<f32>> {
    Pass { placed, at: Some(node), parameters, running, inputs, batch, isa }.run()
}

struct Pass<'a> {
    placed: &'a Placed,
    /// The node that the pass stops at.
    at: Option<u32>,
    parameters: &'a [f32],
    running: &'a [f32],
    inputs: &'a [f32],
    batch: u32,
    isa: Isa,
}

impl Pass<'_> {
    fn run(&self) -> Result<Vec<f32>> {
        // Values of bytes are in tiles of one point.
        if self.placed.graph()?.has_int8() { self.with::<4, 1>() } else { self.isa.tiled(self.batch, self) }
    }
}

impl Tiled for &Pass<'_> {
    type Output = Result<Vec<f32>>;

    fn with<const R: usize, const T: usize>(self) -> Result<Vec<f32>> {
        let graph = self.placed.graph()?;
        let plan = self.placed.plan()?;
        let too_large = || Failure::usage("the values of a batch cannot be counted: give a smaller --batch");
        let mut values = Aligned::zeros(plan.values_len(self.batch, T as u32).ok_or_else(too_large)?)?;
        let mut scratch = Aligned::zeros(plan.scratch_best.max(plan.scratch_len))?;
        // A plan with gradients saves what its backward pass reads.
        let mut tape = zeros(plan.tape_len(self.batch, T as u32).ok_or_else(too_large)?)?;
        let mut statistics = zeros(plan.statistics_len())?;
        let mut gathered = Aligned::zeros(plan.gathered_len(T as u32))?;
        let buffers = Buffers {
            values: &mut values,
            tape: &mut tape,
            statistics: &mut statistics,
            scratch: &mut scratch,
            gathered: &mut gathered,
        };
        let threads = Threads::new();
        let options = Options::new(self.batch).with_isa(self.isa);
        let mut executor = Executor::<_, R, T>::new(&plan, &threads, options, buffers)?;
        let units = |i: u32| graph.words(i) as usize;
        let outputs: Vec<u32> = graph.outputs().collect();
        let inputs: usize = graph.inputs().map(units).sum();
        if inputs == 0 || !self.inputs.len().is_multiple_of(inputs) {
            let len = self.inputs.len();
            return Err(Failure::usage(format!("{len} inputs are not a whole number of points of {inputs} inputs")));
        }
        let mut results = Vec::new();
        for points in self.inputs.chunks(inputs * self.batch as usize) {
            let count = points.len() / inputs;
            let mut batch = executor.begin(count as u32)?;
            let mut from = 0;
            for node in graph.inputs() {
                let Some((x, tile_len)) = batch.input(node) else { continue };
                store::<T>((x, tile_len), points, (inputs, from));
                from += units(node);
            }
            let failed = |error| self.placed.failure(error, OUT_OF_RANGE);
            let mut forward =
                batch.forward(self.parameters, Mode::Inference { running: self.running }).map_err(failed)?;
            match self.at {
                Some(node) => add::<T>(&mut results, [forward.run_to(node).map_err(failed)?], count),
                None => {
                    let done = forward.run().map_err(failed)?;
                    add::<T>(&mut results, outputs.iter().filter_map(|&output| done.output(output)), count);
                }
            }
        }
        Ok(results)
    }
}

/// Stores one input of points in its tiles: of each point, `each` elements long, those from `from` on. The last point fills the lanes past it.
pub(crate) fn store<const T: usize>((x, tile_len): (&mut [f32], usize), points: &[f32], (each, from): (usize, usize)) {
    let count = points.len() / each;
    for (i, tile) in x.chunks_exact_mut(tile_len).enumerate() {
        for lane in 0..T {
            let point = (i * T + lane).min(count - 1);
            let point = &points[point * each + from..][..tile_len / T];
            point.iter().enumerate().for_each(|(unit, x)| tile[unit * T + lane] = *x);
        }
    }
}

/// Adds values in tiles, each with the elements of a tile: all of the first point, then all of the next.
fn add<'v, const T: usize>(
    results: &mut Vec<f32>,
    values: impl IntoIterator<Item = (&'v [f32], usize)> + Clone,
    count: usize,
) {
    for point in 0..count {
        for (value, tile_len) in values.clone() {
            let tile = &value[point / T * tile_len..][..tile_len];
            results.extend(tile.iter().skip(point % T).step_by(T));
        }
    }
}
