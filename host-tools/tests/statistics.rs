//! Averages over runs, by hand.
use shatterscope::contract::Digest;
use shatterscope_host::engine::{Engine, Isa, Run};
use shatterscope_host::figure::invariants;
use shatterscope_host::spec::{Acf, Norm, Overrides, Statistics as Mode};
use shatterscope_host::statistics::{Statistics, mean_and_deviation};

fn run(gradient: &[f32]) -> Run {
    Run { outputs: Vec::new(), gradient: gradient.to_vec(), digest: Digest::of(gradient) }
}

#[test]
fn deviations_divide_by_one_less_than_the_runs() {
    let runs = [Some(vec![1.0, 0.5]), None, Some(vec![1.0, -0.5]), Some(vec![1.0, 0.3])];
    let (mean, sd) = mean_and_deviation(&runs);
    let (mean, sd) = (mean.unwrap(), sd.unwrap());
    assert_eq!(mean[0], 1.0);
    assert!((mean[1] - 0.1).abs() < 1e-15 && sd[0] == 0.0);
    // (0.4^2 + 0.6^2 + 0.2^2) / 2 = 0.28
    assert!((sd[1] - 0.28f64.sqrt()).abs() < 1e-15);
    assert_eq!(mean_and_deviation(&[None, None]), (None, None));
    assert_eq!(mean_and_deviation(&[Some(vec![1.0])]), (Some(vec![1.0]), None));
}

#[test]
fn constant_runs_are_counted_and_left_out_of_the_average() {
    let varying = [1.0, -1.0, 1.0, -1.0];
    let of = |runs: &[Run]| Statistics::of(runs, Acf::MeanRemoved, 1).unwrap();
    let both = of(&[run(&varying), run(&[2.0; 4])]);
    assert_eq!((both.constant_runs, &both.autocorrelation_runs[1]), (1, &None));
    // c_1 / c_0 = -3 / 4; constant runs do count in the ensemble: (-1 + 4) / (1 + 4).
    assert_eq!(both.autocorrelation, Some(vec![1.0, -0.75]));
    assert_eq!(both.ensemble_correlation, Some(vec![1.0, 0.6]));
    assert_eq!(both.gradient_mean_square, 2.5);
    let constant = of(&[run(&[2.0; 4])]);
    assert_eq!((constant.autocorrelation, constant.constant_runs), (None, 1));
    assert_eq!(of(&[run(&[0.0; 4])]).ensemble_correlation, None);
    assert!(Statistics::of(&[run(&varying)], Acf::Raw, 4).is_err());
}

/// Full statistics straight behind the first affine map: f does not feel a shift of all inputs, behind batch norm nor their scale.
#[test]
fn full_statistics_make_sums_vanish() {
    let sums = |norm, mode, depth| {
        let overrides = Overrides {
            norm: Some(norm),
            statistics: Some(mode),
            eps: Some(0.0),
            depth: Some(depth),
            width: Some(64),
            points: Some(64),
            runs: Some(4),
            ..Overrides::default()
        };
        let spec = overrides.resolve().unwrap();
        let runs = Engine::new(None, Isa::Auto, true).unwrap().runs(&spec, "sums").unwrap().unwrap();
        invariants(&spec, &runs)
    };
    for depth in [2, 8] {
        let [centred, _] = sums(Norm::Centre, Mode::Full, depth);
        let [shift, scale] = sums(Norm::Batch, Mode::Full, depth);
        assert!(centred < 1e-4 && shift < 1e-4 && scale < 1e-4, "{depth}: {centred} {shift} {scale}");
        let [detached, with_x] = sums(Norm::Batch, Mode::Detached, depth);
        assert!(detached > 1e-2 && with_x > 1e-2, "{depth}: {detached} {with_x}");
    }
}
