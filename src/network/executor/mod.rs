//! The executor: one network over a grid of points, in resumable steps.
//!
//! Work is cut into units (one operation on the resident points; for dense layers one panel of weights), and a cursor
//! says which comes next. `backward.rs` and `forward.rs` do a unit, `moments.rs` the statistics of recompute schedules,
//! this file decides what follows.
mod activations;
mod backward;
mod cursor;
mod dense;
mod forward;
mod norm;
mod scale;

use super::plan::cut;
use super::weights::Weights;
use super::workers::Workers;
use super::{Layer, Network, Observer, Options, Plan, Schedule, Seen, Wanted};
use crate::error::{Buffer, Error, Fault, Pass};
use crate::math::is_finite;
use activations::Activations;
use cursor::{Cursor, Phase};

/// The caller's buffers, their lengths in [`Plan`]. What is past the planned length is never touched.
#[derive(Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Buffers<'a> {
    /// `[buffer][tile][unit][T]`.
    pub activations: &'a mut [f32],
    /// `[tile][rectifier][bit]`, one bit a unit and point: the sign of a preactivation.
    pub tape: &'a mut [u8],
    /// Means and inverse deviations.
    pub statistics: &'a mut [f32],
    /// `[tile][unit][T]` of each batch norm, for full statistics in reverse mode.
    pub normalised: &'a mut [f32],
    /// A block of weights; any length from [`Weights::panel_len`] up. Longer is faster until a matrix fits.
    pub panel: &'a mut [f32],
}

/// What the network is evaluated at.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Input<'a> {
    /// `x_p = from + p * step` for networks of one input.
    Grid {
        /// Point 0.
        from: f32,
        /// Distance of two points.
        step: f32,
    },
    /// `[point][input]`, finite.
    Points(&'a [f32]),
}

/// What a call of [`Executor::step`] came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Step {
    /// There is more to do; multiply-adds done so far.
    Pending(u64),
    /// Outputs and gradient are complete.
    Done,
}

impl Step {
    /// Whether the run is complete.
    pub fn is_done(self) -> bool {
        self == Step::Done
    }
}

/// Runs a network forward and, in reverse mode, backward.
///
/// R rows of weights by T points form the register tile of the dense kernel: pure tuning, no bit depends on them.
pub struct Executor<'a, W, K, const R: usize, const T: usize> {
    network: Network<'a>,
    weights: &'a W,
    workers: &'a K,
    input: Input<'a>,
    seed: Option<&'a [f32]>,
    options: Options,
    plan: Plan,
    values: Activations<'a, T>,
    /// Forward mode: the tangents beside the values.
    tangents: Activations<'a, T>,
    tape: &'a mut [u8],
    statistics: &'a mut [f32],
    normalised: &'a mut [f32],
    panel: &'a mut [f32],
    outputs: &'a mut [f32],
    gradient: &'a mut [f32],
    cursor: Cursor,
    /// Scale of the kept input at the join last met on the way back.
    carry: f32,
    /// Whether a panel of the dense product at hand gave NaN or infinity.
    bad: bool,
    /// Inputs of the dense product at hand whose weights are needed.
    wanted: Wanted,
    forward_fault: Option<u32>,
    backward_fault: Option<u32>,
    done: u64,
}

#[cfg(feature = "defmt")]
impl<W, K, const R: usize, const T: usize> defmt::Format for Executor<'_, W, K, R, T> {
    fn format(&self, f: defmt::Formatter) {
        defmt::write!(f, "Executor({=u64} of {=u64} multiply-adds)", self.done, self.plan.multiply_adds);
    }
}

