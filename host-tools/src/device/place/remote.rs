use super::{Measured, OpenTarget, Outcome};
use crate::device::Board;
use crate::device::counter::Counter;
use crate::device::fit::{Choice, Room, Unfit, request};
use crate::device::link::{Answer, Identity, Link, LinkError, Mended};
use crate::device::profile::{Profile, no_clock, no_mark};
use crate::plan::name_of;
use crate::plan::tables::Costs;
use crate::progress::Progress;
use crate::spec::Spec;
use crate::{Failure, Result};
use shatterscope::Pass;
use shatterscope::graph::Graph;
use shatterscope::plan::Schedule;
use shatterscope::wire::{Part, Run, Why};
use std::time::Instant;

/// Digests of so many nodes are asked for at once; a device without the memory is asked for fewer.
const NODES: u32 = 64;

/// A device at the end of a line.
pub struct Remote {
    pub(super) link: Link,
    pub(super) counter: Option<Counter>,
    /// A schedule for all runs, instead of the one that fits best.
    pub(super) schedule: Option<Schedule>,
    /// Bytes of memory that the firmware may use; 0 for all.
    pub(super) ram: u32,
    pub(super) quiet: bool,
}

impl Remote {
    fn room(&self) -> Room {
        let identity = self.link.identity();
        Room { words: identity.arena as u64 / 4, rows: identity.rows, tile: identity.tile, ram: self.ram }
    }

    /// The schedule of a run, as given or as it fits best.
    ///
    /// # Errors
    /// None fits.
    pub fn choose(&self, run: &Run) -> Result<Choice> {
        let room = self.room();
        match self.schedule {
            None => {
                let identity = self.link.identity();
                let costs = Costs::committed()?;
                let board = Board::find(&identity.board);
                room.choose(run, |choice| costs.of_choice(board, identity.fpu, run, choice, &room))
            }
            Some(schedule) => room.choice(run, schedule, run.count).map_err(|unfit| match unfit {
                Unfit::Refused(error) => error.into(),
                Unfit::Short(short) => Failure::failed(format!(
                    "this schedule needs {} B of memory for runs, {} B are there",
                    short.need, short.have
                )),
            }),
        }
    }

    fn ask(&mut self, run: &Run, what: &str) -> std::result::Result<Answer, LinkError> {
        let report_every = self.link.identity().report_every();
        let bar = Progress::new(what, 0, self.quiet);
        self.link.part(&Run { report_every, ..*run }, |done, of| {
            bar.set(done, of);
            true
        })
    }

    fn base(&self, spec: &Spec, run: u32) -> Result<Run> {
        let run = request(spec, run, self.ram)?;
        let choice = self.choose(&run)?;
        Ok(Run { schedule: choice.schedule, ..run })
    }
}

impl OpenTarget for Remote {
    fn identity(&self) -> Option<&Identity> {
        Some(self.link.identity())
    }

    fn mended(&self) -> Mended {
        self.link.mended()
    }

    fn is_lost(&self) -> bool {
        self.link.is_lost()
    }

    fn schedule(&self, spec: &Spec) -> Result<Option<String>> {
        Ok(Some(name_of(self.choose(&request(spec, 0, self.ram)?)?.schedule)))
    }

