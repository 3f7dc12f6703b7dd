use super::forward::Mode;
use super::layout::{load, store};
use super::outputs::Outputs;
use super::run::{Batch, Buffers, Executor, Options};
use crate::error::{Buffer, Error};
use crate::plan::Plan;
use crate::workers::{Serial, Workers};

/// Trained parameters, and the running statistics of batch norms.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct Model<'p> {
    /// In the order of the nodes: weights, then biases of each.
    pub parameters: &'p [f32],
    /// In the order of the nodes: means, then variances of each batch norm.
    pub running: &'p [f32],
}

impl<'p> Model<'p> {
    /// A model without running statistics.
    pub const fn new(parameters: &'p [f32]) -> Self {
        Self { parameters, running: &[] }
    }

    /// Sets the running statistics.
    pub const fn with_running(self, running: &'p [f32]) -> Self {
        Self { running, ..self }
    }
}

/// A network and its memory, for inference, gradients and training.
///
/// Inputs, outputs and their gradients are rows of points: `[point][unit]`, the units of several inputs or outputs one after the other. An
/// [`Executor`] does the same work node by node, on values in tiles.
///
/// | method | the network is planned for ([`Want`](crate::plan::Want)) |
/// |---|---|
/// | [`predict`](Session::predict), [`classify`](Session::classify) | any |
/// | [`input_gradient`](Session::input_gradient) | `InputGradient`, `DetachedGradient`, `Gradients` |
/// | [`train_step`](Session::train_step), [`parameter_gradient`](Session::parameter_gradient), [`loss`](Session::loss) | `ParameterGradient`, `Gradients` |
///
/// # Speed
/// Results are bit-identical, whatever is chosen here.
///
/// - R rows of weights by T points are the register tile. [`Session::new`] takes 4 x 1, which needs the least memory and is fast on the FPU of a
///   Cortex-M. On SIMD registers a wide tile is many times faster: `Session::<_, 4, 16>::with_tile`, with an arena for tiles of 16 points.
/// - [`Options::with_isa`] with [`Isa::detect`](super::Isa::detect) uses the widest instructions of the processor. Without it, those are used that every
///   processor of the target has.
/// - An arena of [`Plan::best_arena_len`] elements has scratch for whole matrices.
///
/// `shatterscope_host::Session` does all of that, and uses all cores.
///
/// ```
/// use shatterscope::exec::{Model, Options, Session};
///
/// shatterscope::network! {
///     /// max(0, x1 - x2)
///     static NET: InputGradient = input(2).dense(1).relu();
/// }
/// let mut arena = [0.0; NET.arena_len(2, 1)];
/// let mut session = Session::new(&NET, Options::new(2), &mut arena)?;
/// let model = Model::new(&[1.0, -1.0, 0.0]);
///
/// let mut outputs = [0.0; 2];
/// session.predict(model, &[3.0, 1.0, 1.0, 3.0], &mut outputs)?;
/// assert_eq!(outputs, [2.0, 0.0]);
///
/// let mut gradient = [0.0; 4];
/// session.input_gradient(model, &[3.0, 1.0, 1.0, 3.0], None, &mut outputs, &mut gradient)?;
/// assert_eq!(gradient, [1.0, -1.0, 0.0, 0.0]);
/// # Ok::<(), shatterscope::Error>(())
/// ```
#[derive(Debug)]
pub struct Session<'a, K = Serial, const R: usize = 4, const T: usize = 1> {
    pub(super) executor: Executor<'a, K, R, T>,
}

impl<'a> Session<'a> {
    /// A session with tiles of one point, on the caller's own thread.
    ///
    /// # Shapes
    /// `arena` has at least [`Plan::arena_len`] elements for tiles of 1.
    ///
    /// # Errors
    /// As [`Session::with_tile`].
    pub fn new(plan: &'a Plan<'a>, options: Options, arena: &'a mut [f32]) -> Result<Self, Error> {
        Self::with_tile(plan, &Serial, options, arena)
    }
}

