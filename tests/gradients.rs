//! Gradients against oracles that were not written with the kernel: an f64 network, finite differences inside one
//! linear region, forward mode against reverse mode.

use crate::common::{Case, How, draw, families, run, run_with, wide};
use shatterscope::exec::Source;
use shatterscope::graph::{Graph, Op};
use shatterscope::internals::op::{self, Affine};
use shatterscope::math::Math;
use shatterscope::plan::{Derivative, Schedule, Statistics};
use shatterscope::probe::{Autocorrelation, Ensemble, Series, autocorrelation, covariance_row, normalise};
use shatterscope::spec::{Family, Init, Norm, Readout, Spec};
use shatterscope_reference as reference;
use shatterscope_reference::{Gradients, Layer, Network};

/// A layer of rectified products of depth L loses about L * 2^-24 relative to the sum of magnitudes; gradients are
/// compared relative to their largest value.
const RELATIVE: f64 = 2e-5;

/// A preactivation this near to 0 may have another sign in f32: then the gate, and the gradient, are another one's.
const MARGIN: f64 = 3e-6;

fn matrix(x: &[f32], columns: usize) -> Vec<Vec<f64>> {
    x.chunks(columns).map(wide).collect()
}

/// The same network with the same weights in f64.
fn oracle(case: &Case, run: u32) -> Network {
    let graph = Graph::family(&case.spec).unwrap();
    let mut drawn = draw(&case.spec, &case.seeded(run)).into_iter();
    let mut stack: Vec<Vec<Layer>> = vec![Vec::new()];
    for i in 0..graph.len() as u32 {
        let node = graph.node(i).unwrap();
        let layer = match node.op {
            Op::Input { .. } => continue,
            Op::Dense { outputs, .. } => {
                let (weight, bias) = drawn.next().unwrap();
                let fan_in = graph.node(node.x).unwrap().shape.channels as usize;
                let bias = if bias.is_empty() { vec![0.0; outputs as usize] } else { wide(&bias) };
                Layer::Dense { weight: matrix(&weight, fan_in), bias }
            }
            Op::Relu => Layer::Relu,
            Op::Crelu => Layer::Crelu,
            Op::Centre => Layer::Centre,
            Op::Normalise { eps } => Layer::BatchNorm { plane: 1, eps: eps as f64, gamma: None, beta: None },
            Op::Add { a, b } => {
                let branch = stack.pop().unwrap();
                Layer::Residual { a: a as f64, b: b as f64, shortcut: None, branch }
            }
            op => panic!("{op:?} in a family"),
        };
        stack.last_mut().unwrap().push(layer);
        // A branch begins behind each value that a join uses again.
        if node.last_use as usize > i as usize + 1 && (node.last_use as usize) < graph.len() {
            stack.push(Vec::new());
        }
    }
    Network { layers: stack.pop().unwrap() }
}

fn statistics(case: &Case) -> reference::Statistics {
    match case.statistics {
        Statistics::Detached => reference::Statistics::Detached,
        Statistics::Full => reference::Statistics::Full,
    }
}

fn inputs(case: &Case) -> Vec<Vec<f64>> {
    (0..case.grid.points).map(|i| vec![case.grid.point(i) as f64]).collect()
}

/// Every family, norm, statistics mode, readout and initialisation that belong together.
fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for family in families() {
        for norm in [Norm::None, Norm::Centre, Norm::Batch] {
            for (init, readout) in [
                (Init::He, Readout::Relu),
                (Init::Glorot, Readout::NormRelu),
                (Init::Orthogonal, Readout::Linear),
                (Init::LooksLinear, Readout::Relu),
            ] {
                let spec = Spec {
                    init,
                    readout,
                    bias_std: 0.3,
                    ..Spec::feedforward(5, 11).with_family(family).with_norm(norm)
                };
                let spec = Spec { readout, ..spec };
                for statistics in [Statistics::Detached, Statistics::Full] {
                    if spec.check().is_ok() {
                        // An even number: the middle of an odd grid is its mean, where a centred stem is 0 exactly.
                        cases.push(Case { statistics, ..Case::new(spec, 24) });
                    }
                }
            }
        }
    }
    assert!(cases.len() > 70);
    cases
}

