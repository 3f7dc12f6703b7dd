use crate::answer::Answer;
use crate::arena::{Layout, layout};
use crate::device::{Gone, Machine};
use crate::tap::Tap;
use shatterscope::Error;
use shatterscope::contract::Digest;
use shatterscope::exec::{self, Input, Source};
use shatterscope::graph::Graph;
use shatterscope::plan::Plan;
use shatterscope::weights::Seeded;
use shatterscope::wire::{Decoder, Done, Frame, MAX_FRAME, Message, Part, Run, VALUE_BYTES, Why};
use shatterscope::workers::{Serial, Workers};

/// How a run ended.
enum Outcome {
    Complete,
    Cancelled,
    Failed(Error),
}

/// Computes a part and says it. Where outputs and gradient then lie in the arena, to be said again, `kept` says so.
pub(crate) fn compute<const R: usize, const T: usize, M: Machine>(
    run: &Run,
    arena: &mut [f32],
    decoder: &mut Decoder,
    answer: &mut Answer<M>,
    kept: &mut Option<Kept>,
) -> Result<(), Gone> {
    let Some(layout) = prepare(run, T as u32, arena.len() as u64, answer)? else { return Ok(()) };
    let mut done = Done {
        elements: 0,
        digest: Digest::new(),
        arena: layout.bytes() as u32,
        panel: 4 * layout.panel as u32,
        stack: None,
        ticks: None,
    };
    let outcome = execute::<R, T, M>(run, &layout, arena, decoder, answer, &mut done)?;
    log!(info, "request {}: {} ticks, digest {:x}", answer.request(), done.ticks, done.digest.hash);
    match outcome {
        Outcome::Complete if answer.machine().overflowed() => answer.refuse(Why::Stack, 0, 0),
        Outcome::Complete if matches!(run.part, Part::Gradient | Part::Outputs) => {
            kept.insert(Kept { run: *run, layout, done }).say(run, arena, answer)
        }
        Outcome::Complete => {
            done.stack = answer.machine().stack();
            answer.say(Message::Done(done))
        }
        Outcome::Cancelled => answer.refuse(Why::Cancelled, 0, 0),
        Outcome::Failed(error) => refuse(error, answer),
    }
}

/// How the arena is cut; None after an error.
#[inline(never)]
fn prepare<M: Machine>(run: &Run, tile: u32, words: u64, answer: &mut Answer<M>) -> Result<Option<Layout>, Gone> {
    let end = match run.part {
        Part::Gradient | Part::Outputs => 0,
        Part::Digests { first, count } | Part::Profile { first, count } => first.saturating_add(count),
        Part::Values { node, .. } => node.saturating_add(1),
    };
    let nodes = Graph::family(&run.spec).map_or(0, |graph| graph.len());
    let refused = match layout(run, tile, words) {
        Ok((_, Ok(layout))) if end as usize <= nodes => return Ok(Some(layout)),
        Ok((_, Ok(_))) => answer.refuse(Why::Operation, end as u64, nodes as u64),
        Ok((_, Err(short))) => answer.refuse(Why::Memory, short.need, short.have),
        Err(error) => refuse(error, answer),
    };
    refused.map(|()| None)
}

/// The run itself. Values and digests of nodes are said on the way; the error is that of the transport.
fn execute<const R: usize, const T: usize, M: Machine>(
    run: &Run,
    layout: &Layout,
    arena: &mut [f32],
    decoder: &mut Decoder,
    answer: &mut Answer<M>,
    done: &mut Done,
) -> Result<Outcome, Gone> {
    let pieces = layout.cut(arena);
    let weights = Seeded::with(&run.spec, run.seed, run.run, run.normal, run.math);
    let options = run.options();
    let plan = Plan::family(&run.spec, options.want());
    let plan = match &plan {
        Ok(plan) => plan,
        Err(error) => return Ok(Outcome::Failed(*error)),
    };
    let mut made = exec::Run::<_, R, T>::new(
        plan,
        Source::Seeded(&weights),
        &Serial,
        Input::Grid { from: run.from, step: run.step },
        options,
        pieces.buffers,
        pieces.outputs,
        pieces.gradient,
    );
    // By reference: a move would be a second run on the stack.
    let machine = match &mut made {
        Ok(machine) => machine,
        Err(error) => return Ok(Outcome::Failed(*error)),
    };
    let mut tap = Tap::new(run, bytemuck::cast_slice_mut(pieces.part), answer);
    tap.answer.machine().begin();
    let outcome = steps(machine, run, decoder, &mut tap);
    done.ticks = tap.answer.machine().end(matches!(outcome, Ok(Outcome::Complete)));
    match run.part {
        Part::Digests { .. } | Part::Profile { .. } => tap.say_words(),
        _ => tap.flush(),
    }
    tap.outcome?;
    (done.elements, done.digest) = (tap.said, tap.digest);
    outcome
}