impl<'a, K: Workers, const R: usize, const T: usize> Session<'a, K, R, T> {
    /// A session with a register tile of the caller's, and workers for the independent parts of operations.
    ///
    /// # Shapes
    /// `arena` has at least [`Plan::arena_len`] elements for tiles of T.
    ///
    /// # Errors
    /// [`Error::TooShort`] with [`Buffer::Arena`]; the errors of [`Executor::new`].
    pub fn with_tile(
        plan: &'a Plan<'a>,
        workers: &'a K,
        options: Options,
        arena: &'a mut [f32],
    ) -> Result<Self, Error> {
        let buffers = Buffers::of_batches(plan, &options, T as u32, arena)?;
        Ok(Self { executor: Executor::new(plan, workers, options, buffers)? })
    }

    /// The plan.
    pub fn plan(&self) -> &'a Plan<'a> {
        self.executor.plan()
    }

    /// Computes the outputs of any number of points, a batch at a time. Dropout is inactive, and batch norms use the running statistics.
    ///
    /// # Shapes
    /// `inputs` `[point][input]`, `outputs` `[point][output]`.
    ///
    /// # Errors
    /// [`Error::PartialPoint`]; [`Error::TooShort`] for short outputs, parameters or running statistics; [`Error::InvalidValue`] with the
    /// element of an input that is NaN or infinite; [`Error::NonFinite`] with the node whose value is. `outputs` is then unspecified.
    pub fn predict(&mut self, model: Model<'_>, inputs: &[f32], outputs: &mut [f32]) -> Result<(), Error> {
        let ends = self.point_lens();
        let count = points(inputs.len(), ends.0)?;
        let outputs = Buffer::Outputs.first(outputs, ends.1.saturating_mul(count) as u64)?;
        let batch = (self.executor.batch() as usize).max(1);
        let rows = outputs.chunks_mut(batch.saturating_mul(ends.1).max(1));
        for (inputs, outputs) in inputs.chunks(batch.saturating_mul(ends.0).max(1)).zip(rows) {
            let begun = self.begin(inputs, ends.0)?;
            let done = begun.forward(model.parameters, Mode::Inference { running: model.running })?.run()?;
            done.store(outputs, ends.1);
        }
        Ok(())
    }

    /// Computes the class of each of any number of points: the number of its largest output, the first of equals. `scratch` holds the outputs of
    /// at least one point; of a whole batch is fastest.
    ///
    /// # Shapes
    /// `inputs` `[point][input]`, `classes` `[point]`, `scratch` `[output]`.
    ///
    /// # Errors
    /// As [`Session::predict`]; [`Error::TooShort`] for fewer classes than points.
    pub fn classify(
        &mut self,
        model: Model<'_>,
        inputs: &[f32],
        scratch: &mut [f32],
        classes: &mut [u32],
    ) -> Result<(), Error> {
        let ends = self.point_lens();
        let count = points(inputs.len(), ends.0)?;
        if classes.len() < count {
            return Err(Error::TooShort { buffer: Buffer::Labels, need: count as u64, have: classes.len() as u64 });
        }
        // As many points at a time as the scratch holds outputs of.
        let at_once = match scratch.len().checked_div(ends.1) {
            Some(points) if points > 0 => points,
            _ => {
                return Err(Error::TooShort {
                    buffer: Buffer::Outputs,
                    need: ends.1 as u64,
                    have: scratch.len() as u64,
                });
            }
        };
        let mut classes = classes.iter_mut();
        for inputs in inputs.chunks(at_once.saturating_mul(ends.0).max(1)) {
            self.predict(model, inputs, scratch)?;
            let points = points(inputs.len(), ends.0)?;
            for (outputs, class) in scratch.chunks_exact(ends.1.max(1)).take(points).zip(classes.by_ref()) {
                crate::train::argmax(outputs, (ends.1, 1), core::slice::from_mut(class))?;
            }
        }
        Ok(())
    }

