//! Networks of several inputs: gradients, pairs of points, effective rank.
use shatterscope_host::engine::{Engine, Isa};
use shatterscope_host::spec::{Acf, Derivative, Family, Init, Norm, Overrides, Readout};
use shatterscope_host::statistics::{NoRank, Statistics};
use shatterscope_host::theorem::normed_resnet;

const INPUTS: usize = 24;

fn vectors(overrides: Overrides, runs: u32) -> (shatterscope_host::spec::Spec, Statistics) {
    let shape = Overrides { inputs: Some(INPUTS as u32), points: Some(80), runs: Some(runs), ..overrides };
    let spec = shape.resolve().unwrap();
    let engine = Engine::new(None, Isa::Auto, true).unwrap();
    let runs = engine.runs(&spec, "vectors").unwrap().unwrap();
    let statistics = Statistics::of_vectors(&runs, INPUTS).unwrap();
    (spec, statistics)
}

/// Between two points in one linear region f differs by the gradient times their distance: of one layer, where a point and
/// its double share their gates without biases, f(x) = g . x.
#[test]
fn the_gradient_is_that_of_the_outputs() {
    let overrides = Overrides {
        inputs: Some(INPUTS as u32),
        points: Some(10),
        runs: Some(2),
        depth: Some(4),
        width: Some(50),
        first_bias_std: Some(0.0),
        ..Overrides::default()
    };
    let spec = overrides.resolve().unwrap();
    let engine = Engine::new(None, Isa::Auto, true).unwrap();
    let runs = engine.runs(&spec, "vectors").unwrap().unwrap();
    for (run, number) in runs.iter().zip(0..) {
        let points = spec.vectors(number).unwrap();
        for (i, output) in run.outputs.iter().enumerate() {
            let at = i * INPUTS..(i + 1) * INPUTS;
            let product: f64 = points[at.clone()].iter().zip(&run.gradient[at]).map(|(&x, &g)| f64::from(x * g)).sum();
            assert!((product - f64::from(*output)).abs() < 1e-5, "{product} {output}");
        }
    }
    assert_ne!(spec.vectors(0), spec.vectors(1));
    assert_ne!(runs[0].digest, runs[1].digest);
}

#[test]
fn looks_linear_has_rank_one() {
    let family = (Some(Family::Crelu), Some(Init::LooksLinear));
    let (_, flat) = vectors(
        Overrides { family: family.0, init: family.1, depth: Some(20), width: Some(64), ..Overrides::default() },
        3,
    );
    let rank = flat.rank.unwrap();
    assert!((rank.rank.rank - 1.0).abs() < 1e-6 && (rank.rows, rank.columns, rank.stacked) == (INPUTS, 80, false));
    assert!((flat.pairs.unwrap().correlation - 1.0).abs() < 1e-5);
}

/// Depth shatters centred networks, not resnets with a small branch.
#[test]
fn centred_networks_fill_the_space() {
    let norm = Some(Norm::Centre);
    let rank = |overrides| vectors(overrides, 4).1.rank.unwrap().rank.relative();
    let shallow = rank(Overrides { norm, depth: Some(2), ..Overrides::default() });
    let deep = rank(Overrides { norm, depth: Some(30), ..Overrides::default() });
    let resnet =
        Overrides { family: Some(Family::Resnet), norm: Some(Norm::Batch), beta: Some(0.1), ..Overrides::default() };
    let skips = rank(Overrides { depth: Some(30), ..resnet });
    println!("{shallow} {deep} {skips}");
    assert!(deep > 0.6 && shallow < 0.3 && skips < 0.3, "{shallow} {deep} {skips}");
}

/// Theorem 3's quantity in a real network: variance and correlation of the gradient at the stem.
#[test]
fn a_batch_norm_resnet_follows_the_corrected_product() {
    let overrides = Overrides {
        family: Some(Family::Resnet),
        norm: Some(Norm::Batch),
        readout: Some(Readout::Linear),
        readout_std: Some(1.0),
        depth: Some(6),
        // As many inputs as units: points of few inputs correlate by chance, and a small batch has a small deviation now and then.
        inputs: Some(200),
        points: Some(512),
        runs: Some(40),
        ..Overrides::default()
    };
    let engine = Engine::new(None, Isa::Auto, true).unwrap();
    let measured = engine.runs(&overrides.resolve().unwrap(), "theorem 3").unwrap().unwrap();
    let measured = Statistics::of_vectors(&measured, 200).unwrap();
    let (variance, correlation) = normed_resnet(1.0, 1.0 - 1.0 / std::f64::consts::PI, 6);
    let (pairs, square) = (measured.pairs.unwrap(), measured.gradient_mean_square);
    println!("{square} {variance}, {pairs:?} {correlation}");
    let (by_4, by_4_square) = (4.0 * pairs.error.unwrap(), 4.0 * pairs.mean_square_error.unwrap());
    assert!((square - variance).abs() < by_4_square + 0.03 * variance, "{square} {variance} {pairs:?}");
    assert!((pairs.correlation - correlation).abs() < by_4 + 0.03 * correlation, "{pairs:?} {correlation}");
}

#[test]
fn rank_needs_more_than_a_row() {
    let engine = Engine::new(None, Isa::Auto, true).unwrap();
    let runs = |runs| {
        let spec =
            Overrides { runs: Some(runs), depth: Some(3), width: Some(20), ..Overrides::default() }.resolve().unwrap();
        let all = engine.runs(&spec, "stacked").unwrap().unwrap();
        Statistics::of(&all, Acf::MeanRemoved, 5).unwrap().rank
    };
    assert_eq!(runs(1), Err(NoRank::OneRow));
    let stacked = runs(12).unwrap();
    assert!((stacked.rows, stacked.columns, stacked.stacked) == (12, 256, true));
    assert!(stacked.rank.rank > 1.0 && stacked.rank.relative() < 1.0);
}

#[test]
fn what_belongs_to_the_grid_is_refused() {
    let with =
        |overrides: Overrides| Overrides { inputs: Some(3), ..overrides }.resolve().map(|_| ()).unwrap_err().message;
    assert!(with(Overrides { from: Some(0.0), ..Overrides::default() }).contains("--from"));
    let forward = Some(Derivative::Forward);
    assert!(with(Overrides { derivative: forward, ..Overrides::default() }).contains("--derivative forward"));
}