    fn profile(&mut self, spec: &Spec, run: u32) -> Result<Profile> {
        let whole = request(spec, run, self.ram)?;
        let name = self.link.identity().board.clone();
        if self.counter.is_none() && self.link.identity().clock == 0 {
            return Err(no_clock(&name));
        }
        let nodes = Graph::family(&whole.spec)?.len() as u32;
        // An emulator is told of every node in one run; a device keeps the ticks of some.
        let window = if self.counter.is_some() { nodes } else { NODES };
        let kept = if self.counter.is_some() { 0 } else { window.min(nodes) };
        // With room for what is kept beside the run.
        let choice = self.choose(&Run { part: Part::Profile { first: 0, count: kept }, ..whole })?;
        let mut profile = Profile::of(nodes as usize);
        if let Some(counter) = &mut self.counter {
            counter.marked()?;
        }
        for first in (0..nodes).step_by(window as usize) {
            let count = if self.counter.is_some() { 0 } else { window.min(nodes - first) };
            for point in (0..whole.count).step_by(choice.slice as usize) {
                let slice = Run {
                    schedule: choice.schedule,
                    first: point,
                    count: choice.slice.min(whole.count - point),
                    ..whole
                };
                let answer = self.ask(&Run { part: Part::Profile { first, count }, ..slice }, &name)?;
                profile.clock(first, &answer.elements);
                if first == 0 && self.counter.is_none() {
                    profile.total.ticks = profile.total.ticks.saturating_add(answer.done.ticks.unwrap_or(0));
                }
            }
        }
        match &mut self.counter {
            Some(counter) => {
                let (total, marks) = counter.marked()?;
                profile.count(total, &marks);
            }
            None if profile.operations.iter().flatten().all(|spent| spent.ticks == 0) => {
                return Err(no_mark(&name));
            }
            None => {}
        }
        Ok(profile)
    }

    fn gradient(&mut self, spec: &Spec, run: u32) -> Result<Measured> {
        let start = Instant::now();
        let whole = request(spec, run, self.ram)?;
        let choice = self.choose(&whole)?;
        let name = self.link.identity().board.clone();
        let (mut gradient, mut outputs) = (Vec::new(), Vec::new());
        let (mut stack, mut ticks, mut arena) = (None, Some(0), 0);
        for first in (0..whole.count).step_by(choice.slice as usize) {
            let count = choice.slice.min(whole.count - first);
            let slice = Run { schedule: choice.schedule, first, count, ..whole };
            match self.ask(&slice, &name) {
                Ok(answer) => {
                    gradient.extend(answer.elements.iter().map(|&element| element as u32));
                    // The device still has them.
                    let told = self.ask(&Run { part: Part::Outputs, ..slice }, &name)?;
                    outputs.extend(told.elements.iter().map(|&element| element as u32));
                    stack = stack.max(answer.done.stack);
                    ticks = ticks.zip(answer.done.ticks).map(|(a, b): (u64, u64)| a.saturating_add(b));
                    arena = arena.max(answer.done.arena);
                }
                Err(LinkError::Refused { why: Why::NonFinite(fault), .. }) => {
                    let seconds = start.elapsed().as_secs_f64();
                    let outcome = Outcome::NonFinite(fault);
                    return Ok(Measured { outcome, instructions: None, ticks: None, stack, arena: None, seconds });
                }
                Err(error) => return Err(error.into()),
            }
        }
        let regions = self.counter.as_mut().map(Counter::regions).transpose()?;
        let instructions = regions.filter(|regions| !regions.is_empty());
        Ok(Measured {
            outcome: Outcome::Results { gradient, outputs },
            instructions: instructions.map(|regions| regions.iter().map(|region| region.instructions).sum()),
            ticks,
            stack,
            arena: Some(arena),
            seconds: start.elapsed().as_secs_f64(),
        })
    }

    fn digests(&mut self, spec: &Spec, run: u32) -> Result<Vec<[u64; 2]>> {
        let base = self.base(spec, run)?;
        let len = Graph::family(&base.spec)?.len() as u32;
        let (mut digests, mut window) = (Vec::new(), NODES);
        while digests.len() < len as usize {
            let first = digests.len() as u32;
            let count = window.min(len - first);
            match self.ask(&Run { part: Part::Digests { first, count }, ..base }, "digests") {
                Ok(answer) => digests.extend(answer.elements.as_chunks::<2>().0.iter().copied()),
                Err(LinkError::Refused { why: Why::Memory, .. }) if window > 1 => window /= 2,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(digests)
    }

    fn values(&mut self, spec: &Spec, run: u32, pass: Pass, node: u32) -> Result<Vec<u32>> {
        let base = self.base(spec, run)?;
        let answer = self.ask(&Run { part: Part::Values { pass, node }, ..base }, "values")?;
        Ok(answer.elements.iter().map(|&element| element as u32).collect())
    }
}
