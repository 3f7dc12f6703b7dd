//! What a checkpoint has to be, whatever its digest says: everything in it is held to what its spec and its data imply.
use super::check::PROBED;
use super::checkpoint::{Checkpoint, STATE, names};
use super::{Epoch, Optimiser, Probe, Spec};
use crate::tensors::Bundle;
use shatterscope::train::Powers;
use std::collections::BTreeSet;

type Checked = Result<(), String>;

/// Says what is wrong with the numbers of a checkpoint on data of so many examples to train on and to test with.
pub(super) fn check(checkpoint: &Checkpoint, [train, test]: [usize; 2]) -> Checked {
    let Checkpoint { spec, model, metrics, sums, .. } = checkpoint;
    let steps = train as u32 / spec.batch.max(1);
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
    epochs(checkpoint, steps, test.max(1) as u64)?;
    probes(checkpoint, train)?;
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

/// Whether a number is one of the `of` shares 0, 1/of, .. 1, to the bit.
fn share(x: f64, of: u64) -> bool {
    let count = (x * of as f64).round();
    size(x) && count <= of as f64 && (count / of as f64).to_bits() == x.to_bits()
}

fn size(x: f64) -> bool {
    x.is_sign_positive() && x.is_finite()
}

/// Whether a number is a mean of losses, which are f32.
fn mean_loss(x: f64) -> bool {
    size(x) && x <= f64::from(f32::MAX)
}

/// One entry an epoch; the learning rate is what they lead to.
fn epochs(checkpoint: &Checkpoint, steps: u32, tested: u64) -> Checked {
    let Checkpoint { spec, model, metrics, .. } = checkpoint;
    if metrics.epochs.len() as u64 != u64::from(model.rate.epoch) {
        return Err(format!("its metrics have {} epochs, {} are done", metrics.epochs.len(), model.rate.epoch));
    }
    let rate = spec.rate().map_err(|error| error.to_string())?;
    let trained = u64::from(steps) * u64::from(spec.batch);
    let own = model.digest().to_string();
    let mut state = rate.start();
    for (number, epoch) in (1..).zip(&metrics.epochs) {
        let Epoch { loss, accuracy, gradient_norm, test_loss, test_accuracy, .. } = *epoch;
        let sizes = mean_loss(loss) && mean_loss(test_loss) && size(gradient_norm);
        let counted = (epoch.epoch, u64::from(epoch.step)) == (number, u64::from(number) * u64::from(steps));
        let used = epoch.rate.to_bits() == rate.current(&state).to_bits();
        if !(counted && used && sizes && share(accuracy, trained) && share(test_accuracy, tested)) {
            return Err(format!("its metrics of epoch {number} are of no such epoch"));
        }
        if !is_digest(&epoch.digest, &own) {
            let digest = crate::text::visible(&epoch.digest);
            return Err(format!("its metrics of epoch {number} have {digest}, which is no digest of its network"));
        }
        rate.advance(&mut state, loss as f32);
    }
    match state.to_le_bytes() == model.rate.to_le_bytes() {
        true => Ok(()),
        false => Err(format!("its learning rate is not what {} epochs lead to", model.rate.epoch)),
    }
}

/// Whether a text has the form of another digest, `fnv1a64:0123456789abcdef:bytes`, and is of as many bytes.
fn is_digest(text: &str, other: &str) -> bool {
    let parts = |text: &str| -> Option<(String, String, String)> {
        let (kind, rest) = text.split_once(':')?;
        let (hash, bytes) = rest.split_once(':')?;
        Some((kind.to_owned(), hash.to_owned(), bytes.to_owned()))
    };
    let (Some((kind, hash, bytes)), Some((own_kind, own_hash, own_bytes))) = (parts(text), parts(other)) else {
        return false;
    };
    let hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    kind == own_kind && hash.len() == own_hash.len() && hash.bytes().all(hex) && bytes == own_bytes
}

/// How far rounding may take a mean of cosines above 1, and a rank below 1.
const ROUNDING: f64 = 1e-9;

/// A probe before each step that is a multiple, and at the end.
fn probes(checkpoint: &Checkpoint, examples: usize) -> Checked {
    let (step, every) = (checkpoint.model.step, checkpoint.spec.probe_every);
    let probes = &checkpoint.metrics.probes;
    let before = if every == 0 { 0 } else { step.div_ceil(every) as usize };
    let now = usize::from(every > 0 && step.is_multiple_of(every.max(1)));
    if probes.len() < before || probes.len() > before + now {
        return Err(format!("its metrics have {} probes at step {step}", probes.len()));
    }
    let most = (PROBED as usize).min(examples) as f64 * (1.0 + ROUNDING);
    for (i, probe) in probes.iter().enumerate() {
        let Probe {
            absolute_correlation: correlation, effective_rank: rank, relative_effective_rank: relative, ..
        } = *probe;
        let at = i as u64 * u64::from(every);
        let fits = u64::from(probe.step) == at
            && correlation.is_none_or(|mean| size(mean) && mean <= 1.0 + ROUNDING)
            && rank.is_none_or(|rank| (1.0 - ROUNDING..=most).contains(&rank))
            // The rank of normals, which it is relative to, is at least 1 itself.
            && relative.is_none_or(|relative| relative > 0.0 && rank.is_some_and(|rank| relative <= rank * (1.0 + ROUNDING)));
        if !fits {
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
        && size(right)
        && right <= examples
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