/// How far two series are apart, relative to the largest value of the second, over the points whose gates agree.
fn defect(a: &[f32], b: &[f64], counts: impl Fn(usize) -> bool) -> f64 {
    let largest = b.iter().fold(0.0f64, |m, b| m.max(b.abs()));
    let difference = |p: usize| (f64::from(a[p]) - b[p]).abs();
    (0..b.len()).filter(|&p| counts(p)).map(difference).fold(0.0, f64::max) / largest.max(1e-30)
}

#[test]
fn gradients_agree_with_the_f64_network() {
    let (mut compared, mut left_out) = (0, 0);
    for case in cases() {
        let (network, x) = (oracle(&case, 0), inputs(&case));
        let pass = network.forward(&x);
        let ones = vec![vec![1.0]; x.len()];
        let (gradient, _) = network.backward(&pass, &ones, statistics(&case));
        // Along a direction of its own: a shift of all points is what full statistics cancel.
        let v: Vec<f32> = (0..x.len()).map(|i| (i * 5 % 7) as f32 - 3.0).collect();
        let along: Vec<_> = v.iter().map(|&v| vec![v as f64]).collect();
        let tangent = network.tangent(&pass, &along, statistics(&case));
        let flat = |batch: &[Vec<f64>]| batch.iter().map(|row| row[0]).collect::<Vec<_>>();
        let reverse = run::<2, 4>(&case, 0, How::default()).unwrap();
        let forward = Case { derivative: Derivative::Forward, ..case };
        let (options, how) = (forward.options(Schedule::WholeBatch), How::default());
        let (seeded, input) = (case.seeded(0), case.grid.input());
        let forward = run_with::<2, 4>(&case.spec, Source::Seeded(&seeded), input, options, how, Some(&v)).unwrap();
        assert!(defect(&reverse.outputs, &flat(&pass.outputs), |_| true) < RELATIVE, "outputs of {case:?}");
        // Through full statistics one turned gate moves the gradient of every point.
        let clear = |p: usize| pass.margin_of(p) > MARGIN;
        let all_clear = (0..x.len()).all(clear);
        let counts = |p: usize| all_clear || (case.statistics == Statistics::Detached && clear(p));
        let agreeing = (0..x.len()).filter(|&p| counts(p)).count();
        (compared, left_out) = (compared + agreeing, left_out + x.len() - agreeing);
        let reverse = defect(&reverse.gradient, &flat(&gradient), counts);
        assert!(reverse < RELATIVE, "reverse: {reverse:e} in {case:?}");
        let forward = defect(&forward.gradient, &flat(&tangent), counts);
        assert!(forward < RELATIVE, "forward: {forward:e} in {case:?}");
    }
    assert!(left_out * 20 < compared, "{left_out} points left out, {compared} compared");
}

/// With detached statistics each output depends on its own input alone, and the two modes give the same derivative.
#[test]
fn forward_mode_agrees_with_reverse_mode() {
    for case in cases().into_iter().filter(|case| case.statistics == Statistics::Detached) {
        let reverse = run::<2, 4>(&case, 0, How::default()).unwrap().gradient;
        let forward = run::<2, 4>(&Case { derivative: Derivative::Forward, ..case }, 0, How::default()).unwrap();
        let defect = defect(&forward.gradient, &wide(&reverse), |_| true);
        assert!(defect < RELATIVE, "{defect:e} in {case:?}");
    }
}

/// <J v, u> = <v, J^T u> for weights u and v of our choice, statistics of either kind.
#[test]
fn forward_mode_is_the_adjoint_of_reverse_mode() {
    for case in cases() {
        let points = case.grid.points as usize;
        let weigh = |k: u32| (0..points).map(|i| ((i as u32 * k) % 7) as f32 - 3.0).collect::<Vec<_>>();
        let (u, v) = (weigh(3), weigh(5));
        let of = |derivative, seed: &[f32]| {
            let case = Case { derivative, ..case };
            let options = case.options(Schedule::WholeBatch);
            let (seeded, input, how) = (case.seeded(0), case.grid.input(), How::default());
            run_with::<2, 4>(&case.spec, Source::Seeded(&seeded), input, options, how, Some(seed)).unwrap()
        };
        let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| *a as f64 * *b as f64).sum::<f64>();
        let (jv, jtu) = (of(Derivative::Forward, &v).gradient, of(Derivative::Reverse, &u).gradient);
        let scale = dot(&jv, &jv).sqrt() * dot(&u, &u).sqrt();
        let defect = (dot(&jv, &u) - dot(&v, &jtu)).abs() / scale;
        assert!(defect < RELATIVE, "{defect:e} in {case:?}");
    }
}