/// Steps to the end, with a look at the transport between them.
fn steps<K: Workers, M: Machine, const R: usize, const T: usize>(
    machine: &mut exec::Run<K, R, T>,
    run: &Run,
    decoder: &mut Decoder,
    tap: &mut Tap<M>,
) -> Result<Outcome, Gone> {
    loop {
        match machine.step_observed(run.report_interval(), tap) {
            Ok(step) if step.is_done() => return Ok(Outcome::Complete),
            Ok(_) => {}
            Err(error) => return Ok(Outcome::Failed(error)),
        }
        tap.outcome?;
        let (done, of) = (machine.multiply_adds(), machine.lengths().multiply_adds);
        tap.answer.say(Message::Progress { done, of })?;
        if cancelled(decoder, tap.answer)? {
            return Ok(Outcome::Cancelled);
        }
    }
}

/// Whether the host wants the end. What else it says meanwhile is not heard: it says it again.
#[inline(never)]
pub(crate) fn cancelled<M: Machine>(decoder: &mut Decoder, answer: &mut Answer<M>) -> Result<bool, Gone> {
    // A host that never stops talking does not stop the run.
    for _ in 0..4 * MAX_FRAME {
        let Some(byte) = answer.machine().poll()? else { break };
        if let Some(Ok(Frame { message: Message::Cancel, request, .. })) = decoder.push(byte)
            && request == answer.request()
        {
            return Ok(true);
        }
    }
    Ok(false)
}

#[inline(never)]
pub(crate) fn refuse<M: Machine>(error: Error, answer: &mut Answer<M>) -> Result<(), Gone> {
    match error {
        Error::InvalidSpec(reason) => answer.refuse(Why::Network(reason), 0, 0),
        Error::InvalidNode { node, reason } => answer.refuse(Why::Node(reason), node as u64, 0),
        Error::NoNode { node, nodes, .. } => answer.refuse(Why::Operation, node as u64 + 1, nodes as u64),
        Error::TooShort { need, have, .. } => {
            answer.refuse(Why::Memory, need.saturating_mul(4), have.saturating_mul(4))
        }
        Error::InvalidValue { .. } => answer.refuse(Why::Input, 0, 0),
        Error::InvalidConfig(setting) => answer.refuse(Why::Config(setting), 0, 0),
        Error::Label { label, classes, .. } => answer.refuse(Why::Label, label as u64, classes),
        Error::NonFinite(fault) => answer.refuse(Why::NonFinite(fault), 0, 0),
        // A loss that is not finite; an error that a later version of the core adds is not the host's fault, either.
        _ => answer.refuse(Why::Loss, 0, 0),
    }
}

/// A run whose outputs and gradient are still in the arena.
pub(crate) struct Kept {
    run: Run,
    layout: Layout,
    done: Done,
}

impl Kept {
    /// Whether `run` asks for results of the same run, all of them here.
    pub fn holds(&self, run: &Run) -> bool {
        let same =
            Run { first: run.first, count: run.count, part: run.part, report_every: run.report_every, ..self.run };
        let inside = run.first >= self.run.first
            && run.first.saturating_add(run.count) <= self.run.first.saturating_add(self.run.count);
        // A run that is not well formed is computed, and refused on the way.
        same == *run && inside && run.count > 0 && matches!(run.part, Part::Gradient | Part::Outputs)
    }

    /// Says the slice that `run` asks for.
    #[inline(never)]
    pub fn say<M: Machine>(&self, run: &Run, arena: &[f32], answer: &mut Answer<M>) -> Result<(), Gone> {
        let (start, len) = match run.part {
            Part::Outputs => (self.layout.gradient, self.layout.outputs),
            _ => (0, self.layout.gradient),
        };
        let all = arena.get(start as usize..(start + len) as usize).unwrap_or_default();
        let units = all.len().checked_div(self.run.count as usize).unwrap_or(0);
        let skip = (run.first.saturating_sub(self.run.first) as usize).saturating_mul(units);
        let len = (run.count as usize).saturating_mul(units);
        let series = all.get(skip..skip.saturating_add(len)).unwrap_or_default();
        for (i, frame) in series.chunks(VALUE_BYTES / 4).enumerate() {
            // Results are finite, so that their bits are canonical.
            answer.say_words((i * VALUE_BYTES / 4) as u32, frame)?;
        }
        let stack = answer.machine().stack();
        let elements = series.len() as u32;
        answer.say(Message::Done(Done { elements, digest: Digest::of(series), stack, ..self.done }))
    }
}
