//! Resumable runs over a set of points. `mod.rs` decides what comes next, `work.rs` computes it, `tangent.rs` computes tangents in forward
//! mode, and `ends.rs` loads inputs and stores results.
mod ends;
mod grouped;
mod step;
mod tangent;
mod work;

pub use step::Step;

use super::at::At;
use super::drawn::Drawing;
use super::memory::Memory;
use super::norm::{Swept, Target};
use super::run::{Buffers, Room, least};
use super::source::Source;
use crate::error::{Buffer, Error, NonFinite, Pass};
use crate::exec::{Input, Observer, Seen};
use crate::graph::Node;
use crate::math::is_finite;
use crate::plan::{Cursor, Due, Plan, RunLengths, RunOptions, Sweep};
use crate::workers::Workers;

/// A resumable run of a graph over a set of points: computes the outputs and their derivative with respect to the inputs.
///
/// A unit of work is one operation on the resident points or, where weights are drawn, one panel of weights. The schedule sets the number of
/// resident points; R rows of weights by T points are the register tile of the dense kernel. Both affect speed and memory only: results are
/// bit-identical.
pub struct Run<'a, K, const R: usize, const T: usize> {
    memory: Memory<'a, K, T>,
    /// Forward mode: the tangents, in the same slots as the values.
    tangents: &'a mut [f32],
    room: Room<'a>,
    source: Source<'a>,
    /// All parameters, or those that are not drawn.
    parameters: &'a [f32],
    input: Input<'a>,
    /// Reverse mode: the cotangent of the outputs. Forward mode: the tangent of the inputs.
    cotangent: Option<&'a [f32]>,
    options: RunOptions,
    lengths: RunLengths,
    /// Total units of the inputs and of the outputs.
    ends: (usize, usize),
    outputs: &'a mut [f32],
    gradient: &'a mut [f32],
    cursor: Cursor,
    /// Offsets of the current node: the start of its data in the forward pass, the end in the backward pass.
    at: At,
    drawing: Drawing,
    /// The norm whose sums were updated last.
    target: Option<Target>,
    /// Multiply-adds of operations with stored weights.
    done: u64,
    /// The layer that is reported if the current operation fails.
    layer: u32,
    /// The lowest layer that failed in the forward pass, and the highest in the backward pass.
    faults: [Option<u32>; 2],
}

#[cfg(feature = "defmt")]
impl<K, const R: usize, const T: usize> defmt::Format for Run<'_, K, R, T> {
    fn format(&self, f: defmt::Formatter) {
        defmt::write!(f, "Run({=u64} multiply-adds to do)", self.lengths.multiply_adds);
    }
}

impl<'a, K: Workers, const R: usize, const T: usize> Run<'a, K, R, T> {
    /// Checks all lengths and inputs. `buffers.scratch` holds a panel of weights; a longer one is faster, up to a whole matrix.
    /// `buffers.gathered` is not used.
    ///
    /// # Shapes
    /// `outputs` is `[point][output]`; `gradient` is `[point][input]` in reverse mode and `[point][output]` in forward mode. Both hold the
    /// points `options.first..options.first + options.count`.
    ///
    /// # Errors
    /// [`Error::InvalidSpec`] as [`Plan::run`]; the errors of [`Source::panel_len`]; [`Error::TooShort`]; [`Error::InvalidValue`] for an input that
    /// is NaN or infinite.
    #[expect(clippy::too_many_arguments, reason = "each is a buffer or a choice of the caller's")]
    pub fn new(
        plan: &'a Plan<'a>,
        source: Source<'a>,
        workers: &'a K,
        input: Input<'a>,
        options: RunOptions,
        buffers: Buffers<'a>,
        outputs: &'a mut [f32],
        gradient: &'a mut [f32],
    ) -> Result<Self, Error> {
        let lengths = plan.run(&options, T as u32)?;
        let ends @ (inputs, _) = plan.input_output_units();
        let need = options.points as u64 * inputs;
        match input {
            Input::Points(points) if (points.len() as u64) < need => {
                return Err(Error::TooShort { buffer: Buffer::Inputs, need, have: points.len() as u64 });
            }
            Input::Points(points) => finite(Buffer::Inputs, points)?,
            Input::Grid { .. } if inputs != 1 => {
                return Err(Error::TooShort { buffer: Buffer::Inputs, need, have: options.points as u64 });
            }
            Input::Grid { from, step } => finite(Buffer::Inputs, &[from, step])?,
        }
        check(plan, source, buffers.scratch.len() as u64)?;
        let Buffers { values, tape, statistics, scratch, gathered } = buffers;
        let (constants, scratch) = source.constants(plan, scratch);
        let values = Buffer::Values.first(values, lengths.values_len)?;
        // Does not saturate: the product is at most the length of this buffer.
        let own = plan.units.saturating_mul(lengths.resident) as usize;
        let (values, tangents) = invariant!(values.split_at_mut_checked(own));
        let tiles = lengths.resident / T as u64;
        let sums = options.sums();
        let memory = Memory {
            plan,
            workers,
            values,
            tape: Buffer::Tape.first(tape, lengths.tape_len)?,
            tape_tile_len: invariant!(lengths.tape_len.checked_div(tiles)) as usize,
            points: lengths.resident as usize,
            count: 0,
            tiles: 0,
            first: 0,
        };
        let room = Room {
            statistics: Buffer::Statistics.first(statistics, lengths.statistics_len)?,
            shared: plan.rows(sums).0 as usize,
            sums,
            scratch,
            gathered,
            isa: options.isa,
            math: options.math,
        };
        Ok(Self {
            memory,
            tangents,
            room,
            source,
            parameters: if let Source::Stored(parameters) = source { parameters } else { constants },
            input,
            cotangent: None,
            options,
            lengths,
            // Not truncated: every input and output fits in a buffer.
            ends: (ends.0 as usize, ends.1 as usize),
            outputs: Buffer::Outputs.first(outputs, lengths.outputs_len)?,
            gradient: Buffer::Gradient.first(gradient, lengths.gradient_len)?,
            cursor: Cursor::start(plan, &options),
            at: At::START,
            drawing: Drawing::START,
            target: None,
            done: 0,
            layer: 0,
            faults: [None; 2],
        })
    }