/// Where no gate changes between two grid points, f(x_{i+1}) - f(x_i) = g_i h: in f64 to 1e-9 (the same weights and, where
/// there is a norm, frozen statistics), and the f32 gradient is that slope.
#[test]
fn gradients_are_differences_inside_a_linear_region() {
    for case in cases().into_iter().filter(|case| case.statistics == Statistics::Detached) {
        let (network, x) = (oracle(&case, 0), inputs(&case));
        let pass = network.forward(&x);
        let h = 1e-4;
        let moved: Vec<_> = x.iter().map(|x| vec![x[0] + h]).collect();
        let moved = network.forward_frozen(&moved, &pass);
        let slopes: Vec<f64> =
            moved.outputs.iter().zip(&pass.outputs).map(|(after, before)| (after[0] - before[0]) / h).collect();
        let same = |p: usize| moved.gates_of(p) == pass.gates_of(p);
        assert!((0..x.len()).filter(|&p| same(p)).count() > x.len() / 2, "{case:?}");
        let g = run::<2, 4>(&case, 0, How::default()).unwrap().gradient;
        let defect = defect(&g, &slopes, same);
        assert!(defect < RELATIVE, "{defect:e} in {case:?}");
    }
}

fn values(n: usize, k: u32) -> Vec<f32> {
    (0..n as u32).map(|i| ((i * k + 5) % 17) as f32 / 8.0 - 1.0).collect()
}

#[test]
fn dense_parameter_gradients_agree() {
    let (fan_out, fan_in, points) = (3, 5, 7);
    let (weight, bias) = (values(fan_out * fan_in, 3), values(fan_out, 2));
    let (x, g) = (values(fan_in * points, 5), values(fan_out * points, 7));
    let shape = (fan_out, fan_in, points);
    let network = Network { layers: vec![Layer::Dense { weight: matrix(&weight, fan_in), bias: wide(&bias) }] };
    // The kernel's batches are [unit][point], the oracle's [point][unit].
    let turned = |x: &[f32], units: usize| -> Vec<Vec<f64>> {
        (0..points).map(|p| (0..units).map(|u| x[u * points + p] as f64).collect()).collect()
    };
    let pass = network.forward(&turned(&x, fan_in));
    let (input, parameters) = network.backward(&pass, &turned(&g, fan_out), reference::Statistics::Full);
    let mut y = vec![f32::NAN; fan_out * points];
    op::dense_forward(&weight, &bias, shape, &x, &mut y).unwrap();
    let mut grad_input = vec![f32::NAN; fan_in * points];
    op::dense_backward_input(&weight, shape, &g, &mut grad_input).unwrap();
    let (mut grad_weight, mut grad_bias) = (vec![1.0; fan_out * fan_in], vec![2.0; fan_out]);
    // In two calls over the points, which must not matter: [unit][point] cut into points 0..4 and 4..7.
    let cut = |x: &[f32], range: std::ops::Range<usize>| -> Vec<f32> {
        x.chunks(points).flat_map(|row| row[range.clone()].to_vec()).collect()
    };
    for range in [0..4, 4..7] {
        let shape = (fan_out, fan_in, range.len());
        let (x, g) = (cut(&x, range.clone()), cut(&g, range));
        op::dense_backward_parameters(shape, &x, &g, &mut grad_weight, &mut grad_bias).unwrap();
    }
    let (mut at_once, mut bias_at_once) = (vec![1.0; fan_out * fan_in], vec![2.0; fan_out]);
    op::dense_backward_parameters(shape, &x, &g, &mut at_once, &mut bias_at_once).unwrap();
    assert_eq!((&grad_weight, &grad_bias), (&at_once, &bias_at_once));
    let Gradients::Dense { weight: of_weight, bias: of_bias } = &parameters[0] else { panic!() };
    for i in 0..fan_out {
        for p in 0..points {
            assert!((y[i * points + p] as f64 - pass.outputs[p][i]).abs() < 1e-5);
        }
        for k in 0..fan_in {
            assert!((grad_weight[i * fan_in + k] as f64 - 1.0 - of_weight[i][k]).abs() < 1e-5);
        }
        assert!((grad_bias[i] as f64 - 2.0 - of_bias[i]).abs() < 1e-5);
    }
    for k in 0..fan_in {
        for p in 0..points {
            assert!((grad_input[k * points + p] as f64 - input[p][k]).abs() < 1e-5);
        }
    }
}

