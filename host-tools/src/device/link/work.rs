//! The work of a request, which the host knows, and what a device reports of it.
use super::exchange::Exchange;
use super::{Link, LinkError, refusal};
use shatterscope::wire::{Why, report_interval};

/// A request whose progress is watched.
pub struct Watched<'a> {
    /// Its multiply-adds, by the plan of this machine.
    pub multiply_adds: u64,
    /// Multiply-adds between two reports.
    pub every: u32,
    /// Is told (multiply-adds done, all) and says whether to go on; otherwise the request is cancelled.
    pub progress: &'a mut dyn FnMut(u64, u64) -> bool,
}

impl Watched<'_> {
    /// Whether the request takes long enough for a report.
    pub(super) fn reports(&self) -> bool {
        self.multiply_adds > report_interval(self.every)
    }
}

/// What was reported so far.
pub(super) struct Work<'a> {
    watched: Watched<'a>,
    /// Multiply-adds of the last report of the answer at hand.
    reached: Option<u64>,
    cancelled: bool,
}

impl<'a> Work<'a> {
    pub fn new(watched: Watched<'a>) -> Self {
        Self { watched, reached: None, cancelled: false }
    }

    /// The request is sent again.
    pub fn restart(&mut self) {
        self.reached = None;
    }

    /// Refuses the end of a request that was not cancelled.
    pub fn check_end(&self, why: &Why) -> Result<(), LinkError> {
        match why {
            Why::Cancelled if !self.cancelled => {
                Err(LinkError::Lie("it ended a run that was not cancelled".to_owned()))
            }
            _ => Ok(()),
        }
    }

    /// Takes a report of the answer to a request of this number. Progress alone extends the time, and only towards the total that is known.
    pub fn report(
        &mut self,
        link: &mut Link,
        request: u32,
        (done, of): (u64, u64),
        exchange: &mut Exchange,
    ) -> Result<(), LinkError> {
        let total = self.watched.multiply_adds;
        if of != total || done > of {
            return Err(LinkError::Lie(format!("{done} of {of} multiply-adds done, the run has {total}")));
        }
        if self.reached.is_some_and(|reached| done <= reached) {
            link.traffic.stalled += 1;
            return Ok(());
        }
        // An honest device reports at this distance. Where operations multiply nothing, a report may come earlier.
        if done - self.reached.unwrap_or(0) >= report_interval(self.watched.every) / 8 {
            exchange.advanced();
        }
        self.reached = Some(done);
        if !(self.watched.progress)(done, of) {
            // Again with every report, for a frame may be lost.
            self.cancelled = true;
            if !link.cancel(request, exchange.end())? {
                return Err(refusal(Why::Cancelled));
            }
        }
        Ok(())
    }
}