    /// Sets the cotangent `[point][output]` of reverse mode, or the input tangent `[point][input]` of forward mode, for all points of the
    /// batch. The default is 1.0 everywhere.
    ///
    /// # Errors
    /// [`Error::TooShort`] or [`Error::InvalidValue`].
    pub fn with_cotangent(mut self, cotangent: &'a [f32]) -> Result<Self, Error> {
        let (inputs, outputs) = self.ends;
        let need = self.options.points as u64 * if self.reverse() { outputs } else { inputs } as u64;
        if (cotangent.len() as u64) < need {
            return Err(Error::TooShort { buffer: Buffer::Cotangent, need, have: cotangent.len() as u64 });
        }
        finite(Buffer::Cotangent, cotangent)?;
        self.cotangent = Some(cotangent);
        Ok(self)
    }

    /// The buffer lengths and the work of the run.
    pub fn lengths(&self) -> &RunLengths {
        &self.lengths
    }

    /// Multiply-adds done so far, of [`RunLengths::multiply_adds`].
    pub fn multiply_adds(&self) -> u64 {
        self.done.saturating_add(self.drawing.done)
    }

    /// Runs to the end.
    ///
    /// # Errors
    /// As [`Run::step`].
    pub fn run(&mut self) -> Result<(), Error> {
        while !self.step(u64::MAX)?.is_done() {}
        Ok(())
    }

    /// Computes at least one unit, and stops after about `budget` multiply-adds; each unit counts as one more.
    ///
    /// # Errors
    /// [`Error::NonFinite`] with the layer where a value or gradient is NaN or infinite; the contents of `outputs` and `gradient` are then
    /// unspecified.
    pub fn step(&mut self, budget: u64) -> Result<Step, Error> {
        self.step_observed(budget, &mut ())
    }

    /// As [`Run::step`]; `observer` is shown the result of each operation.
    ///
    /// # Errors
    /// As [`Run::step`].
    pub fn step_observed(&mut self, budget: u64, observer: &mut impl Observer) -> Result<Step, Error> {
        let mut spent = 0u64;
        while self.cursor.sweep != Sweep::Done {
            let before = self.multiply_adds();
            self.unit(observer)?;
            spent = spent.saturating_add(1 + self.multiply_adds().saturating_sub(before));
            if spent >= budget && self.cursor.sweep != Sweep::Done {
                return Ok(Step::Pending(self.multiply_adds()));
            }
        }
        Ok(Step::Done)
    }

    fn reverse(&self) -> bool {
        self.memory.plan.want().backward()
    }