#[test]
fn batch_norm_and_centring_agree() {
    let points = 21;
    let (z, g) = (values(points, 5), values(points, 3));
    let column = |x: &[f32]| -> Vec<Vec<f64>> { x.iter().map(|&x| vec![x as f64]).collect() };
    for affine in [None, Some(Affine { gamma: 1.25, beta: -0.5 })] {
        let layer = Layer::BatchNorm {
            plane: 1,
            eps: 1e-5f32 as f64,
            gamma: affine.map(|affine| vec![affine.gamma as f64]),
            beta: affine.map(|affine| vec![affine.beta as f64]),
        };
        let network = Network { layers: vec![layer] };
        let pass = network.forward(&column(&z));
        let moments = op::batch_norm_moments(&z, 1e-5, Math::Libm);
        let (mut xhat, mut y) = (z.clone(), vec![f32::NAN; points]);
        op::batch_norm_forward(&mut xhat, moments, affine, &mut y);
        let (mut detached, mut full) = (g.clone(), g.clone());
        op::batch_norm_backward_detached(&mut detached, moments.inv, affine);
        op::batch_norm_backward_full(&mut full, &xhat, moments.inv, affine);
        let (mut of_gamma, mut of_beta) = (0.0, 0.0);
        op::batch_norm_backward_parameters(&g, &xhat, &mut of_gamma, &mut of_beta);
        for (statistics, ours) in [(reference::Statistics::Detached, &detached), (reference::Statistics::Full, &full)] {
            let (input, parameters) = network.backward(&pass, &column(&g), statistics);
            let Gradients::BatchNorm { gamma, beta } = &parameters[0] else { panic!() };
            assert!((of_gamma as f64 - gamma[0]).abs() < 1e-5 && (of_beta as f64 - beta[0]).abs() < 1e-5);
            for p in 0..points {
                assert!((ours[p] as f64 - input[p][0]).abs() < 1e-5, "{statistics:?}");
                assert!((y[p] as f64 - pass.outputs[p][0]).abs() < 1e-5);
            }
        }
    }
    let network = Network { layers: vec![Layer::Centre] };
    let pass = network.forward(&column(&z));
    let (input, _) = network.backward(&pass, &column(&g), reference::Statistics::Full);
    let (mut y, mut back) = (z.clone(), g.clone());
    op::centre_forward(&mut y);
    op::centre_backward_full(&mut back);
    for p in 0..points {
        assert!((y[p] as f64 - pass.outputs[p][0]).abs() < 1e-6 && (back[p] as f64 - input[p][0]).abs() < 1e-6);
    }
}