impl<'a, W: Weights, K: Workers, const R: usize, const T: usize> Executor<'a, W, K, R, T> {
    /// Checks every length and value once; the steps cannot fail for want of memory.
    ///
    /// `outputs` is `[point][output]`, `gradient` `[point][input]` in reverse mode and `[point][output]` in forward mode,
    /// both of the wanted slice of points.
    ///
    /// # Errors
    /// [`Error::Refused`], [`Error::TooShort`] or [`Error::NotFinite`].
    #[expect(clippy::too_many_arguments, reason = "each is a buffer or a choice of the caller's")]
    pub fn new(
        network: Network<'a>,
        weights: &'a W,
        workers: &'a K,
        input: Input<'a>,
        options: Options,
        buffers: Buffers<'a>,
        outputs: &'a mut [f32],
        gradient: &'a mut [f32],
    ) -> Result<Self, Error> {
        let plan = network.plan(&options, T as u32)?;
        let need = options.points as u64 * network.inputs() as u64;
        match input {
            Input::Points(points) if (points.len() as u64) < need => {
                return Err(Error::TooShort { buffer: Buffer::Inputs, need, have: points.len() as u64 });
            }
            Input::Points(points) => finite(Buffer::Inputs, points)?,
            Input::Grid { .. } if network.inputs() != 1 => {
                return Err(Error::TooShort { buffer: Buffer::Inputs, need, have: options.points as u64 });
            }
            Input::Grid { from, step } => finite(Buffer::Inputs, &[from, step])?,
        }
        let mut panel_len = 1;
        for i in network.distinct() {
            if let Some(Layer::Dense(dense)) = network.layer(i) {
                panel_len = panel_len.max(weights.panel_len(&dense));
            }
        }
        if (buffers.panel.len() as u64) < panel_len {
            return Err(Error::TooShort { buffer: Buffer::Panel, need: panel_len, have: buffers.panel.len() as u64 });
        }
        let activations = cut(Buffer::Activations, buffers.activations, plan.activations_len)?;
        let buffer_len = (plan.resident / T as u64 * plan.tile_len) as usize;
        let forked = plan.activation_buffers % 2 == 1 || plan.activation_buffers == 6;
        let (values, rest) = Activations::take(activations, buffer_len, plan.tile_len as usize, forked);
        let (tangents, _) = Activations::take(rest, buffer_len, plan.tile_len as usize, forked);
        Ok(Self {
            network,
            weights,
            workers,
            input,
            seed: None,
            options,
            plan,
            values,
            tangents,
            tape: cut(Buffer::Tape, buffers.tape, plan.tape_len)?,
            statistics: cut(Buffer::Statistics, buffers.statistics, plan.statistics_len)?,
            normalised: cut(Buffer::Normalised, buffers.normalised, plan.normalised_len)?,
            panel: buffers.panel,
            outputs: cut(Buffer::Outputs, outputs, plan.outputs_len)?,
            gradient: cut(Buffer::Gradient, gradient, plan.gradient_len)?,
            cursor: Cursor::start(&network, &options),
            carry: 1.0,
            bad: false,
            wanted: Wanted::ALL,
            forward_fault: None,
            backward_fault: None,
            done: 0,
        })
    }

    /// Weighs the derivative: u `[point][output]` in reverse mode, v `[point][input]` in forward mode, for all points of
    /// the batch; 1.0 everywhere unless set.
    ///
    /// # Errors
    /// [`Error::TooShort`] or [`Error::NotFinite`].
    pub fn with_seed(mut self, seed: &'a [f32]) -> Result<Self, Error> {
        let units = if self.reverse() { self.network.outputs() } else { self.network.inputs() };
        let need = self.options.points as u64 * units as u64;
        if (seed.len() as u64) < need {
            return Err(Error::TooShort { buffer: Buffer::Seed, need, have: seed.len() as u64 });
        }
        finite(Buffer::Seed, seed)?;
        self.seed = Some(seed);
        Ok(self)
    }

    /// What the run needs and costs.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Multiply-adds done so far, of [`Plan::multiply_adds`].
    pub fn multiply_adds(&self) -> u64 {
        self.done
    }

    /// Runs to the end.
    ///
    /// # Errors
    /// As [`Executor::step`].
    pub fn run(&mut self) -> Result<(), Error> {
        while !self.step(u64::MAX)?.is_done() {}
        Ok(())
    }

    /// Works until about `budget` multiply-adds (elements, for other operations) are done, at least one unit.
    ///
    /// # Errors
    /// [`Error::NonFinite`] with the layer where NaN or infinity began; outputs and gradient are then not a result.
    pub fn step(&mut self, budget: u64) -> Result<Step, Error> {
        self.step_observed(budget, &mut ())
    }

    /// The same, while `observer` sees what leaves each operation.
    ///
    /// # Errors
    /// As [`Executor::step`].
    pub fn step_observed(&mut self, budget: u64, observer: &mut impl Observer) -> Result<Step, Error> {
        let mut spent = 0u64;
        while self.cursor.phase != Phase::Done {
            let before = self.done;
            self.unit(observer)?;
            spent = spent.saturating_add(1 + self.done.saturating_sub(before));
            if spent >= budget && self.cursor.phase != Phase::Done {
                return Ok(Step::Pending(self.done));
            }
        }
        Ok(Step::Done)
    }

    fn reverse(&self) -> bool {
        self.options.derivative == super::Derivative::Reverse
    }

