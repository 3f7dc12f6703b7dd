//! Weights: series against single draws, the integer scaling against floats, and what is left out where inputs are zero.
#[path = "../boards/kernel-check/src/series.rs"]
mod series;

use crate::common::{Case, How, run, run_stored};
use proptest::prelude::*;
use shatterscope::exec::Isa;
use shatterscope::internals::kernel::{Scale, panel_index};
use shatterscope::internals::weights::{Block, Dense, Role, Wanted};
use shatterscope::plan::{Derivative, Schedule};
use shatterscope::random::{Normal, Purpose, Stream};
use shatterscope::spec::{Family, Init, Norm, Spec};
use shatterscope::weights::Seeded;

#[test]
fn series_are_drawn_as_defined() {
    for isa in Isa::ALL.into_iter().filter(|isa| isa.is_available()) {
        for normal in [Normal::IrwinHall, Normal::As241] {
            let compared = series::check(isa, normal).unwrap_or_else(|series::Different { place, drawn, defined }| {
                panic!("{isa:?} {normal:?} at {place:?}: {drawn:#x}, not {defined:#x}")
            });
            assert!(compared > 20_000);
        }
    }
}

fn scaled(n: i32, scale: f32) {
    let expected = n as f32 * (1.0 / 524_288.0) * scale;
    let scale_of = Scale::new(scale);
    for drawn in [
        scale_of.times(n),
        scale_of.times_on_integers::<true, true>(n),
        scale_of.times_on_integers::<false, true>(n),
        scale_of.times_on_integers::<false, false>(n),
    ] {
        let same = drawn.to_bits() == expected.to_bits() || drawn.is_nan() && expected.is_nan();
        assert!(same, "{n} by {scale:e}: {drawn:e}, not {expected:e}");
    }
}

/// Every whole number that Irwin-Hall can give, with a few scales.
#[test]
fn whole_numbers_are_scaled_as_floats_are() {
    for n in (-3_142_911..=3_142_911).step_by(2) {
        for scale in [0.1, -1.0, 1.999_999_9, 0.141_421_36] {
            scaled(n, scale);
        }
    }
}

/// Scales of every exponent, at both ends of where results are subnormal or overflow.
#[test]
fn scales_of_every_exponent() {
    for exponent in 0..512u32 {
        for significand in [0, 1, 0x2a_aaaa, 0x40_0000, 0x55_5555, 0x7f_ffff] {
            let scale = f32::from_bits(exponent << 23 | significand);
            for n in [
                1, -1, 3, 5, 11, 4095, -4097, 524_287, 524_289, -1_048_577, 2_097_151, 2_097_153, 3_142_911, -3_142_911,
            ] {
                scaled(n, scale);
            }
        }
    }
}

proptest! {
    #[test]
    fn any_whole_number_by_any_scale(half in -1_571_456i32..1_571_455, scale: u32) {
        scaled(2 * half + 1, f32::from_bits(scale));
    }

    #[test]
    fn panels_of_any_shape(
        seed: u64, rows in 0u32..9, columns in 1u32..80, from in 0u32..600, zero: u64, transposed: bool, gain in 0.1f32..4.0
    ) {
        let spec = Spec { gain, ..Spec::feedforward(3, 700) };
        let dense = Dense { role: Role::Hidden, layer: 2, fan_in: 700, fan_out: 700, taps: 1, bias: true };
        let block = Block { transposed, rows: 5..5 + rows, columns: from..from + columns };
        let wanted = Wanted::unless(700, |unit| zero >> (unit % 61) & 1 == 1);
        panel::<1>(&spec, seed, &dense, &block, &wanted);
        panel::<4>(&spec, seed, &dense, &block, &wanted);
        panel::<3>(&spec, seed, &dense, &block, &wanted);
    }
}

fn panel<const R: usize>(spec: &Spec, seed: u64, dense: &Dense, block: &Block, wanted: &Wanted) {
    let seeded = Seeded::new(spec, seed, 0);
    let stream = Stream::new(seed, 0, Purpose::Weight, dense.layer, Normal::IrwinHall);
    // The root as the contract has it: correctly rounded.
    let deviation = spec.gain * (2.0 / dense.fan_in as f32).sqrt();
    let (mut all, mut some) = (vec![f32::NAN; block.len()], vec![f32::NAN; block.len()]);
    seeded.fill::<R>(dense, block, &mut all);
    seeded.fill_wanted::<R>(dense, block, &mut some, wanted);
    for (i, row) in block.rows.clone().enumerate() {
        for (k, column) in block.columns.clone().enumerate() {
            let (r, c) = if block.transposed { (column, row) } else { (row, column) };
            let weight = stream.value(r, c) * deviation;
            let at = panel_index::<R>(block.rows.len(), block.columns.len(), i, k);
            assert_eq!(all[at].to_bits(), weight.to_bits(), "{block:?} {r} {c}");
            let expected = if wanted.has(column) { weight } else { Wanted::PLACEHOLDER };
            assert_eq!(some[at].to_bits(), expected.to_bits(), "{block:?} {r} {c}");
        }
    }
}

/// Inputs past the first 512 are always wanted.
#[test]
fn wanted_inputs() {
    let wanted = Wanted::unless(600, |input| input % 3 == 0);
    for input in 0..700 {
        assert_eq!(wanted.has(input), input % 3 != 0 || input >= 512, "{input}");
        assert!(Wanted::ALL.has(input));
    }
    assert!(Wanted::unless(3, |_| true).has(3));
}

/// Left-out weights change no bit and hide no fault, also where weights overflow and at points where all inputs are zero.
#[test]
fn weights_left_out_change_nothing() {
    let mut faults = 0;
    for (gain, first_weight_std) in
        [(1.0, 1.0), (0.0, 1.0), (1e-30, 1.0), (3e38, 1.0), (3e38, 0.0), (1.0, 3e38), (f32::MAX, 1e-40)]
    {
        for family in [Family::Feedforward, Family::Crelu, Family::Resnet { alpha: 1.0, beta: 0.5 }] {
            for (norm, init) in [(Norm::None, Init::He), (Norm::Centre, Init::Glorot), (Norm::None, Init::LooksLinear)]
            {
                if init == Init::LooksLinear && family != Family::Crelu {
                    continue;
                }
                let spec = Spec { gain, first_weight_std, first_bias_std: first_weight_std, ..Spec::feedforward(5, 9) };
                let spec = spec.with_family(family).with_norm(norm).with_init(init);
                for derivative in [Derivative::Reverse, Derivative::Forward] {
                    let case = Case { derivative, ..Case::new(spec, 12) };
                    for resident in [1, 2, 5] {
                        faults += left_out::<1, 1>(&case, resident) as u32;
                        faults += left_out::<4, 4>(&case, resident) as u32;
                    }
                }
            }
        }
    }
    assert!(faults > 50, "only {faults} runs overflow");
}

/// Compares; whether the run ends in a fault.
fn left_out<const R: usize, const T: usize>(case: &Case, resident: u32) -> bool {
    let how = How { schedule: Schedule::Blocks { resident }, panel: 11, ..How::default() };
    let some = run::<R, T>(case, 0, how).map(|run| run.bits());
    // Stored weights are all there, wanted or not.
    let all = run_stored::<R, T>(case, 0, how).map(|run| run.bits());
    assert_eq!(some, all, "{case:?} {resident}");
    some.is_err()
}