    /// Computes the outputs of a batch and the gradients of its inputs, `sum_p sum_k cotangent[p][k] d output[p][k] / d input`. Without a cotangent it
    /// is 1.0 everywhere. Batch norms use the running statistics where the model has them, otherwise those of the batch, which are then
    /// differentiated through under [`Want::InputGradient`](crate::plan::Want::InputGradient).
    ///
    /// # Shapes
    /// `inputs` and `gradient` `[point][input]`, `cotangent` and `outputs` `[point][output]`.
    ///
    /// # Errors
    /// As [`Session::predict`]; [`Error::Batch`] for more points than the batch that was planned;
    /// [`InvalidSpec::Want`](crate::InvalidSpec::Want) under a plan without gradients of the inputs.
    pub fn input_gradient(
        &mut self,
        model: Model<'_>,
        inputs: &[f32],
        cotangent: Option<&[f32]>,
        outputs: &mut [f32],
        gradient: &mut [f32],
    ) -> Result<(), Error> {
        let ends = self.point_lens();
        let count = self.points(inputs)?;
        let rows = ends.1.saturating_mul(count);
        let outputs = Buffer::Outputs.first(outputs, rows as u64)?;
        let gradient = Buffer::Gradient.first(gradient, inputs.len() as u64)?;
        if let Some(cotangent) = cotangent
            && cotangent.len() < rows
        {
            return Err(Error::TooShort { buffer: Buffer::Cotangent, need: rows as u64, have: cotangent.len() as u64 });
        }
        if !self.plan().want().inputs() {
            return Err(Error::InvalidSpec(crate::error::InvalidSpec::Want));
        }
        let mut done = self.begin(inputs, ends.0)?.forward(model.parameters, Mode::of(model.running))?.run()?;
        done.store(outputs, ends.1);
        done.load_cotangent(ends.1, |p, k| match cotangent {
            // The length was checked.
            Some(cotangent) => invariant!(cotangent.get(p * ends.1 + k).copied()),
            None => 1.0,
        });
        let gradients = done.backward(model.parameters, &mut [])?.run()?;
        let mut before = 0;
        for node in 0..gradients.inputs() {
            let Some((g, tile_len)) = gradients.input(node) else { break };
            store::<T>(g, tile_len, 0..count, (before, ends.0), gradient);
            before += tile_len / T;
        }
        Ok(())
    }

    /// The numbers of inputs and of outputs of one point.
    pub fn point_lens(&self) -> (usize, usize) {
        let (inputs, outputs) = self.plan().input_output_units();
        // Not truncated: the values of a batch fit in memory.
        (inputs as usize, outputs as usize)
    }

    /// The points of a batch with these inputs.
    pub(super) fn points(&self, inputs: &[f32]) -> Result<usize, Error> {
        let (count, have) = (points(inputs.len(), self.point_lens().0)?, self.executor.batch() as u64);
        if count as u64 > have {
            return Err(Error::Batch { points: count as u64, most: have });
        }
        Ok(count)
    }

    /// Begins a batch of these inputs.
    pub(super) fn begin(&mut self, inputs: &[f32], units: usize) -> Result<Batch<'_, 'a, K, R, T>, Error> {
        let count = points(inputs.len(), units)?;
        // More than a u32 counts are more than any batch has.
        let mut batch = self.executor.begin(count.min(u32::MAX as usize) as u32)?;
        let (mut node, mut before) = (0, 0);
        while let Some((x, tile_len)) = batch.input(node) {
            load::<T>(x, tile_len, count, |p, k| invariant!(inputs.get(p * units + before + k).copied()));
            before += tile_len / T;
            node += 1;
        }
        Ok(batch)
    }
}

impl<K: Workers, const R: usize, const T: usize> Outputs<'_, '_, K, R, T> {
    /// Writes all outputs as rows of `units`.
    fn store(&self, rows: &mut [f32], units: usize) {
        let mut before = 0;
        for node in self.nodes() {
            let Some((value, tile_len)) = self.output(node) else { continue };
            store::<T>(value, tile_len, 0..usize::MAX, (before, units), rows);
            before += tile_len / T;
        }
    }

    /// Writes the gradients of all outputs.
    fn load_cotangent(&mut self, units: usize, cotangent: impl Fn(usize, usize) -> f32) {
        let (count, mut before) = (self.count(), 0);
        for node in self.nodes() {
            let Some((_, gradient, tile_len)) = self.output_and_gradient(node) else { continue };
            load::<T>(gradient, tile_len, count, |p, k| cotangent(p, before + k));
            before += tile_len / T;
        }
        debug_assert_eq!(before, units, "all outputs have a gradient");
    }
}

/// How many points there are in rows of so many units.
pub(super) fn points(len: usize, units: usize) -> Result<usize, Error> {
    match (len.checked_rem(units), len.checked_div(units)) {
        (Some(0), Some(points)) if points > 0 => Ok(points),
        _ => Err(Error::PartialPoint { inputs: len as u64, each: units as u64 }),
    }
}
