use super::{bits, near, sample};
use shatterscope::contract::Red16;
use shatterscope::math::Math;
use shatterscope::train::{MeanLoss, argmax, correct_count, cross_entropy, squared_error};
use shatterscope::{Buffer, Error, InvalidConfig};

const CLASSES: usize = 7;
const POINTS: usize = 37;

fn logits() -> Vec<f32> {
    sample(1, CLASSES * POINTS).iter().map(|z| z * 3.0).collect()
}

fn labels() -> Vec<u32> {
    (0..POINTS as u32).map(|p| p * 5 % CLASSES as u32).collect()
}

fn column(z: &[f32], points: usize, p: usize) -> Vec<f64> {
    z.iter().skip(p).step_by(points).map(|&z| f64::from(z)).collect()
}

fn cross_entropy_of(z: &[f64], label: usize) -> f64 {
    let m = z.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    z.iter().map(|z| (z - m).exp()).sum::<f64>().ln() + m - z[label]
}

fn squared_error_of(y: &[f64], target: &[f64]) -> f64 {
    y.iter().zip(target).map(|(y, t)| 0.5 * (y - t) * (y - t)).sum()
}

/// The derivative of `f` by entry k.
fn slope(x: &[f64], k: usize, f: impl Fn(&[f64]) -> f64) -> f64 {
    let at = |step: f64| {
        let mut x = x.to_vec();
        x[k] += step;
        f(&x)
    };
    (at(1e-5) - at(-1e-5)) / 2e-5
}

#[test]
fn cross_entropy_is_the_formula_and_its_slope() {
    let (z, labels, n) = (logits(), labels(), 100);
    let (mut gradient, mut loss) = (z.clone(), vec![f32::NAN; POINTS]);
    cross_entropy(&mut gradient, (CLASSES, POINTS), &labels, n, &mut loss, Math::Libm).unwrap();
    for p in 0..POINTS {
        let (z, label) = (column(&z, POINTS, p), labels[p] as usize);
        near(loss[p], cross_entropy_of(&z, label), 1e-6, 1e-6);
        for k in 0..CLASSES {
            let slope = slope(&z, k, |z| cross_entropy_of(z, label)) / f64::from(n);
            near(gradient[k * POINTS + p], slope, 1e-5, 1e-9);
        }
    }
}

#[test]
fn squared_error_is_the_formula_and_its_slope() {
    let (y, targets, n) = (logits(), sample(2, CLASSES * POINTS), 40);
    let (mut gradient, mut loss) = (y.clone(), vec![f32::NAN; POINTS]);
    squared_error(&mut gradient, (CLASSES, POINTS), &targets, n, &mut loss).unwrap();
    for p in 0..POINTS {
        let (y, target) = (column(&y, POINTS, p), column(&targets, POINTS, p));
        near(loss[p], squared_error_of(&y, &target), 1e-6, 0.0);
        for k in 0..CLASSES {
            let slope = slope(&y, k, |y| squared_error_of(y, &target)) / f64::from(n);
            near(gradient[k * POINTS + p], slope, 1e-5, 1e-9);
        }
    }
}

/// Points `first..first + count` as a tile of their own, `idle` lanes behind them.
fn tile(z: &[f32], first: usize, count: usize, idle: usize) -> Vec<f32> {
    let row = |row: &[f32]| [&row[first..first + count], &vec![f32::NAN; idle][..]].concat();
    z.chunks(POINTS).flat_map(row).collect()
}

#[test]
fn cuts_of_a_batch_change_no_bit() {
    let (z, labels, targets, n) = (logits(), labels(), sample(2, CLASSES * POINTS), POINTS as u32);
    for squared in [false, true] {
        let both = |z: &mut [f32], lanes: usize, (first, count): (usize, usize), loss: &mut [f32]| {
            if squared {
                let targets = tile(&targets, first, count, lanes - count);
                squared_error(z, (CLASSES, lanes), &targets, n, loss).unwrap();
            } else {
                cross_entropy(z, (CLASSES, lanes), &labels[first..], n, loss, Math::Libm).unwrap();
            }
        };
        let (mut whole, mut losses) = (z.clone(), vec![f32::NAN; POINTS]);
        both(&mut whole, POINTS, (0, POINTS), &mut losses);
        let mut mean = MeanLoss::new();
        mean.add(&losses);
        for lanes in [1, 4, 5, 16, 32, 64] {
            let mut parts = MeanLoss::new();
            for first in (0..POINTS).step_by(lanes) {
                let count = lanes.min(POINTS - first);
                let (mut part, mut loss) = (tile(&z, first, count, lanes - count), vec![f32::NAN; count]);
                both(&mut part, lanes, (first, count), &mut loss);
                assert_eq!(bits(&loss), bits(&losses[first..first + count]));
                for (row, whole) in part.chunks(lanes).zip(whole.chunks(POINTS)) {
                    assert_eq!(bits(&row[..count]), bits(&whole[first..first + count]));
                    assert!(row[count..].iter().all(|g| g.to_bits() == 0), "idle lanes have no gradient");
                }
                parts.add(&loss);
            }
            assert_eq!(parts, mean);
            assert_eq!(parts.points(), n);
        }
        let sum = Red16::sum(losses.iter().copied());
        assert_eq!(mean.mean().unwrap().to_bits(), (sum / n as f32).to_bits());
        near(mean.mean().unwrap(), losses.iter().map(|&l| f64::from(l)).sum::<f64>() / f64::from(n), 1e-6, 0.0);
    }
    assert_eq!(MeanLoss::new().mean(), None);
}

