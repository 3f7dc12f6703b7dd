use super::bits;
use shatterscope::train::{Decrease, MAX_STEPS, Rate, RateState};
use shatterscope::{Error, InvalidConfig};

/// The rates of as many epochs as there are metrics, by a state that goes through bytes each time.
fn rates(rate: &Rate, metrics: &[f32]) -> Vec<f32> {
    rate.check().unwrap();
    let mut state = rate.start();
    let epoch = |metric: &f32| {
        let current = rate.current(&state);
        rate.advance(&mut state, *metric);
        state = RateState::from_le_bytes(state.to_le_bytes());
        current
    };
    metrics.iter().map(epoch).collect()
}

fn steps(epochs: &[u32], factor: f32) -> Decrease {
    Decrease::steps(epochs, factor).unwrap()
}

#[test]
fn a_constant_stays() {
    assert_eq!(rates(&Rate::constant(0.3), &[1.0, 2.0, f32::NAN]), [0.3; 3]);
}

#[test]
fn steps_fall_at_their_epochs() {
    let rate = Rate { base: 0.1, warm_up: 0, decrease: steps(&[2, 3, 5], 0.1) };
    let (second, third) = (0.1f32 * 0.1, 0.1f32 * 0.1 * 0.1);
    let expected = [0.1, 0.1, second, third, third, third * 0.1, third * 0.1];
    assert_eq!(bits(&rates(&rate, &[0.0; 7])), bits(&expected));
}

#[test]
fn a_warm_up_grows_to_the_rate() {
    let rate = Rate { base: 0.3, warm_up: 4, decrease: steps(&[2, 5], 0.5) };
    let expected = [0.3 * 0.25, 0.3 * 0.5, 0.15 * 0.75, 0.15, 0.15, 0.075];
    assert_eq!(bits(&rates(&rate, &[0.0; 6])), bits(&expected));
}

#[test]
fn a_plateau_waits_for_its_patience() {
    let decrease = Decrease::Plateau { factor: 0.5, patience: 2, threshold: 0.25, drops: 2 };
    let rate = Rate { base: 8.0, warm_up: 0, decrease };
    // Improves; by too little twice; improves; thrice not, NaN among them: drops. Thrice not: drops, and then no more.
    let metrics = [9.0, 8.75, 8.75, 8.0, 8.0, f32::NAN, 7.75, 7.9, 7.8, 7.75, 7.75, 7.75, 7.75, 7.75, 7.75];
    let expected = [8.0, 8.0, 8.0, 8.0, 8.0, 8.0, 8.0, 4.0, 4.0, 4.0, 2.0, 2.0, 2.0, 2.0, 2.0];
    assert_eq!(rates(&rate, &metrics), expected);
    // An improvement makes the wait begin anew: never three in a row.
    assert_eq!(rates(&rate, &[9.0, 9.0, 9.0, 8.0, 8.0, 8.0, 7.0, 7.0, 7.0, 6.0, 6.0]), [8.0; 11]);
}

#[test]
fn without_patience_every_bad_epoch_drops() {
    let decrease = Decrease::Plateau { factor: 0.5, patience: 0, threshold: 0.0, drops: 3 };
    let rate = Rate { base: 8.0, warm_up: 0, decrease };
    assert_eq!(rates(&rate, &[-1.0, -1.0, -2.0, -2.0, -1.0, 0.0, 0.0]), [8.0, 8.0, 4.0, 4.0, 2.0, 1.0, 1.0]);
}

#[test]
fn a_state_is_little_endian() {
    let state = RateState { epoch: 0x0403_0201, rate: 1.0, best: f32::INFINITY, waited: 7, drops: 0x100 };
    let bytes = [1, 2, 3, 4, 0, 0, 0x80, 0x3f, 0, 0, 0x80, 0x7f, 7, 0, 0, 0, 0, 1, 0, 0];
    assert_eq!(state.to_le_bytes(), bytes);
    assert_eq!(RateState::from_le_bytes(bytes), state);
    // An epoch that counts no further.
    let mut state = RateState { epoch: u32::MAX, waited: u32::MAX, ..state };
    let decrease = Decrease::Plateau { factor: 0.5, patience: u32::MAX, threshold: 0.0, drops: 1 };
    Rate { base: 1.0, warm_up: 0, decrease }.advance(&mut state, f32::INFINITY);
    assert_eq!((state.epoch, state.waited, state.rate), (u32::MAX, u32::MAX, 1.0));
}

#[test]
fn what_is_out_of_range_is_named() {
    for base in [-0.1, f32::NAN, f32::INFINITY] {
        assert_eq!(Rate::constant(base).check(), Err(Error::InvalidConfig(InvalidConfig::Rate)));
    }
    let plateau = |factor, threshold| Decrease::Plateau { factor, patience: 1, threshold, drops: 1 };
    for decrease in [
        steps(&[0, 1], 0.5),
        steps(&[2, 2], 0.5),
        steps(&[3, 1], 0.5),
        steps(&[1], 0.0),
        steps(&[1], f32::NAN),
        plateau(-1.0, 0.0),
        plateau(0.5, -1.0),
        plateau(0.5, f32::INFINITY),
    ] {
        let rate = Rate { base: 0.1, warm_up: 0, decrease };
        assert_eq!(rate.check(), Err(Error::InvalidConfig(InvalidConfig::Decrease)), "{rate:?}");
    }
    let many: Vec<u32> = (1..=MAX_STEPS as u32 + 1).collect();
    assert_eq!(Decrease::steps(&many, 0.5), Err(Error::InvalidConfig(InvalidConfig::Decrease)));
    assert_eq!(Rate { base: 0.1, warm_up: 9, decrease: steps(&many[1..], 0.5) }.check(), Ok(()));
}
