use super::{Pieces, Refused, Session};
use crate::device::Machine;
use shatterscope::math::Math;
use shatterscope::network::Serial;
use shatterscope::train::{MeanLoss, Mode, Place, Step, Trainer, correct_count, cross_entropy};
use shatterscope::wire::{Layers, MAX_LAYERS, Taught, Teach, Why, examples_digest};

impl Session {
    /// One step, or what the last one came to.
    pub fn teach<const R: usize, const T: usize, M: Machine>(
        &mut self,
        teach: &Teach,
        arena: &mut [f32],
        machine: &mut M,
    ) -> Result<Taught, Refused> {
        match &self.last {
            Some(last) if last.step == teach.step.wrapping_add(1) && last.step == self.step => return Ok(*last),
            _ if teach.step != self.step => {
                return Err(Refused::Why(Why::Step, teach.step as u64, self.step as u64));
            }
            _ => {}
        }
        let (loss, correct, ticks) = if self.with.batch == 1 {
            self.teach_in::<R, 1, M>(teach, arena, machine)?
        } else {
            self.teach_in::<R, T, M>(teach, arena, machine)?
        };
        self.step = self.step.saturating_add(1);
        let (step, digest, stack) = (self.step, self.digest(arena), machine.stack());
        Ok(*self.last.insert(Taught { step, loss, correct, digest, stack, ticks }))
    }

    /// (loss, right answers, ticks)
    #[inline(never)]
    fn teach_in<const R: usize, const T: usize, M: Machine>(
        &mut self,
        teach: &Teach,
        arena: &mut [f32],
        machine: &mut M,
    ) -> Result<(f32, u32, Option<u64>), Refused> {
        let mut powers = self.powers;
        let rule = self.with.settings.step(teach.rate, &mut powers)?;
        let mut places = [Place::default(); MAX_LAYERS];
        let mut layers = Layers::new();
        self.layers(arena, &mut layers)?;
        let Pieces { parameters, running, state, labels, buffers } = self.layout.cut(arena, &mut places);
        let options = self.options();
        let mut made = Trainer::<_, R, T>::for_steps(&layers, &Serial, options, buffers);
        // By reference: a move would be a second trainer on the stack.
        let trainer = match &mut made {
            Ok(trainer) => trainer,
            Err(error) => return Err((*error).into()),
        };
        let (units, classes) = (trainer.plan().inputs as usize, trainer.plan().outputs as usize);
        let count = teach.count as usize;
        let labels = labels.get(..count).unwrap_or_default();
        let (inputs, tile_len) = trainer.begin(teach.count)?;
        let at = |point: usize, unit: usize| point / T * tile_len + unit * T + point % T;
        let value = |point, unit| inputs.get(at(point, unit)).copied().unwrap_or(f32::NAN);
        let all = (0..count).flat_map(|point| (0..units).map(move |unit| (point, unit)));
        if examples_digest(all.map(|(point, unit)| value(point, unit)), labels.iter().copied()) != teach.examples {
            return Err(Refused::Why(Why::Examples, 0, 0));
        }
        if let Some(&label) = labels.iter().find(|&&label| label as usize >= classes) {
            return Err(Refused::Why(Why::Label, label as u64, classes as u64));
        }
        // Lanes past the last example are that example again.
        for point in count..count.next_multiple_of(T) {
            for unit in 0..units {
                let last = inputs.get(at(count.saturating_sub(1), unit)).copied().unwrap_or_default();
                if let Some(to) = inputs.get_mut(at(point, unit)) {
                    *to = last;
                }
            }
        }
        machine.begin();
        let done = step(trainer, (parameters, running, state), labels, (teach, rule));
        let ticks = machine.end(done.is_ok());
        let (loss, correct) = done?;
        self.powers = powers;
        Ok((loss, correct, ticks))
    }
}

/// Forward, losses, backward, and each parameter on its way: (loss, right answers).
#[inline(never)]
fn step<const R: usize, const T: usize>(
    trainer: &mut Trainer<Serial, R, T>,
    (parameters, running, state): (&mut [f32], &mut [f32], &mut [f32]),
    labels: &[u32],
    (teach, rule): (&Teach, Step),
) -> Result<(f32, u32), Refused> {
    let done = lose(trainer, (parameters, running), labels, teach)?;
    trainer.descend(parameters, state, &rule)?;
    Ok(done)
}

/// Forward and losses, whose gradient stands in the trainer then. Out of line: what they keep on the stack is not there on the way back.
#[inline(never)]
fn lose<const R: usize, const T: usize>(
    trainer: &mut Trainer<Serial, R, T>,
    (parameters, running): (&[f32], &mut [f32]),
    labels: &[u32],
    teach: &Teach,
) -> Result<(f32, u32), Refused> {
    trainer.forward(parameters, running, Mode::Training { step: teach.step })?;
    let classes = trainer.plan().outputs as usize;
    let (outputs, gradient, tile_len) = trainer.outputs_and_gradient();
    let from = outputs.len() / labels.len().div_ceil(T).max(1);
    let (mut mean, mut correct) = (MeanLoss::new(), 0);
    let tiles = outputs.chunks(from.max(1)).zip(gradient.chunks_mut(tile_len.max(1)));
    for (labels, (z, gradient)) in labels.chunks(T).zip(tiles) {
        let mut losses = [0.0; T];
        let losses = losses.get_mut(..labels.len()).unwrap_or_default();
        correct += correct_count(z, (classes, T), labels)?;
        let (Some(gradient), Some(z)) = (gradient.get_mut(..classes * T), z.get(..classes * T)) else { continue };
        gradient.copy_from_slice(z);
        cross_entropy(gradient, (classes, T), labels, teach.count, losses, Math::Libm)?;
        mean.add(losses);
    }
    let loss = mean.mean().unwrap_or(0.0);
    if !(f32::MIN..=f32::MAX).contains(&loss) {
        return Err(Refused::Why(Why::Loss, 0, 0));
    }
    Ok((loss, correct))
}
