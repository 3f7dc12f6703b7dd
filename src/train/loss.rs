use super::batch_size;
use crate::contract::Red16;
use crate::error::{Buffer, Error, InvalidConfig};
use crate::math::Math;

/// Refuses outputs, targets or labels that do not hold their points.
fn holds(buffer: Buffer, have: usize, (classes, lanes): (usize, usize), points: usize) -> Result<(), Error> {
    if classes == 0 {
        return Err(Error::InvalidConfig(InvalidConfig::Classes));
    }
    let have = if points > lanes { classes.saturating_mul(lanes) } else { have };
    match classes.checked_mul(if points > lanes { points } else { lanes }) {
        Some(need) if have >= need => Ok(()),
        Some(need) => Err(Error::TooShort { buffer, need: need as u64, have: have as u64 }),
        // More than can be counted.
        None => Err(Error::TooShort { buffer, need: u64::MAX, have: have as u64 }),
    }
}

/// Refuses labels that are too few, or that name no class.
fn named(labels: &[u32], classes: usize, points: usize) -> Result<&[u32], Error> {
    let Some(labels) = labels.get(..points) else {
        return Err(Error::TooShort { buffer: Buffer::Labels, need: points as u64, have: labels.len() as u64 });
    };
    match labels.iter().enumerate().find(|(_, label)| **label as usize >= classes) {
        Some((point, &label)) => Err(Error::Label { point: point as u64, label, classes: classes as u64 }),
        None => Ok(labels),
    }
}

/// The values of point p, classes ascending.
fn column(z: &[f32], (classes, lanes): (usize, usize), p: usize) -> impl Iterator<Item = f32> {
    invariant!(z.get(p..)).iter().step_by(lanes.max(1)).take(classes).copied()
}

fn column_mut(z: &mut [f32], (classes, lanes): (usize, usize), p: usize) -> impl Iterator<Item = &mut f32> {
    invariant!(z.get_mut(p..)).iter_mut().step_by(lanes.max(1)).take(classes)
}

/// Lanes past the last point have no gradient.
fn clear_idle(z: &mut [f32], (classes, lanes): (usize, usize), points: usize) {
    for row in z.chunks_exact_mut(lanes.max(1)).take(classes) {
        invariant!(row.get_mut(points..)).fill(0.0);
    }
}

/// Softmax and cross-entropy: `loss[p] = ln(s) - (z[label] - m)`, and over the logits their gradient,
/// `z[k] = ((e[k] / s) - [k == label]) / n`.
///
/// Here m is the largest logit, `e[k] = exp(z[k] - m)`, `s = chain(+0.0; e[k], k ascending)`.
///
/// The gradient is that of the batch's mean loss, and is where the backward pass starts: no other buffer is needed. A
/// batch may be cut in calls, for n is the size of the whole batch. Non-finite values are not looked for: a NaN or
/// +infinite logit makes the loss of its point NaN, an infinite gap to the label's logit makes it infinite, but
/// -infinity at another class does not show in it. Whoever calls checks logits and losses.
///
/// # Shapes
/// `z` `[classes][lanes]`: a tile of T lanes as it is, or a batch. `loss` `[points]` says how many points there are, at
/// most `lanes`; `labels` `[points]`. Lanes past the points get the gradient +0.0.
///
/// # Errors
/// [`Error::TooShort`], [`Error::Label`]; [`Error::InvalidConfig`] for no class, or a batch of none or more than 2^24.
/// Nothing is written then.
///
/// # Numerics
/// m is a scan from class 0, `if z > m { z } else { m }`; every operation is rounded on its own.
///
/// # References
/// Bridle, "Probabilistic interpretation of feedforward classification network outputs", Neurocomputing, 1990.
pub fn cross_entropy(
    z: &mut [f32],
    shape: (usize, usize),
    labels: &[u32],
    batch: u32,
    loss: &mut [f32],
    math: Math,
) -> Result<(), Error> {
    let (n, points) = (batch_size(batch)?, loss.len());
    holds(Buffer::Outputs, z.len(), shape, points)?;
    let labels = named(labels, shape.0, points)?;
    for (p, (&label, loss)) in labels.iter().zip(loss).enumerate() {
        let label = label as usize;
        let mut logits = column(z, shape, p);
        let Some(first) = logits.next() else { continue };
        let m = logits.fold(first, |m, z| if z > m { z } else { m });
        let (mut s, mut own) = (0.0, 0.0);
        for (k, z) in column_mut(z, shape, p).enumerate() {
            let shifted = *z - m;
            if k == label {
                own = shifted;
            }
            *z = math.exp(shifted);
            s += *z;
        }
        *loss = math.ln(s) - own;
        for (k, z) in column_mut(z, shape, p).enumerate() {
            let probability = *z / s;
            *z = if k == label { probability - 1.0 } else { probability } / n;
        }
    }
    clear_idle(z, shape, points);
    Ok(())
}