    /// Computes one unit and advances the cursor.
    fn unit(&mut self, observer: &mut impl Observer) -> Result<(), Error> {
        // Used by reference: copying the node would stall on its stores.
        let found = self.memory.node(self.cursor.node);
        let Some(node) = &found else {
            self.cursor.sweep = Sweep::Done;
            return Ok(());
        };
        self.layer = node.address;
        if !self.cursor.backward && self.cursor.node == self.memory.plan.inputs() && self.drawing.is_new() {
            self.load_inputs();
        }
        let finite = if self.cursor.is_summed(self.memory.plan) {
            self.sum(node);
            Some(true)
        } else if self.cursor.backward {
            self.backward(node)
        } else if self.takes_tangents() {
            self.both(node)
        } else {
            self.value_or_panel(node)
        };
        let Some(finite) = finite else { return Ok(()) };
        observer.worked(self.cursor.pass(), self.cursor.node);
        if !finite {
            self.record_fault();
            return self.next_block();
        }
        if self.cursor.sweep == Sweep::Results && observer.looks(self.cursor.pass(), self.cursor.node) {
            self.show(node, observer);
        }
        match self.cursor.advance(self.memory.plan) {
            Due::Operation => Ok(()),
            Due::Turn => {
                self.store_outputs();
                self.load_cotangent();
                Ok(())
            }
            Due::Block if self.cursor.sweep != Sweep::Results => self.next_block(),
            Due::Block => {
                if self.reverse() {
                    self.store_gradient();
                } else {
                    self.store_outputs();
                }
                self.next_block()
            }
        }
    }
}

impl<'a, K: Workers, const R: usize, const T: usize> Run<'a, K, R, T> {
    /// Shows the result of the current operation to the observer.
    #[inline(never)]
    fn show(&self, node: &Node, observer: &mut impl Observer) {
        let span = if self.cursor.backward { self.memory.gradient(node.x) } else { self.memory.span(self.cursor.node) };
        let seen = Seen {
            pass: self.cursor.pass(),
            node: self.cursor.node,
            first: self.cursor.first,
            count: self.memory.count as u32,
            units: invariant!(span.tile_len.checked_div(T)) as u32,
            data: self.memory.get(span),
            tile_len: span.tile_len,
            tile: T,
        };
        observer.see(&seen);
        if !self.reverse() {
            let data = invariant!(self.tangents.get(span.start..).and_then(|t| t.get(..span.len)));
            observer.see(&Seen { pass: Pass::Backward, data, ..seen });
        }
    }

    /// Moves to the next block of points or, after the last one, to the next sweep.
    fn next_block(&mut self) -> Result<(), Error> {
        self.drawing.restart();
        self.at = At::START;
        let plan = self.memory.plan;
        let next = self.cursor.first.saturating_add(self.lengths.resident.min(u32::MAX as u64) as u32);
        if next < self.cursor.end(&self.options) {
            self.cursor.restart(plan, next);
            return Ok(());
        }
        for (pass, layer) in [Pass::Forward, Pass::Backward].into_iter().zip(self.faults) {
            if let Some(layer) = layer {
                return Err(Error::NonFinite(NonFinite { pass, layer }));
            }
        }
        let swept = match self.cursor.sweep {
            Sweep::Means => Some(Swept::Values),
            Sweep::Variances => Some(Swept::Squares),
            Sweep::Derivative => Some(Swept::Derivative),
            Sweep::Results | Sweep::Done => None,
        };
        if let (Some(swept), Some(target)) = (swept, self.target.take())
            && !target.fold(&mut self.room, swept, self.options.points)
        {
            let reverse = swept == Swept::Derivative && self.reverse();
            let pass = if reverse { Pass::Backward } else { Pass::Forward };
            let layer = plan.graph().at(self.cursor.norm as usize).address;
            return Err(Error::NonFinite(NonFinite { pass, layer }));
        }
        self.cursor.next_sweep(plan, &self.options);
        Ok(())
    }

    /// Records the lowest layer that failed in the forward pass, or the highest in the backward pass, over all points.
    fn record_fault(&mut self) {
        let layer = self.layer;
        let [forward, backward] = &mut self.faults;
        if self.cursor.backward {
            *backward = Some(backward.map_or(layer, |at| at.max(layer)));
        } else {
            *forward = Some(forward.map_or(layer, |at| at.min(layer)));
        }
    }
}

/// Checks the number of parameters, that all weights can be drawn, and the length of the panel.
#[inline(never)]
fn check(plan: &Plan, source: Source, panel: u64) -> Result<(), Error> {
    if let Source::Stored(parameters) = source {
        least(Buffer::Parameters, parameters.len(), plan.parameters_len)?;
    }
    let need = source.panel_len(plan)?;
    if panel < need { Err(Error::TooShort { buffer: Buffer::Panel, need, have: panel }) } else { Ok(()) }
}

fn finite(buffer: Buffer, values: &[f32]) -> Result<(), Error> {
    match values.iter().position(|&x| !is_finite(x)) {
        Some(index) => Err(Error::InvalidValue { buffer, layer: 0, index: index as u64 }),
        None => Ok(()),
    }
}