#[test]
fn statistics_agree_with_f64() {
    for scale in [1.0f32, 1e-40, 3e-12, 1e30] {
        let series: Vec<f32> = values(100, 11).iter().map(|x| (x + 0.25) * scale).collect();
        for (mode, mean_removed) in [(Autocorrelation::MeanRemoved, true), (Autocorrelation::Raw, false)] {
            let expected = reference::statistics::autocorrelation(&wide(&series), 20, mean_removed).unwrap();
            let mut r = [0.0; 21];
            let kind = autocorrelation(&mut series.clone(), mode, &mut r).unwrap();
            assert!(matches!(kind, Series::Varying { .. }));
            assert_eq!(r[0], 1.0);
            for (r, expected) in r.iter().zip(&expected) {
                assert!((*r as f64 - expected).abs() < 1e-5, "scale {scale:e}: {r} against {expected}");
            }
        }
        let mut scaled = series.clone();
        let Series::Varying { exponent } = normalise(&mut scaled).unwrap() else { panic!() };
        let largest = scaled.iter().fold(0.0f32, |m, x| m.max(x.abs()));
        assert!((1.0..2.0).contains(&largest));
        for (scaled, x) in scaled.iter().zip(&series) {
            assert_eq!(*scaled as f64 * 2f64.powi(exponent), *x as f64);
        }
    }
    let runs: Vec<Vec<f32>> = (3..9).map(|k| values(40, k)).collect();
    let mut sums = [0.0; Ensemble::sums_len(6)];
    let mut ensemble = Ensemble::new(&mut sums, 6).unwrap();
    runs.iter().for_each(|run| ensemble.add(run).unwrap());
    let runs: Vec<Vec<f64>> = runs.iter().map(|run| wide(run)).collect();
    let square = |g: &Vec<f64>, k: usize| (0..40 - k).map(|i| g[i] * g[i + k]).sum::<f64>() / (40 - k) as f64;
    for (k, expected) in reference::statistics::ensemble_correlation(&runs, 5).into_iter().enumerate() {
        let (r, error) = ensemble.correlation(k).unwrap();
        assert!((r - expected).abs() < 1e-12);
        let n = runs.len() as f64;
        let residual: f64 = runs.iter().map(|g| (square(g, k) - r * square(g, 0)).powi(2)).sum();
        let mean: f64 = runs.iter().map(|g| square(g, 0)).sum::<f64>() / n;
        assert!((error.unwrap() - (residual / (n * (n - 1.0))).sqrt() / mean).abs() < 1e-9);
    }
    let mut centred = values(9, 4);
    autocorrelation(&mut centred, Autocorrelation::MeanRemoved, &mut []).unwrap();
    let variance: f64 = wide(&centred).iter().map(|d| d * d).sum::<f64>() / 9.0;
    let mut row = [0.0; 9];
    covariance_row(&centred, 2, &mut row).unwrap();
    for (value, d) in row.iter().zip(&centred) {
        assert!((*value as f64 - (centred[2] as f64 * *d as f64).abs() / variance).abs() < 1e-6);
    }
}

/// Orthogonal matrices are: square, tall and wide; looks-linear ones are mirrored copies.
#[test]
fn orthogonal_matrices_are_orthogonal() {
    for (family, width) in
        [(Family::Feedforward, 1), (Family::Feedforward, 2), (Family::Feedforward, 30), (Family::Crelu, 9)]
    {
        let spec = Spec::feedforward(3, width).with_family(family).with_init(Init::Orthogonal);
        let case = Case::new(spec, 4);
        let drawn = draw(&spec, &case.seeded(3));
        let fan_in = spec.features() as f64;
        let scale = (2.0 * fan_in.max(width as f64) / (fan_in + width as f64)).sqrt();
        let defect = reference::statistics::orthogonality_defect(&matrix(&drawn[1].0, fan_in as usize), scale);
        assert!(defect < 1e-5, "{family:?} {width}: {defect:e}");
        assert!(width == 1 || drawn[1].0 != drawn[2].0);
    }
    let spec = Spec::feedforward(2, 7).with_family(Family::Crelu).with_init(Init::LooksLinear);
    let drawn = draw(&spec, &Case::new(spec, 4).seeded(0));
    let mirrored = matrix(&drawn[1].0, 14);
    let half: Vec<Vec<f64>> = mirrored.iter().map(|row| row.iter().copied().step_by(2).collect()).collect();
    assert!(reference::statistics::orthogonality_defect(&half, 1.0) < 1e-5);
    for row in &mirrored {
        assert!(row.chunks(2).all(|pair| pair[0] == -pair[1]));
    }
}

/// The experiment with micromath is deterministic, and is not the contract.
#[test]
fn micromath_is_deterministic_and_different() {
    let spec = Spec::feedforward(6, 12).with_norm(Norm::Batch);
    let exact = Case::new(spec, 40);
    let approximate = Case { math: Math::Micromath, ..exact };
    let first = run::<2, 4>(&approximate, 0, How::default()).unwrap();
    let how = How { schedule: Schedule::Blocks { resident: 7 }, panel: 3, budget: 1, ..How::default() };
    let again = run::<1, 1>(&approximate, 0, how).unwrap();
    assert_eq!(first.bits(), again.bits(), "no schedule or tile changes its bits either");
    let exact = run::<2, 4>(&exact, 0, How::default()).unwrap();
    assert_ne!(first.gradient, exact.gradient);
    assert_eq!(
        shatterscope::contract::Digest::of(&first.gradient).text(),
        include_str!("micromath.digest").trim(),
        "a golden of its own contract, strict-1+micromath"
    );
}
