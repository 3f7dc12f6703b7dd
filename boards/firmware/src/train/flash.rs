use super::{Pieces, Refused, Session};
use crate::device::Machine;
use shatterscope::train::slots::Progress;
use shatterscope::wire::{Save, Saved, Why};

impl Session {
    fn has_begun(&self) -> Result<(), Refused> {
        if self.is_ready() { Ok(()) } else { Err(Refused::Why(Why::Session, self.number() as u64, 0)) }
    }

    /// Keeps the state in flash; once, if the same is asked for again.
    #[inline(never)]
    pub fn save<M: Machine>(&mut self, save: &Save, arena: &mut [f32], machine: &mut M) -> Result<Saved, Refused> {
        self.has_begun()?;
        if save.step != self.step {
            return Err(Refused::Why(Why::Step, save.step as u64, self.step as u64));
        }
        match &self.saved {
            Some(saved) if (saved.step, saved.batch, saved.rate) == (save.step, save.batch, save.rate) => {
                return Ok(*saved);
            }
            _ => {}
        }
        let progress = Progress { step: self.step, batch: save.batch, powers: self.powers, rate: save.rate };
        let Pieces { parameters, running, state, .. } = self.layout.divide(arena);
        let sequence = machine.save(self.train.tag, (parameters, running, state), &progress)?;
        Ok(self.is_saved(sequence, &progress, arena))
    }

    /// Takes up the state that lies in flash.
    #[inline(never)]
    pub fn restore<M: Machine>(&mut self, arena: &mut [f32], machine: &mut M) -> Result<Saved, Refused> {
        self.has_begun()?;
        match &self.saved {
            Some(saved) if saved.step == self.step => return Ok(*saved),
            _ if self.step != 0 => return Err(Refused::Why(Why::Step, 0, self.step as u64)),
            _ => {}
        }
        let Pieces { parameters, running, state, .. } = self.layout.divide(arena);
        let (sequence, progress) = machine.restore(self.train.tag, (parameters, running, state))?;
        (self.step, self.powers, self.last) = (progress.step, progress.powers, None);
        Ok(self.is_saved(sequence, &progress, arena))
    }

    fn is_saved(&mut self, sequence: u32, progress: &Progress, arena: &[f32]) -> Saved {
        let Progress { step, batch, rate, .. } = *progress;
        *self.saved.insert(Saved { sequence, step, batch, rate, digest: self.digest(arena) })
    }
}
