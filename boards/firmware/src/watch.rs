//! What a device does between two nodes of a graph: it reports its progress, looks at its line for a cancel, and marks a profile.
use crate::answer::Answer;
use crate::compute::cancelled;
use crate::device::{Gone, Machine};
use crate::train::{Refused, TraceWriter};
use crate::work::Work;
use shatterscope::Pass;
use shatterscope::graph::Graph;
use shatterscope::plan::Plan;
use shatterscope::wire::{Decoder, Message, Traced, Why, report_interval};

/// Where a request comes from and its answer goes to.
pub(crate) struct Line<'l, 'm, M> {
    pub answer: Answer<'m, M>,
    pub decoder: &'l mut Decoder,
    /// What is said of the nodes.
    pub trace: Option<&'l mut TraceWriter>,
}

/// Accompanies one pass over a graph.
pub(crate) struct Watch<'w, 'l, 'm, M> {
    line: &'w mut Line<'l, 'm, M>,
    work: Work,
    /// Multiply-adds done, and those at which the next report is due.
    done: u64,
    next: u64,
    /// Multiply-adds between two reports; 0 where the host wants none.
    interval: u32,
    /// Whether the pass is long enough to look at the line.
    looks: bool,
    /// Whether the state has changed: from then on the step is completed.
    updated: bool,
    /// Whether the host wants the end, or is gone.
    ended: bool,
}

/// Whether a pass over `count` points may last longer than the time between two reports. A shorter one is computed in one go.
// Out of line: a small stack does not hold it during the pass.
#[inline(never)]
pub(crate) fn is_long(plan: &Plan, count: u32, report: u32) -> bool {
    // Each of the two gradients of a node costs what its value costs.
    let passes = if plan.want().backward() { 3 } else { 1 };
    let most = plan.multiply_adds.saturating_mul(count.into()).saturating_mul(passes);
    most > report_interval(report)
}

impl<'w, 'l, 'm, M: Machine> Watch<'w, 'l, 'm, M> {
    /// Of `count` points, with so many multiply-adds between two reports; 0 for none.
    pub fn new(line: &'w mut Line<'l, 'm, M>, plan: &Plan, count: u32, report: u32) -> Self {
        let interval = if report > 0 { report_interval(report) as u32 } else { 0 };
        let next = if interval > 0 { interval.into() } else { u64::MAX };
        let (work, looks) = (Work::of(plan, count), is_long(plan, count, report));
        Self { line, work, done: 0, next, interval, looks, updated: false, ended: false }
    }

    /// A measured stretch of work begins.
    pub fn begin(&mut self) {
        if let Some(trace) = &mut self.line.trace {
            self.ended |= trace.begin(&mut self.line.answer).is_err();
        }
        self.line.answer.machine().begin();
    }

    /// The multiply-adds after which the line is looked at again. A profile marks whole nodes.
    pub fn budget(&self) -> u64 {
        let profiles = self.line.trace.as_ref().is_some_and(|trace| trace.what == Traced::Profile);
        if profiles || !self.looks { u64::MAX } else { report_interval(self.interval) }
    }

    /// After some rows of a node, of which so many multiply-adds are done: as [`Watch::worked`].
    #[inline(never)]
    pub fn part(&mut self, done: u64) -> Result<(), Refused> {
        self.report(self.done.saturating_add(done));
        if self.ended && !self.updated { Err(Refused::Why(Why::Cancelled, 0, 0)) } else { Ok(()) }
    }

    /// After a node has been processed in one direction: an error where the pass is to end here, and the state is that of before.
    #[inline(never)]
    pub fn worked(&mut self, graph: &Graph, pass: Pass, node: u32) -> Result<(), Refused> {
        let clock = match &self.line.trace {
            Some(trace) if trace.what == Traced::Profile => match self.line.answer.machine().mark(pass, node) {
                // An emulator would count all else that is done here.
                None if self.interval == 0 => return Ok(()),
                now => now,
            },
            _ => None,
        };
        if let (Some(now), Some(trace)) = (clock, &mut self.line.trace) {
            self.ended |= trace.say_word(&mut self.line.answer, now.saturating_sub(trace.began)).is_err();
        }
        self.look(graph, pass, node);
        if let (Some(now), Some(trace)) = (clock, &mut self.line.trace) {
            trace.began = self.line.answer.machine().mark(pass, node).unwrap_or(now);
            trace.paused = trace.paused.saturating_add(trace.began.saturating_sub(now));
        }
        if self.ended && !self.updated { Err(Refused::Why(Why::Cancelled, 0, 0)) } else { Ok(()) }
    }

    /// Reports the progress where that is due, and looks at the line.
    fn look(&mut self, graph: &Graph, pass: Pass, node: u32) {
        self.done = self.done.saturating_add(self.work.of_node(graph, pass, node));
        self.report(self.done);
    }

    fn report(&mut self, done: u64) {
        if done >= self.next && done < self.work.total {
            self.next = done.saturating_add(self.interval.into());
            let said = self.line.answer.say(Message::Progress { done, of: self.work.total });
            self.ended |= said.is_err();
        }
        if self.looks && !self.ended {
            // A closed transport counts as a cancel.
            self.ended = cancelled(self.line.decoder, &mut self.line.answer).unwrap_or(true);
        }
    }

    /// Lets a trace of values say something.
    #[inline(always)]
    pub fn trace(&mut self, say: impl FnOnce(&mut TraceWriter, &mut Answer<'m, M>) -> Result<(), Gone>) {
        if let Some(trace) = &mut self.line.trace
            && trace.what != Traced::Profile
        {
            self.ended |= say(trace, &mut self.line.answer).is_err();
        }
    }

    /// Says that the state has changed.
    pub fn updated(&mut self) {
        self.updated = true;
    }
}
