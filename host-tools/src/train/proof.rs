//! What a checkpoint has to be, whatever its digest says: everything in it is held to what its spec and its data imply.
use super::checkpoint::{Checkpoint, STATE, names};
use super::{Epoch, Optimiser, Spec};
use crate::data::Dataset;
use crate::tensors::Bundle;
use shatterscope::train::Powers;
use std::collections::BTreeSet;

type Checked = Result<(), String>;

/// Says what is wrong with the numbers of a checkpoint on these data.
pub(super) fn check(checkpoint: &Checkpoint, data: &Dataset) -> Checked {
    let Checkpoint { spec, model, metrics, sums, .. } = checkpoint;
    let steps = data.train.len() as u32 / spec.batch.max(1);
    let epoch = model.rate.epoch;
    if epoch > spec.epochs {
        return Err(format!("{epoch} epochs are done of {}", spec.epochs));
    }
    if model.batch >= steps || (epoch == spec.epochs && model.batch > 0) {
        return Err(format!("{} batches are done of epoch {}, which has {steps}", model.batch, u64::from(epoch) + 1));
    }
    if u64::from(model.step) != u64::from(epoch) * u64::from(steps) + u64::from(model.batch) {
        let batch = model.batch;
        return Err(format!("{} steps are done, but {epoch} epochs of {steps} and {batch} batches", model.step));
    }
    epochs(checkpoint, steps)?;
    probes(checkpoint)?;
    self::sums(*sums, model.batch, spec.batch)?;
    if powers(spec, model.step) != model.powers {
        return Err(format!("the powers of Adam's betas are not those of step {}", model.step));
    }
    if model.batch == 0 && metrics.epochs.last().is_some_and(|last| last.digest != model.digest().to_string()) {
        return Err(format!("the parameters are not those whose digest the metrics have after epoch {epoch}"));
    }
    Ok(())
}

/// The tensors are those of the network, and hold numbers.
pub(super) fn tensors(bundle: &Bundle, checkpoint: &Checkpoint) -> Checked {
    let model = &checkpoint.model;
    let expected: BTreeSet<String> = names(&model.layers).chain([STATE.to_owned()]).collect();
    let strange = |name: &&String| !expected.contains(*name) || (*name == STATE && model.state.is_empty());
    if let Some(other) = bundle.tensors.keys().find(strange) {
        return Err(format!("its network has no tensor {}", crate::text::visible(other)));
    }
    if let Some(place) = bundle.not_finite() {
        return Err(format!("{place}, unless its run diverged"));
    }
    if checkpoint.spec.optimiser == Optimiser::Adam {
        squares("the mean square in optimiser.state", model.state.iter().skip(1).step_by(2).copied())?;
    }
    for (name, tensor) in bundle.tensors.iter().filter(|(name, _)| name.ends_with(".running_var")) {
        squares(name, tensor.data.iter().copied())?;
    }
    Ok(())
}

fn squares(name: &str, mut values: impl Iterator<Item = f32>) -> Checked {
    match values.position(|x| x < 0.0) {
        Some(at) => Err(format!("{name} is negative at element {at}, and is a mean of squares")),
        None => Ok(()),
    }
}

fn share(x: f64) -> bool {
    (0.0..=1.0).contains(&x)
}

fn size(x: f64) -> bool {
    x >= 0.0 && x.is_finite()
}

/// One entry an epoch; the learning rate is what they lead to.
fn epochs(checkpoint: &Checkpoint, steps: u32) -> Checked {
    let Checkpoint { spec, model, metrics, .. } = checkpoint;
    if metrics.epochs.len() as u64 != u64::from(model.rate.epoch) {
        return Err(format!("its metrics have {} epochs, {} are done", metrics.epochs.len(), model.rate.epoch));
    }
    let rate = spec.rate().map_err(|error| error.to_string())?;
    let mut state = rate.start();
    for (number, epoch) in (1..).zip(&metrics.epochs) {
        let Epoch { loss, accuracy, gradient_norm, test_loss, test_accuracy, .. } = *epoch;
        let sizes = [loss, gradient_norm, test_loss].into_iter().all(size);
        let counted = (epoch.epoch, u64::from(epoch.step)) == (number, u64::from(number) * u64::from(steps));
        let used = epoch.rate.to_bits() == rate.current(&state).to_bits();
        if !(counted && used && sizes && share(accuracy) && share(test_accuracy)) {
            return Err(format!("its metrics of epoch {number} are of no such epoch"));
        }
        rate.advance(&mut state, loss as f32);
    }
    match state.to_le_bytes() == model.rate.to_le_bytes() {
        true => Ok(()),
        false => Err(format!("its learning rate is not what {} epochs lead to", model.rate.epoch)),
    }
}

/// A probe before each step that is a multiple, and at the end.
fn probes(checkpoint: &Checkpoint) -> Checked {
    let (step, every) = (checkpoint.model.step, checkpoint.spec.probe_every);
    let probes = &checkpoint.metrics.probes;
    let before = if every == 0 { 0 } else { step.div_ceil(every) as usize };
    let now = usize::from(every > 0 && step.is_multiple_of(every.max(1)));
    if probes.len() < before || probes.len() > before + now {
        return Err(format!("its metrics have {} probes at step {step}", probes.len()));
    }
    for (i, probe) in probes.iter().enumerate() {
        let values = [probe.absolute_correlation, probe.effective_rank, probe.relative_effective_rank];
        let at = i as u64 * u64::from(every);
        if u64::from(probe.step) != at || !values.into_iter().flatten().all(size) {
            return Err(format!("probe {i} of its metrics is none of step {at}"));
        }
    }
    Ok(())
}

/// Of the epoch at hand: loss times examples, right answers, norms.
fn sums(sums: [f64; 3], batches: u32, batch: u32) -> Checked {
    let examples = f64::from(batches) * f64::from(batch);
    let [loss, right, norms] = sums;
    let zero = sums.iter().all(|sum| sum.to_bits() == 0);
    let good = size(loss)
        && loss <= examples * f64::from(f32::MAX)
        && (0.0..=examples).contains(&right)
        && right.fract() == 0.0
        && size(norms);
    if good && (batches > 0 || zero) { Ok(()) } else { Err(format!("its sums over {batches} batches are {sums:?}")) }
}

/// Adam's powers after so many steps.
fn powers(spec: &Spec, steps: u32) -> Powers {
    let power = |beta: f32| {
        let mut power = 1.0f32;
        for _ in 0..steps {
            let next = power * beta;
            // Zero, or the least number that rounds to itself.
            if next == power {
                break;
            }
            power = next;
        }
        power
    };
    match spec.optimiser {
        Optimiser::Adam => Powers { beta1: power(spec.betas[0]), beta2: power(spec.betas[1]) },
        _ => Powers::new(),
    }
}