/// Half the squared error: `loss[p] = 0.5 * chain(+0.0; d[k] * d[k], k ascending)`, `d = y - target`, and over the
/// outputs their gradient, `y[k] = d[k] / n`.
///
/// As [`cross_entropy`] in all else; a non-finite output makes its point's loss NaN or infinite.
///
/// # Shapes
/// `y` and `targets` `[classes][lanes]`, `loss` `[points]`, at most `lanes`; other lanes get the gradient +0.0.
///
/// # Errors
/// [`Error::TooShort`]; [`Error::InvalidConfig`] for no class, or a batch of none or more than 2^24. Nothing is written then.
pub fn squared_error(
    y: &mut [f32],
    shape: (usize, usize),
    targets: &[f32],
    batch: u32,
    loss: &mut [f32],
) -> Result<(), Error> {
    holds(Buffer::Outputs, y.len(), shape, loss.len())?;
    holds(Buffer::Targets, targets.len(), shape, loss.len())?;
    let target = |k: usize, p: usize| invariant!(targets.get(k.wrapping_mul(shape.1).wrapping_add(p)).copied());
    squared_error_by(y, shape, target, batch, loss)
}

/// The same with `target(class, point)`.
pub(crate) fn squared_error_by(
    y: &mut [f32],
    shape: (usize, usize),
    target: impl Fn(usize, usize) -> f32,
    batch: u32,
    loss: &mut [f32],
) -> Result<(), Error> {
    let (n, points) = (batch_size(batch)?, loss.len());
    holds(Buffer::Outputs, y.len(), shape, points)?;
    for (p, loss) in loss.iter_mut().enumerate() {
        let mut s = 0.0;
        for (k, y) in column_mut(y, shape, p).enumerate() {
            let d = *y - target(k, p);
            s += d * d;
            *y = d / n;
        }
        *loss = 0.5 * s;
    }
    clear_idle(y, shape, points);
    Ok(())
}

/// The first of the largest: a scan from class 0 by `z > largest`. NaN is larger than nothing, and nothing than NaN.
fn largest(mut logits: impl Iterator<Item = f32>) -> u32 {
    let (mut best, mut largest) = (0, invariant!(logits.next()));
    for (k, z) in logits.enumerate() {
        if z > largest {
            (best, largest) = (k + 1, z);
        }
    }
    best as u32
}

/// The class with the largest logit of each point, the first of equals, for values of an executor.
/// [`Session::classify`](crate::exec::Session::classify) works on rows of points.
///
/// # Shapes
/// `z` `[classes][lanes]`, `classes_of` `[points]`, at most `lanes`.
///
/// # Errors
/// [`Error::TooShort`], and [`Error::InvalidConfig`] for no class.
pub fn argmax(z: &[f32], shape: (usize, usize), classes_of: &mut [u32]) -> Result<(), Error> {
    holds(Buffer::Outputs, z.len(), shape, classes_of.len())?;
    for (p, class) in classes_of.iter_mut().enumerate() {
        *class = largest(column(z, shape, p));
    }
    Ok(())
}

/// The number of points whose [`argmax`] is their label. Call it before the loss, which overwrites the logits.
///
/// # Shapes
/// `z` `[classes][lanes]`, `labels` `[points]`, at most `lanes`.
///
/// # Errors
/// [`Error::TooShort`], [`Error::Label`], and [`Error::InvalidConfig`] for no class.
pub fn correct_count(z: &[f32], shape: (usize, usize), labels: &[u32]) -> Result<u32, Error> {
    holds(Buffer::Outputs, z.len(), shape, labels.len())?;
    let labels = named(labels, shape.0, labels.len())?;
    let mut count = 0u32;
    for (p, &label) in labels.iter().enumerate() {
        count = count.saturating_add(u32::from(largest(column(z, shape, p)) == label));
    }
    Ok(count)
}

/// The mean loss of a batch, `RED16(loss) / n`, over calls that follow each other.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct MeanLoss {
    lanes: Red16,
    points: u32,
}

impl MeanLoss {
    /// An empty accumulator.
    pub const fn new() -> Self {
        Self { lanes: Red16::new(), points: 0 }
    }

    /// Adds the losses of the points that come next.
    pub fn add(&mut self, loss: &[f32]) {
        for &loss in loss {
            self.lanes.add(self.points as usize, loss);
            self.points = self.points.wrapping_add(1);
        }
    }

    /// How many points there were.
    pub const fn points(&self) -> u32 {
        self.points
    }

    /// The mean; none of no point.
    pub fn mean(&self) -> Option<f32> {
        (self.points > 0).then(|| self.lanes.fold() / self.points as f32)
    }
}