#[test]
fn large_logits_do_not_overflow() {
    let mut loss = [f32::NAN; 3];
    let mut z = [3e38, -3e38, 80.0, -3e38, 3e38, 90.0];
    cross_entropy(&mut z, (2, 3), &[0, 1, 0], 1, &mut loss, Math::Libm).unwrap();
    assert_eq!(bits(&loss[..2]), [0, 0]);
    near(loss[2], 10.0 + (-10f64).exp().ln_1p(), 1e-6, 0.0);
    assert_eq!(bits(&z[..2]), [0, 0]);
    // A gap that f32 does not hold: infinite, which the caller's check finds.
    let mut z = [3e38, -3e38];
    cross_entropy(&mut z, (2, 1), &[1], 1, &mut loss[..1], Math::Libm).unwrap();
    assert_eq!(loss[0], f32::INFINITY);
}

#[test]
fn what_is_not_finite_shows_in_the_loss() {
    for (odd, math) in [f32::NAN, f32::INFINITY].into_iter().flat_map(|odd| [(odd, Math::Libm), (odd, Math::Micromath)])
    {
        for k in 0..3 {
            let (mut z, mut loss) = ([0.5, -0.25, 1.0], [0.0]);
            z[k] = odd;
            cross_entropy(&mut z, (3, 1), &[1], 1, &mut loss, math).unwrap();
            assert!(!loss[0].is_finite(), "{odd} at {k}, {math:?}: {loss:?}");
        }
    }
    let mut loss = [0.0];
    squared_error(&mut [0.0, f32::NAN], (2, 1), &[0.0; 2], 1, &mut loss).unwrap();
    assert!(loss[0].is_nan());
}

#[test]
fn predictions_are_the_first_of_the_largest() {
    // Point by point: a tie, the last, NaN before and after, and both zeros, which are equal.
    let z = [[1.0, 0.0, f32::NAN, 2.0, -0.0], [2.0, 1.0, 9.0, f32::NAN, 0.0], [2.0, 5.0, 3.0, 1.0, -1.0]];
    let mut predicted = [u32::MAX; 5];
    argmax(z.as_flattened(), (3, 5), &mut predicted).unwrap();
    assert_eq!(predicted, [1, 2, 0, 0, 0]);
    assert_eq!(correct_count(z.as_flattened(), (3, 5), &[1, 2, 0, 0, 0]), Ok(5));
    assert_eq!(correct_count(z.as_flattened(), (3, 5), &[2, 2, 1, 0]), Ok(2));
}

#[test]
fn what_does_not_fit_is_named_and_nothing_is_written() {
    let (mut z, mut loss) = ([0.5; 6], [0.25; 3]);
    let mut refused = |len: usize, shape, labels: &[u32], batch, points: usize| {
        let error = cross_entropy(&mut z[..len], shape, labels, batch, &mut loss[..points], Math::Libm).unwrap_err();
        let targets = vec![0.0; if labels.is_empty() { 0 } else { 6 }];
        let other = squared_error(&mut z[..len], shape, &targets, batch, &mut loss[..points]).err();
        assert!(z == [0.5; 6] && loss == [0.25; 3] || other.is_none());
        (error, other)
    };
    let setting = |setting| (Error::InvalidConfig(setting), Some(Error::InvalidConfig(setting)));
    let short = |buffer, need, have| Error::TooShort { buffer, need, have };
    assert_eq!(refused(6, (0, 3), &[0; 3], 3, 3), setting(InvalidConfig::Classes));
    assert_eq!(refused(6, (2, 3), &[0; 3], 0, 3), setting(InvalidConfig::Batch));
    assert_eq!(refused(6, (2, 3), &[0; 3], (1 << 24) + 1, 3), setting(InvalidConfig::Batch));
    let outputs = short(Buffer::Outputs, 6, 5);
    assert_eq!(refused(5, (2, 3), &[0; 3], 3, 3), (outputs, Some(outputs)));
    let lanes = short(Buffer::Outputs, 6, 4);
    assert_eq!(refused(6, (2, 2), &[0; 3], 3, 3), (lanes, Some(lanes)));
    let huge = short(Buffer::Outputs, usize::MAX as u64, 6);
    assert_eq!(refused(6, (usize::MAX, 3), &[0; 3], 3, 3), (huge, Some(huge)));
    assert_eq!(refused(6, (2, 3), &[], 3, 3), (short(Buffer::Labels, 3, 0), Some(short(Buffer::Targets, 6, 0))));
    let label = Error::Label { point: 1, label: 2, classes: 2 };
    assert_eq!(refused(6, (2, 3), &[0, 2, 5], 3, 3).0, label);
    assert_eq!(correct_count(&[0.5; 6], (2, 3), &[0, 2, 5]), Err(label));
    assert_eq!(correct_count(&[0.5; 6], (0, 3), &[]), Err(Error::InvalidConfig(InvalidConfig::Classes)));
    assert_eq!(argmax(&[0.5; 5], (2, 3), &mut [0; 3]), Err(outputs));
    assert_eq!(label.to_string(), "the label 2 of point 1 is none of the 2 classes: labels count from 0");
}
