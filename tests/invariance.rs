//! What follows from the contract without any golden: exact identities of networks, batches and slices.

use crate::common::{Case, How, draw, families, parameters, run, run_with};
use shatterscope::exec::{Input, Source};
use shatterscope::plan::{Derivative, RunOptions, Schedule, Statistics};
use shatterscope::probe::Grid;
use shatterscope::spec::{Family, Init, Norm, Spec};
use shatterscope::weights::Seeded;

/// A slice of the points has the bits that it has in the batch, statistics included.
#[test]
fn slices_have_the_bits_of_the_batch() {
    for family in families() {
        for norm in [Norm::None, Norm::Centre, Norm::Batch] {
            let case = Case::new(Spec::feedforward(4, 6).with_family(family).with_norm(norm), 21);
            let whole = run::<2, 4>(&case, 0, How::default()).unwrap();
            for schedule in [Schedule::WholeBatch, Schedule::Blocks { resident: 3 }] {
                let options = case.options(schedule).with_slice(5, 9);
                let slice = run_with::<2, 4>(
                    &case.spec,
                    Source::Seeded(&case.seeded(0)),
                    case.grid.input(),
                    options,
                    How { schedule, ..How::default() },
                    None,
                );
                let Ok(slice) = slice else { panic!("{family:?} {norm:?} {schedule:?}") };
                assert_eq!(slice.gradient[..], whole.gradient[5..14], "{family:?} {norm:?} {schedule:?}");
                assert_eq!(slice.outputs[..], whole.outputs[5..14], "{family:?} {norm:?} {schedule:?}");
            }
        }
    }
}

/// Without norm and bias a network is homogeneous: x and 2x have the same gradient bits, and g(0) = 0.
#[test]
fn networks_without_bias_are_homogeneous() {
    for family in families() {
        let spec = Spec { first_bias_std: 0.0, ..Spec::feedforward(7, 12).with_family(family) };
        let case = Case::new(spec, 32);
        let near = run::<2, 8>(&case, 0, How::default()).unwrap();
        let far =
            run::<2, 8>(&Case { grid: Grid { from: -4.0, to: 4.0, ..case.grid }, ..case }, 0, How::default()).unwrap();
        assert_eq!(near.gradient, far.gradient, "{family:?}");
        assert!(near.gradient.iter().any(|&g| g != 0.0), "{family:?}");
        if family != Family::Crelu {
            assert_eq!(near.gradient[16].to_bits(), 0, "{family:?}: x = 0 is point 16");
        }
    }
}

/// A looks-linear gradient is constant to the last bit, whatever the depth, at x = 0 too.
#[test]
fn looks_linear_gradients_are_constant() {
    for depth in [1, 2, 20] {
        let spec = Spec { first_bias_std: 0.0, ..Spec::feedforward(depth, 9) }
            .with_family(Family::Crelu)
            .with_init(Init::LooksLinear);
        for spec in [spec, Spec { first_bias_std: 1.0, ..spec }] {
            for derivative in [Derivative::Reverse, Derivative::Forward] {
                let case = Case { derivative, ..Case::new(spec, 32) };
                let g = run::<2, 8>(&case, 0, How::default()).unwrap().gradient;
                assert!(g[0] != 0.0 && g.iter().all(|x| x.to_bits() == g[0].to_bits()), "depth {depth}: {g:?}");
            }
        }
    }
}

/// beta = 0 with alpha = 1 leaves the one-layer network, deeper by name only.
#[test]
fn a_resnet_without_branches_is_one_layer() {
    let one = Case::new(Spec::feedforward(1, 16), 40);
    let many = Case::new(Spec::feedforward(9, 16).with_family(Family::Resnet { alpha: 1.0, beta: 0.0 }), 40);
    let weights = |case: &Case| draw(&case.spec, &case.seeded(0));
    // The readout of either stands at its own depth; give the deep network the readout of the shallow one.
    let (shallow, mut deep) = (weights(&one), weights(&many));
    *deep.last_mut().unwrap() = shallow.last().unwrap().clone();
    let of = |case: &Case, drawn: &[(Vec<f32>, Vec<f32>)]| {
        let (stored, options) = (parameters(drawn), case.options(Schedule::WholeBatch));
        let source = Source::Stored(&stored);
        run_with::<2, 8>(&case.spec, source, case.grid.input(), options, How::default(), None).unwrap().gradient
    };
    assert_eq!(of(&one, &shallow), of(&many, &deep));
}

/// A point of a network without norm does not know its batch.
#[test]
fn points_do_not_know_their_batch() {
    for family in families() {
        let case = Case::new(Spec::feedforward(5, 7).with_family(family), 24);
        let whole = run::<2, 8>(&case, 0, How::default()).unwrap();
        for p in [0, 11, 23] {
            let x = [case.grid.point(p)];
            let alone = run_with::<1, 1>(
                &case.spec,
                Source::Seeded(&case.seeded(0)),
                Input::Points(&x),
                RunOptions::new(1),
                How::default(),
                None,
            )
            .unwrap();
            assert_eq!(alone.gradient[0].to_bits(), whole.gradient[p as usize].to_bits(), "{family:?}, point {p}");
        }
    }
}

/// Full centring right after the stem: the gradients of sum_j f(x_j) sum to zero.
/// Full batch norm without eps: they are orthogonal to the grid, too.
#[test]
fn full_statistics_have_their_invariants() {
    for (norm, eps) in [(Norm::Centre, 1e-5), (Norm::Batch, 0.0)] {
        let spec = Spec { eps, ..Spec::feedforward(6, 24).with_norm(norm) };
        let case = Case { statistics: Statistics::Full, ..Case::new(spec, 64) };
        let g = run::<4, 16>(&case, 0, How::default()).unwrap().gradient;
        let largest = g.iter().fold(0.0, |m: f64, &g| m.max(g.abs() as f64));
        let sum: f64 = g.iter().map(|&g| g as f64).sum();
        assert!(largest > 0.0 && sum.abs() < 64.0 * 1e-5 * largest, "{norm:?}: sum {sum:e}, largest {largest:e}");
        if norm == Norm::Batch {
            let dot: f64 = (0..64).map(|i| case.grid.point(i) as f64 * g[i as usize] as f64).sum();
            assert!(dot.abs() < 64.0 * 1e-5 * largest, "{norm:?}: {dot:e}, largest {largest:e}");
        }
    }
}

/// Runs are addresses, not seeds: run 1 of seed 1 is no run of seed 2.
#[test]
fn runs_and_seeds_do_not_meet() {
    let spec = Spec::feedforward(2, 4);
    let first = |seed, run| draw(&spec, &Seeded::new(&spec, seed, run))[0].0.clone();
    let draws = [first(1, 0), first(1, 1), first(2, 0), first(1 << 32, 0), first(0, 0)];
    for (i, a) in draws.iter().enumerate() {
        for b in &draws[..i] {
            assert_ne!(a, b);
        }
    }
}