    fn blocks(&self) -> bool {
        self.options.schedule != Schedule::WholeBatch
    }

    /// One unit of work, then the cursor moves on.
    fn unit(&mut self, observer: &mut impl Observer) -> Result<(), Error> {
        // Looked at where it stands: to copy it would wait for its stores.
        let found = self.network.layer(self.cursor.layer);
        let Some(layer) = &found else {
            self.cursor.phase = Phase::Done;
            return Ok(());
        };
        if self.cursor.at_start() {
            self.load_inputs();
        }
        let finite = if self.cursor.backward { self.backward(layer)? } else { self.forward(layer)? };
        if finite.is_some() {
            observer.worked(self.cursor.pass(), self.cursor.layer);
        }
        match finite {
            Some(true) => {
                self.show(layer, observer);
                self.advance(layer)
            }
            Some(false) => {
                self.record_fault();
                self.next_block()
            }
            // A dense layer with panels to come.
            None => Ok(()),
        }
    }

    /// What leaves the operation at hand, to the observer.
    fn show(&self, layer: &Layer, observer: &mut impl Observer) {
        if self.cursor.phase != Phase::Gradient {
            return;
        }
        let (units_in, units_out) = layer.shape();
        let seen = Seen {
            pass: self.cursor.pass(),
            node: self.cursor.layer,
            first: self.cursor.first,
            count: self.count() as u32,
            units: if self.cursor.backward { units_in } else { units_out },
            data: self.values.here,
            tile_len: self.values.tile_len,
            tile: T,
        };
        observer.see(&seen);
        if !self.reverse() {
            observer.see(&Seen { pass: Pass::Backward, data: self.tangents.here, ..seen });
        }
    }

    /// After an operation: the next one, the turn to the way back, or the end of a block.
    fn advance(&mut self, layer: &Layer) -> Result<(), Error> {
        let last = self.cursor.layer.saturating_add(1) == self.network.len();
        match (self.cursor.phase, self.cursor.backward) {
            (Phase::Moments { .. }, _) if self.cursor.layer == self.cursor.norm => self.next_block(),
            (Phase::GradientMeans, true) if self.cursor.layer == self.cursor.norm => self.next_block(),
            (Phase::Gradient, true) if self.cursor.layer == 0 => {
                self.store_gradient();
                self.next_block()
            }
            (_, true) => {
                self.cursor.step_back(&self.network, &self.options, T);
                Ok(())
            }
            (phase, false) if last => {
                if phase == Phase::Gradient {
                    self.store_outputs();
                }
                if self.reverse() {
                    self.load_seed();
                    self.cursor.turn();
                    Ok(())
                } else {
                    self.next_block()
                }
            }
            _ => {
                self.cursor.step_on(layer, &self.options, T);
                Ok(())
            }
        }
    }

    /// The next resident points, or the next phase once all have gone through.
    fn next_block(&mut self) -> Result<(), Error> {
        let end = self.cursor.end(&self.options);
        let next = self.cursor.first.saturating_add(self.plan.resident.min(u32::MAX as u64) as u32);
        if next < end {
            self.cursor.restart(next);
            return Ok(());
        }
        if let Some(layer) = self.forward_fault {
            return Err(Error::NonFinite(Fault { pass: Pass::Forward, layer }));
        }
        if let Some(layer) = self.backward_fault {
            return Err(Error::NonFinite(Fault { pass: Pass::Backward, layer }));
        }
        self.finish_moments()?;
        self.cursor.next_phase(&self.network, &self.options);
        Ok(())
    }

    /// Forward the lowest layer, backward the highest, over all points.
    fn record_fault(&mut self) {
        let layer = self.network.layer_number(self.cursor.layer);
        if self.cursor.backward {
            self.backward_fault = Some(self.backward_fault.map_or(layer, |at| at.max(layer)));
        } else {
            self.forward_fault = Some(self.forward_fault.map_or(layer, |at| at.min(layer)));
        }
    }

    /// Valid points of the block at hand.
    fn count(&self) -> usize {
        let left = self.cursor.end(&self.options).saturating_sub(self.cursor.first) as u64;
        left.min(self.plan.resident) as usize
    }

    /// Tiles of the block at hand.
    fn tiles(&self) -> usize {
        self.count().div_ceil(T)
    }
}

fn finite(buffer: Buffer, values: &[f32]) -> Result<(), Error> {
    match values.iter().position(|&x| !is_finite(x)) {
        Some(index) => Err(Error::NotFinite { buffer, layer: 0, index: index as u64 }),
        None => Ok(()),
    }
}
