//! Operations on images against f64 networks, differences inside one linear region, and their own identities.
use crate::common::{bits, wide};
use crate::trainer::plane;
use shatterscope::graph::{Image, Window};
use shatterscope::internals::op::{self, Affine, Conv, Dropout, Pool, Running, Shortcut};
use shatterscope::math::Math;
use shatterscope::random::{Normal, Purpose, Stream};
use shatterscope::{Buffer, Error, InvalidSpec};
use shatterscope_reference::{Chosen, Gradients, Layer, Network, Pass, Statistics, Windows};

/// Sums of some hundred products of numbers about 1.
const NEAR: f64 = 2e-5;

fn values(n: usize, salt: u32) -> Vec<f32> {
    let hash = |i: u32| (i.wrapping_mul(2_654_435_761).wrapping_add(salt.wrapping_mul(40_503))) ^ (i >> 3);
    (0..n as u32).map(|i| (hash(i).wrapping_mul(2_246_822_519) >> 8) as f32 / 8_388_608.0 - 1.0).collect()
}

/// `[unit][point]` as the oracle's `[point][unit]`.
fn turned(x: &[f32], points: usize) -> Vec<Vec<f64>> {
    (0..points).map(|p| x.iter().skip(p).step_by(points).map(|&x| f64::from(x)).collect()).collect()
}

/// The points of a range, `[unit][point]`.
fn cut(x: &[f32], points: usize, range: std::ops::Range<usize>) -> Vec<f32> {
    x.chunks(points).flat_map(|row| row[range.clone()].to_vec()).collect()
}

#[track_caller]
fn near(ours: &[f32], points: usize, theirs: &[Vec<f64>], what: &str) {
    let ours = turned(ours, points);
    assert_eq!(ours.concat().len(), theirs.concat().len(), "{what}");
    for (p, (ours, theirs)) in ours.iter().zip(theirs).enumerate() {
        for (u, (ours, theirs)) in ours.iter().zip(theirs).enumerate() {
            assert!((ours - theirs).abs() < NEAR, "{what}: {ours} against {theirs} at unit {u} of point {p}");
        }
    }
}

fn dot(a: &[f32], b: &[f32]) -> f64 {
    assert_eq!(a.len(), b.len());
    wide(a).iter().zip(wide(b)).map(|(a, b)| a * b).sum()
}

#[track_caller]
fn adjoint(through: &[f32], u: &[f32], v: &[f32], back: &[f32], what: &str) {
    let (a, b) = (dot(through, u), dot(v, back));
    assert!((a - b).abs() < NEAR * (dot(through, through) * dot(u, u)).sqrt().max(1e-3), "{what}: {a} against {b}");
}

/// Strides 1 to 3, no padding and some, squares and not, 1 x 1, images smaller than their window.
fn windows() -> Vec<(Image, Window)> {
    let mut all = Vec::new();
    for (height, width) in [(1, 1), (5, 4), (2, 7), (6, 6)] {
        for (rows, columns) in [(1, 1), (3, 3), (2, 3), (5, 1), (5, 5)] {
            for stride in 1..=3 {
                for padding in 0..=2 {
                    for channels in [1, 3] {
                        let image = Image { channels, height, width };
                        all.push((image, Window { height: rows, width: columns, stride, padding }));
                    }
                }
            }
        }
    }
    all.retain(|(image, window)| window.positions(image).is_some());
    assert!(all.len() > 150 && all.iter().any(|(image, window)| image.height < window.height));
    all
}

fn units(image: &Image) -> usize {
    image.units().unwrap() as usize
}

fn alone(layer: Layer) -> Network {
    Network { layers: vec![layer] }
}

/// Along x the outputs of an f64 layer rise by what the gradient says, weighed by g: a central difference that turns no gate.
#[track_caller]
fn rises(network: &Network, pass: &Pass, x: &[f32], g: &[f32], grad_input: &[f32], points: usize, what: &str) {
    let h = 1e-6;
    let moved = |h: f64| {
        let x: Vec<Vec<f64>> = turned(x, points).iter().map(|x| x.iter().map(|x| x + h * x).collect()).collect();
        network.forward(&x)
    };
    let (after, before) = (moved(h), moved(-h));
    let g = turned(g, points);
    for p in 0..points {
        let turns = after.gates_of(p) != pass.gates_of(p) || before.gates_of(p) != pass.gates_of(p);
        assert!(!turns, "{what}: a gate within {h}");
        let outputs = after.outputs[p].iter().zip(&before.outputs[p]).zip(&g[p]);
        let slope: f64 = outputs.map(|((after, before), g)| (after - before) / (2.0 * h) * g).sum();
        let (x, grad) = (cut(x, points, p..p + 1), cut(grad_input, points, p..p + 1));
        let size = dot(&x, &x).max(1.0);
        assert!((dot(&x, &grad) - slope).abs() < NEAR * size, "{what}: {} against {slope}", dot(&x, &grad));
    }
}

fn convolutions() -> Vec<Conv> {
    let of = |(i, (input, window))| Conv { input, channels: 1 + i as u32 % 3, window };
    windows().into_iter().enumerate().map(of).collect()
}

#[test]
fn convolutions_agree_with_f64() {
    for conv in convolutions() {
        let what = format!("{conv:?}");
        let (points, fan_out) = (3, conv.channels as usize);
        let (ins, outs) = (units(&conv.input) * points, units(&conv.output().unwrap()) * points);
        let (weight, bias) = (values(conv.weights().unwrap() as usize, 1), values(fan_out, 2));
        let (x, g) = (values(ins, 3), values(outs, 4));
        let oracle = Windows::convolution(&plane(&conv.input, &conv.window), wide(&weight), wide(&bias));
        let network = alone(Layer::Windows(oracle));
        let pass = network.forward(&turned(&x, points));
        let (input, parameters) = network.backward(&pass, &turned(&g, points), Statistics::Full);
        let mut y = vec![f32::NAN; outs];
        op::conv_forward(&conv, &weight, &bias, points, &x, &mut y).unwrap();
        near(&y, points, &pass.outputs, &what);
        let mut grad_input = vec![f32::NAN; ins];
        op::conv_backward_input(&conv, &weight, points, &g, &mut grad_input).unwrap();
        near(&grad_input, points, &input, &what);
        let (mut grad_weight, mut grad_bias) = (vec![1.0; weight.len()], vec![2.0; fan_out]);
        op::conv_backward_parameters(&conv, points, &x, &g, &mut grad_weight, &mut grad_bias).unwrap();
        let Gradients::Windows { weight: of_weight, bias: of_bias } = &parameters[0] else { panic!() };
        near(&grad_weight, 1, &[of_weight.iter().map(|g| g + 1.0).collect()], &what);
        near(&grad_bias, 1, &[of_bias.iter().map(|g| g + 2.0).collect()], &what);
        // <W v, u> = <v, W^T u>, the bias left out.
        op::conv_forward(&conv, &weight, &[], points, &x, &mut y).unwrap();
        adjoint(&y, &g, &x, &grad_input, &what);
        rises(&network, &pass, &x, &g, &grad_input, points, &what);
    }
}

/// Points do not know each other, and gradients of parameters go on where they stopped: any cut gives the same bits.
#[test]
fn no_cut_of_the_points_changes_a_convolution() {
    for conv in convolutions() {
        let (points, fan_out) = (5, conv.channels as usize);
        let (ins, outs) = (units(&conv.input) * points, units(&conv.output().unwrap()) * points);
        let weights = conv.weights().unwrap() as usize;
        let (weight, bias, x, g) = (values(weights, 5), values(fan_out, 6), values(ins, 7), values(outs, 8));
        let mut whole = (vec![0.0; outs], vec![0.0; ins], vec![0.5; weights], vec![0.25; fan_out]);
        op::conv_forward(&conv, &weight, &bias, points, &x, &mut whole.0).unwrap();
        op::conv_backward_input(&conv, &weight, points, &g, &mut whole.1).unwrap();
        op::conv_backward_parameters(&conv, points, &x, &g, &mut whole.2, &mut whole.3).unwrap();
        let (mut grad_weight, mut grad_bias) = (vec![0.5; weights], vec![0.25; fan_out]);
        for range in [0..1, 1..1, 1..4, 4..5] {
            let points_here = range.len();
            let (x, g) = (cut(&x, points, range.clone()), cut(&g, points, range.clone()));
            let (mut y, mut grad_input) = (vec![0.0; g.len()], vec![0.0; x.len()]);
            op::conv_forward(&conv, &weight, &bias, points_here, &x, &mut y).unwrap();
            op::conv_backward_input(&conv, &weight, points_here, &g, &mut grad_input).unwrap();
            op::conv_backward_parameters(&conv, points_here, &x, &g, &mut grad_weight, &mut grad_bias).unwrap();
            assert_eq!(bits(&y), bits(&cut(&whole.0, points, range.clone())), "{conv:?}");
            assert_eq!(bits(&grad_input), bits(&cut(&whole.1, points, range.clone())), "{conv:?}");
        }
        assert_eq!(bits(&grad_weight), bits(&whole.2), "{conv:?}");
        assert_eq!(bits(&grad_bias), bits(&whole.3), "{conv:?}");
    }
}

/// A 1 x 1 window on a vector is a dense layer, to the bit.
#[test]
fn a_convolution_of_vectors_is_a_dense_layer() {
    let (fan_out, fan_in, points) = (3, 5, 4);
    let conv = Conv { input: Image::vector(5), channels: 3, window: Window::half_padded(1, 1) };
    let shape = (fan_out, fan_in, points);
    let (weight, bias) = (values(fan_out * fan_in, 9), [1.0, -0.0, -2.5]);
    let (x, g) = (values(fan_in * points, 10), values(fan_out * points, 11));
    let (mut a, mut b) = (vec![0.0; fan_out * points], vec![1.0; fan_out * points]);
    op::conv_forward(&conv, &weight, &bias, points, &x, &mut a).unwrap();
    op::dense_forward(&weight, &bias, shape, &x, &mut b).unwrap();
    assert_eq!(bits(&a), bits(&b));
    let (mut a, mut b) = (vec![0.0; fan_in * points], vec![1.0; fan_in * points]);
    op::conv_backward_input(&conv, &weight, points, &g, &mut a).unwrap();
    op::dense_backward_input(&weight, shape, &g, &mut b).unwrap();
    assert_eq!(bits(&a), bits(&b));
    let (mut a, mut b) = ((weight.clone(), bias), (weight.clone(), bias));
    op::conv_backward_parameters(&conv, points, &x, &g, &mut a.0, &mut a.1).unwrap();
    op::dense_backward_parameters(shape, &x, &g, &mut b.0, &mut b.1).unwrap();
    assert_eq!((bits(&a.0), bits(&a.1)), (bits(&b.0), bits(&b.1)));
    // A bias of -0.0 is +0.0.
    let mut y = [1.0; 3];
    op::conv_forward(&conv, &[-1.0; 15], &[-0.0; 3], 1, &[0.0; 5], &mut y).unwrap();
    assert_eq!(bits(&y), [0; 3]);
}

#[test]
fn convolutions_check_their_slices() {
    let input = Image { channels: 2, height: 3, width: 3 };
    let conv = Conv { input, channels: 4, window: Window { height: 2, width: 3, stride: 2, padding: 1 } };
    let output = conv.output().unwrap();
    assert_eq!((output, conv.weights()), (Image { channels: 4, height: 2, width: 2 }, Some(48)));
    let (w, b, x, y) = ([1.0; 48], [1.0; 4], [1.0; 36], [1.0; 32]);
    let short = |buffer, need: u64| Err(Error::TooShort { buffer, need, have: need - 1 });
    let forward = |w: &[f32], b: &[f32], x: &[f32], n: usize| op::conv_forward(&conv, w, b, 2, x, &mut y.to_vec()[..n]);
    assert_eq!(forward(&w, &b, &x, 32), Ok(()));
    assert_eq!(forward(&w[1..], &b, &x, 32), short(Buffer::Weight, 48));
    assert_eq!(forward(&w, &b[1..], &x, 32), short(Buffer::Bias, 4));
    assert_eq!(forward(&w, &b, &x[1..], 32), short(Buffer::Inputs, 36));
    assert_eq!(forward(&w, &b, &x, 31), short(Buffer::Outputs, 32));
    let back = |w: &[f32], g: &[f32], n: usize| op::conv_backward_input(&conv, w, 2, g, &mut x.to_vec()[..n]);
    assert_eq!(back(&w, &y, 36), Ok(()));
    assert_eq!(back(&w[1..], &y, 36), short(Buffer::Weight, 48));
    assert_eq!(back(&w, &y[1..], 36), short(Buffer::Cotangent, 32));
    assert_eq!(back(&w, &y, 35), short(Buffer::Gradient, 36));
    let parameters = |x: &[f32], g: &[f32], w: usize, b: usize| {
        op::conv_backward_parameters(&conv, 2, x, g, &mut [1.0; 48][..w], &mut [1.0; 4][..b])
    };
    assert_eq!(parameters(&x, &y, 48, 4), Ok(()));
    assert_eq!(parameters(&x, &y, 48, 0), Ok(()));
    assert_eq!(parameters(&x[1..], &y, 48, 4), short(Buffer::Inputs, 36));
    assert_eq!(parameters(&x, &y[1..], 48, 4), short(Buffer::Cotangent, 32));
    assert_eq!(parameters(&x, &y, 47, 4), short(Buffer::Weight, 48));
    assert_eq!(parameters(&x, &y, 48, 3), short(Buffer::Bias, 4));
    // What is longer is left alone, without points too.
    let mut longer = [7.0; 34];
    op::conv_forward(&conv, &w, &b, 2, &x, &mut longer).unwrap();
    assert!(longer[31] != 7.0 && longer[32..] == [7.0; 2]);
    let mut longer = [7.0; 38];
    op::conv_backward_input(&conv, &w, 2, &y, &mut longer).unwrap();
    assert!(longer[35] != 7.0 && longer[36..] == [7.0; 2]);
    let mut none = [7.0; 38];
    op::conv_forward(&conv, &w, &b, 0, &[], &mut none).unwrap();
    op::conv_backward_input(&conv, &w, 0, &[], &mut none).unwrap();
    assert_eq!(none, [7.0; 38]);
    let refused = |conv: Conv| op::conv_forward(&conv, &w, &b, 1, &x, &mut [0.0; 64]);
    let window = conv.window;
    for window in [
        Window { stride: 0, ..window },
        Window { height: 0, ..window },
        Window { padding: 2, ..window },
        Window { height: 6, ..window },
        Window { width: 6, padding: 1, ..window },
    ] {
        assert_eq!(refused(Conv { window, ..conv }), Err(Error::InvalidSpec(InvalidSpec::Window)), "{window:?}");
    }
    for input in [Image { channels: 0, ..input }, Image { height: 0, ..input }, Image { width: 0, ..input }] {
        assert_eq!(refused(Conv { input, ..conv }), Err(Error::InvalidSpec(InvalidSpec::Window)), "{input:?}");
    }
    assert_eq!(refused(Conv { channels: 0, ..conv }), Err(Error::InvalidSpec(InvalidSpec::Window)));
    let huge = Image { channels: u32::MAX, height: 3, width: 3 };
    assert_eq!(refused(Conv { input: huge, ..conv }), Err(Error::InvalidSpec(InvalidSpec::TooLarge)));
    let needs = |result| matches!(result, Err(Error::TooShort { need: u64::MAX, .. }));
    assert!(needs(op::conv_forward(&conv, &w, &b, usize::MAX, &x, &mut [0.0; 8])));
}

#[test]
fn pools_agree_with_f64() {
    let (mut averages, mut largest) = (0, 0);
    for (input, window) in windows() {
        let (pool, points, what) = (Pool { input, window }, 3, format!("{input:?} {window:?}"));
        let (ins, outs) = (units(&input) * points, units(&pool.output().unwrap()) * points);
        let (x, g, t) = (values(ins, 12), values(outs, 13), values(ins, 14));
        let (mut y, mut grad_input) = (vec![f32::NAN; outs], vec![f32::NAN; ins]);
        if window.padding == 0 {
            let network = alone(Layer::Windows(Windows::average(&plane(&input, &window))));
            let pass = network.forward(&turned(&x, points));
            let input = network.backward(&pass, &turned(&g, points), Statistics::Full).0;
            op::average_pool_forward(&pool, points, &x, &mut y).unwrap();
            op::average_pool_backward(&pool, points, &g, &mut grad_input).unwrap();
            near(&y, points, &pass.outputs, &what);
            near(&grad_input, points, &input, &what);
            rises(&network, &pass, &x, &g, &grad_input, points, &what);
            adjoint(&y, &g, &x, &grad_input, &what);
            averages += 1;
        }
        let network = alone(Layer::MaxPool(Chosen::max(&plane(&input, &window))));
        let pass = network.forward(&turned(&x, points));
        let (input, _) = network.backward(&pass, &turned(&g, points), Statistics::Full);
        let mut tape = vec![0xa5; outs];
        op::max_pool_forward(&pool, points, &x, &mut y, &mut tape).unwrap();
        op::max_pool_backward(&pool, points, &tape, &g, &mut grad_input).unwrap();
        near(&y, points, &pass.outputs, &what);
        near(&grad_input, points, &input, &what);
        rises(&network, &pass, &x, &g, &grad_input, points, &what);
        let mut tangent = vec![f32::NAN; outs];
        op::max_pool_tangent(&pool, points, &tape, &t, &mut tangent).unwrap();
        near(&tangent, points, &network.tangent(&pass, &turned(&t, points), Statistics::Full), &what);
        adjoint(&tangent, &g, &t, &grad_input, &what);
        largest += 1;
    }
    assert!(averages > 40 && largest > 150);
}

#[test]
fn no_cut_of_the_points_changes_a_pool_or_a_shortcut() {
    for (input, window) in windows() {
        let (pool, points) = (Pool { input, window }, 5);
        let shortcut = Shortcut { input, channels: input.channels + 1, stride: window.stride };
        let lengths = [pool.output(), shortcut.output()].map(|image| units(&image.unwrap()));
        let all = values(units(&input) * points, 15);
        let gradients = lengths.map(|units| values(units * points, 16));
        let at = |x: &[f32], [g, h]: [&[f32]; 2], points: usize| {
            let [mut y, mut z] = lengths.map(|units| vec![f32::NAN; units * points]);
            let (mut back, mut around) = (vec![f32::NAN; x.len()], vec![f32::NAN; x.len()]);
            let mut tape = vec![0; y.len()];
            op::max_pool_forward(&pool, points, x, &mut y, &mut tape).unwrap();
            op::max_pool_backward(&pool, points, &tape, g, &mut back).unwrap();
            op::shortcut_forward(&shortcut, points, x, &mut z).unwrap();
            op::shortcut_backward(&shortcut, points, h, &mut around).unwrap();
            let mut series = vec![y, back, z, around];
            if window.padding == 0 {
                let (mut y, mut back) = (vec![f32::NAN; g.len()], vec![f32::NAN; x.len()]);
                op::average_pool_forward(&pool, points, x, &mut y).unwrap();
                op::average_pool_backward(&pool, points, g, &mut back).unwrap();
                series.extend([y, back]);
            }
            series
        };
        let whole = at(&all, [&gradients[0], &gradients[1]], points);
        for range in [0..1, 1..4, 4..5] {
            let of = |x: &[f32]| cut(x, points, range.clone());
            let some = at(&of(&all), [&of(&gradients[0]), &of(&gradients[1])], range.len());
            for (whole, some) in whole.iter().zip(&some) {
                assert_eq!(bits(&of(whole)), bits(some), "{pool:?}");
            }
        }
    }
}

#[test]
fn pools_check_their_slices() {
    let input = Image { channels: 2, height: 3, width: 4 };
    let window = Window { height: 2, width: 2, stride: 1, padding: 0 };
    let pool = Pool { input, window };
    assert_eq!(pool.output(), Some(Image { channels: 2, height: 2, width: 3 }));
    let (x, y, tape) = ([1.0; 48], [1.0; 24], [0; 24]);
    let short = |buffer, need: u64| Err(Error::TooShort { buffer, need, have: need - 1 });
    let forward = |x: &[f32], n: usize| op::average_pool_forward(&pool, 2, x, &mut y.to_vec()[..n]);
    let back = |g: &[f32], n: usize| op::average_pool_backward(&pool, 2, g, &mut x.to_vec()[..n]);
    assert_eq!((forward(&x, 24), back(&y, 48)), (Ok(()), Ok(())));
    assert_eq!(forward(&x[1..], 24), short(Buffer::Inputs, 48));
    assert_eq!(forward(&x, 23), short(Buffer::Outputs, 24));
    assert_eq!(back(&y[1..], 48), short(Buffer::Cotangent, 24));
    assert_eq!(back(&y, 47), short(Buffer::Gradient, 48));
    let forward = |x: &[f32], n: usize, bytes: usize| {
        op::max_pool_forward(&pool, 2, x, &mut y.to_vec()[..n], &mut tape.to_vec()[..bytes])
    };
    let back = |tape: &[u8], g: &[f32], n: usize| op::max_pool_backward(&pool, 2, tape, g, &mut x.to_vec()[..n]);
    let along = |tape: &[u8], t: &[f32], n: usize| op::max_pool_tangent(&pool, 2, tape, t, &mut y.to_vec()[..n]);
    assert_eq!((forward(&x, 24, 24), back(&tape, &y, 48), along(&tape, &x, 24)), (Ok(()), Ok(()), Ok(())));
    assert_eq!(forward(&x[1..], 24, 24), short(Buffer::Inputs, 48));
    assert_eq!(forward(&x, 23, 24), short(Buffer::Outputs, 24));
    assert_eq!(forward(&x, 24, 23), short(Buffer::Tape, 24));
    assert_eq!(back(&tape[1..], &y, 48), short(Buffer::Tape, 24));
    assert_eq!(back(&tape, &y[1..], 48), short(Buffer::Cotangent, 24));
    assert_eq!(back(&tape, &y, 47), short(Buffer::Gradient, 48));
    assert_eq!(along(&tape[1..], &x, 24), short(Buffer::Tape, 24));
    assert_eq!(along(&tape, &x[1..], 24), short(Buffer::Inputs, 48));
    assert_eq!(along(&tape, &x, 23), short(Buffer::Outputs, 24));
    // A byte that is no tap passes nothing on.
    let mut grad = [1.0; 48];
    op::max_pool_backward(&pool, 2, &[4; 24], &y, &mut grad).unwrap();
    assert_eq!(grad, [0.0; 48]);
    let refused = |pool: Pool| {
        (op::average_pool_forward(&pool, 0, &[], &mut []), op::max_pool_forward(&pool, 0, &[], &mut [], &mut []))
    };
    let (why, window) = (
        |reason| Err(Error::InvalidSpec(reason)),
        |height, width, padding| Window { height, width, stride: 1, padding },
    );
    let of = |height, width, window| refused(Pool { input: Image { channels: 1, height, width }, window });
    assert_eq!(of(9, 9, window(2, 2, 1)), (why(InvalidSpec::Pool), Ok(())));
    assert_eq!(of(16, 16, window(16, 16, 0)), (Ok(()), Ok(())));
    assert_eq!(of(1, 257, window(1, 257, 0)), (Ok(()), why(InvalidSpec::Pool)));
    assert_eq!(of(4096, 4096, window(4096, 4096, 0)).0, Ok(()));
    assert_eq!(of(4096, 4097, window(4096, 4097, 0)).0, why(InvalidSpec::Pool));
    assert_eq!(of(2, 2, window(3, 3, 0)), (why(InvalidSpec::Window), why(InvalidSpec::Window)));
    assert_eq!(of(0, 2, window(1, 1, 0)), (why(InvalidSpec::Window), why(InvalidSpec::Window)));
}

/// All 256 taps fit a byte, and the last can be chosen.
#[test]
fn the_largest_max_pool_chooses_its_last_tap() {
    let input = Image { channels: 1, height: 16, width: 16 };
    let pool = Pool { input, window: Window { height: 16, width: 16, stride: 1, padding: 0 } };
    let x: Vec<f32> = (0..256).map(|x| x as f32).collect();
    let (mut y, mut tape, mut grad) = ([0.0], [0], [0.0; 256]);
    op::max_pool_forward(&pool, 1, &x, &mut y, &mut tape).unwrap();
    assert_eq!((y, tape), ([255.0], [255]));
    op::max_pool_backward(&pool, 1, &tape, &[3.0], &mut grad).unwrap();
    assert_eq!(grad.iter().position(|g| *g == 3.0), Some(255));
}

#[test]
fn prelu_agrees_with_f64() {
    for (slope, plane, points) in
        [(&[0.25][..], 37, 1), (&[1.0, 0.0, -0.5], 12, 5), (&[0.1, 0.2, 0.3, 0.4, 2.5], 1, 18)]
    {
        let n = slope.len() * plane * points;
        let (x, g, t) = (values(n, 17), values(n, 18), values(n, 19));
        let network = alone(Layer::Prelu { plane, slope: wide(slope) });
        let pass = network.forward(&turned(&x, points));
        let (of_inputs, of_slopes) = network.backward(&pass, &turned(&g, points), Statistics::Full);
        let (mut y, mut grad, mut tangent) = (vec![f32::NAN; n], vec![f32::NAN; n], vec![f32::NAN; n]);
        op::prelu_forward(slope, &x, &mut y);
        op::prelu_backward_input(slope, &x, &g, &mut grad);
        op::prelu_backward_input(slope, &x, &t, &mut tangent);
        near(&y, points, &pass.outputs, "value");
        near(&grad, points, &of_inputs, "gradient");
        near(&tangent, points, &network.tangent(&pass, &turned(&t, points), Statistics::Full), "tangent");
        rises(&network, &pass, &x, &g, &grad, points, "prelu");
        adjoint(&tangent, &g, &t, &grad, "prelu");

        let mut of_slope = vec![0.0; slope.len()];
        op::prelu_backward_parameters(points, &x, &g, &mut of_slope);
        let Gradients::Prelu(expected) = &of_slopes[0] else { panic!() };
        for (c, (ours, theirs)) in of_slope.iter().zip(expected).enumerate() {
            assert!((f64::from(*ours) - theirs).abs() < NEAR, "slope {c}: {ours} against {theirs}");
            // The output is linear in a slope: a step of any length is a derivative.
            let moved = |by: f64| {
                let mut slope = wide(slope);
                slope[c] += by;
                let outputs = alone(Layer::Prelu { plane, slope }).forward(&turned(&x, points)).outputs;
                outputs.concat().iter().zip(turned(&g, points).concat()).map(|(y, g)| y * g).sum::<f64>()
            };
            let rise = moved(0.5) - moved(-0.5);
            assert!((f64::from(*ours) - rise).abs() < NEAR, "slope {c}: {ours} against {rise}");
        }
        // Chains go on over calls, wherever the points are cut.
        let mut twice = vec![0.0; slope.len()];
        for range in [0..points / 3, points / 3..points] {
            let (x, g) = (cut(&x, points, range.clone()), cut(&g, points, range.clone()));
            op::prelu_backward_parameters(range.len(), &x, &g, &mut twice);
        }
        assert_eq!(bits(&twice), bits(&of_slope));
    }
}

#[test]
fn prelu_hides_nothing_and_adds_every_term() {
    // Slope 0 is not a ReLU: -0.0 and NaN stay.
    let (odd, mut y) = ([f32::NAN, -1.0, f32::NEG_INFINITY], [7.0; 3]);
    op::prelu_forward(&[0.0], &odd, &mut y);
    assert!(y[0].is_nan() && y[1].to_bits() == (-0.0f32).to_bits() && y[2].is_nan());
    // -0.0 + +0.0 is +0.0: a positive value adds a term. One of -0.0 leaves it.
    for (x, expected) in [(1.0, 0.0f32), (0.0, -0.0)] {
        let mut slope = [-0.0];
        op::prelu_backward_parameters(1, &[x], &[-3.0], &mut slope);
        assert_eq!(slope[0].to_bits(), expected.to_bits(), "{x}");
    }
    // What a slice lacks is left out, what is longer left alone.
    let mut y = [7.0; 6];
    op::prelu_forward(&[0.5, 0.25], &[-4.0, -4.0], &mut y[..1]);
    assert_eq!(y[..2], [-2.0, 7.0]);
    op::prelu_forward(&[0.5, 0.25], &[-4.0, -4.0], &mut y);
    assert_eq!(y[..3], [-2.0, -1.0, 7.0]);
    op::prelu_backward_input(&[], &[1.0], &[1.0], &mut y);
    op::prelu_backward_input(&[0.5, 0.25], &[-1.0, -1.0], &[8.0], &mut y);
    op::prelu_backward_parameters(0, &[1.0], &[1.0], &mut []);
    assert_eq!(y[2..], [7.0; 4]);
}

/// Channels in pairs are a vector's pairs, moved to where their planes stand; the tape is the same.
#[test]
fn crelu_of_images_is_that_of_vectors_moved() {
    fn at<const T: usize>(channels: usize, plane: usize) {
        let units = channels * plane;
        let tile = |x: &[f32], len: usize| -> Vec<[f32; T]> {
            let mut tile = x.as_chunks::<T>().0.to_vec();
            tile.resize(len, [f32::NAN; T]);
            tile
        };
        let moved = |pairs: &[[f32; T]]| -> Vec<[f32; T]> {
            let unit = |k: usize| 2 * (k / (2 * plane) * plane + k % plane) + k / plane % 2;
            (0..2 * units).map(|k| pairs[unit(k)]).collect()
        };
        let (x, g, t) = (values(units * T, 20), values(2 * units * T, 21), values(units * T, 22));
        let (mut pairs, mut planes) = (tile(&x, 2 * units), tile(&x, 2 * units));
        let mut tapes = [vec![0xa5; (units * T).div_ceil(8)], vec![0x5a; (units * T).div_ceil(8)]];
        op::crelu_forward::<T>(1, &mut pairs, &mut tapes[0]);
        op::crelu_forward::<T>(plane, &mut planes, &mut tapes[1]);
        assert_eq!(bits(planes.as_flattened()), bits(moved(&pairs).as_flattened()));
        assert_eq!(tapes[0], tapes[1]);
        let g = tile(&g, 2 * units);
        let of = |k: usize, lane: usize| if x[k * T + lane] > 0.0 { g[2 * k][lane] } else { -g[2 * k + 1][lane] };
        let (mut of_pairs, mut of_planes) = (g.clone(), moved(&g));
        op::crelu_backward::<T>(1, &mut of_pairs, &tapes[0]);
        op::crelu_backward::<T>(plane, &mut of_planes, &tapes[1]);
        assert_eq!(bits(of_planes[..units].as_flattened()), bits(of_pairs[..units].as_flattened()));
        let by_hand: Vec<f32> = (0..units * T).map(|e| of(e / T, e % T)).collect();
        assert_eq!(bits(of_pairs[..units].as_flattened()), bits(&by_hand));
        let tiles = || (tile(&x, 2 * units), tile(&t, 2 * units));
        let (mut pairs, mut planes) = (tiles(), tiles());
        op::crelu_tangent::<T>(1, &mut pairs.0, &mut pairs.1);
        op::crelu_tangent::<T>(plane, &mut planes.0, &mut planes.1);
        assert_eq!(bits(planes.0.as_flattened()), bits(moved(&pairs.0).as_flattened()));
        assert_eq!(bits(planes.1.as_flattened()), bits(moved(&pairs.1).as_flattened()));
    }
    for channels in 1..6 {
        for plane in [1, 2, 3, 9] {
            at::<1>(channels, plane);
            at::<4>(channels, plane);
            at::<16>(channels, plane);
        }
    }
    // No plane, or less than one, changes nothing.
    let mut x = [[1.0]; 6];
    op::crelu_forward::<1>(0, &mut x, &mut []);
    op::crelu_forward::<1>(4, &mut x, &mut []);
    op::crelu_backward::<1>(0, &mut x, &[]);
    op::crelu_tangent::<1>(0, &mut x, &mut [[1.0]; 6]);
    assert_eq!(x, [[1.0]; 6]);
}

#[test]
fn dropout_agrees_with_its_mask() {
    let (units, points) = (40, 25);
    for rate in [0.0f32, 0.1, 0.5, 0.9] {
        let dropout = Dropout::new(11, 3, 2, rate).unwrap();
        let mask = |p: usize, u: usize| f64::from(u8::from(dropout.keeps(p as u32, u as u32))) / (1.0 - rate as f64);
        let mask: Vec<Vec<f64>> = (0..points).map(|p| (0..units).map(|u| mask(p, u)).collect()).collect();
        let kept = mask.iter().flatten().filter(|scale| **scale > 0.0).count() as f64;
        let (expected, n) = (1.0 - rate as f64, (units * points) as f64);
        assert!((kept / n - expected).abs() <= 4.0 * (expected * (1.0 - expected) / n).sqrt(), "{rate}: {kept}");
        let network = alone(Layer::Mask(mask));
        let (x, g) = (values(units * points, 23), values(units * points, 24));
        let pass = network.forward(&turned(&x, points));
        let (mut y, mut grad) = (x.clone(), g.clone());
        op::dropout_forward(&dropout, 0, points, &mut y);
        op::dropout_backward(&dropout, 0, points, &mut grad);
        near(&y, points, &pass.outputs, "value");
        near(&grad, points, &network.backward(&pass, &turned(&g, points), Statistics::Full).0, "gradient");
        rises(&network, &pass, &x, &g, &grad, points, "dropout");
        adjoint(&y, &g, &x, &grad, "dropout");
        // The mask stands where the points stand.
        for range in [0..1, 1..9, 9..25] {
            let mut some = cut(&x, points, range.clone());
            op::dropout_forward(&dropout, range.start as u32, range.len(), &mut some);
            assert_eq!(bits(&some), bits(&cut(&y, points, range)));
        }
    }
    // What is dropped is +0.0, whatever it was; and every part of an address matters.
    let dropout = Dropout::new(11, 3, 2, 0.5).unwrap();
    for bad in [f32::NAN, f32::INFINITY, -1.0] {
        let mut x = [bad; 64];
        op::dropout_forward(&dropout, 0, 1, &mut x);
        for (unit, x) in (0..).zip(x) {
            assert!(dropout.keeps(0, unit) || x.to_bits() == 0);
        }
    }
    let masks: Vec<Vec<bool>> = [(11, 3, 2), (12, 3, 2), (11, 4, 2), (11, 3, 1)]
        .iter()
        .map(|&(seed, step, layer)| Dropout::new(seed, step, layer, 0.5).unwrap())
        .flat_map(|dropout| {
            [(0..64).map(|i| dropout.keeps(0, i)).collect(), (0..64).map(|i| dropout.keeps(i, 0)).collect()]
        })
        .collect();
    for (i, mask) in masks.iter().enumerate() {
        assert!(!masks[..i].contains(mask), "{i}");
    }
    // A word that is the threshold keeps: of 24 bits or less, it is some rate's.
    let stream = Stream::new(11, 3, Purpose::Dropout, 2, Normal::IrwinHall);
    let words = (0..4000).map(|unit| (unit, stream.words(0, unit)[0]));
    let mut ends = 0;
    for (unit, word) in words.filter(|(_, word)| word.trailing_zeros() >= 8) {
        let rate = word as f32 / 4_294_967_296.0;
        let dropout = Dropout::new(11, 3, 2, rate).unwrap();
        assert!(dropout.threshold() == word && dropout.keeps(0, unit));
        let next = Dropout::new(11, 3, 2, f32::from_bits(rate.to_bits() + 1)).unwrap();
        assert!(!next.keeps(0, unit));
        ends += 1;
    }
    assert!(ends > 4);
    for rate in [1.0, -0.1, 2.0, f32::NAN, f32::INFINITY] {
        assert_eq!(Dropout::new(0, 0, 1, rate).unwrap_err(), Error::InvalidSpec(InvalidSpec::Rate), "{rate}");
    }
}

#[test]
fn channel_norm_agrees_with_f64() {
    for (plane, points) in [(1, 21), (6, 5), (4, 40), (9, 1)] {
        for affine in [None, Some(Affine { gamma: 1.25, beta: -0.5 })] {
            let (z, g) = (values(plane * points, 25), values(plane * points, 26));
            let network = alone(Layer::BatchNorm {
                plane,
                eps: 1e-5f32 as f64,
                gamma: affine.map(|affine| vec![affine.gamma as f64]),
                beta: affine.map(|affine| vec![affine.beta as f64]),
            });
            let pass = network.forward(&turned(&z, points));
            let moments = op::channel_norm_moments(&z, points, 1e-5, Math::Libm);
            let (mut xhat, mut y) = (z.clone(), vec![f32::NAN; z.len()]);
            op::batch_norm_forward(&mut xhat, moments, affine, &mut y);
            near(&y, points, &pass.outputs, "value");
            let (mut detached, mut full) = (g.clone(), g.clone());
            op::batch_norm_backward_detached(&mut detached, moments.inv, affine);
            op::channel_norm_backward_full(&mut full, &xhat, points, moments.inv, affine);
            let (mut of_gamma, mut of_beta) = (1.0, 2.0);
            op::channel_norm_backward_parameters(&g, &xhat, points, &mut of_gamma, &mut of_beta);
            for (statistics, ours) in [(Statistics::Detached, &detached), (Statistics::Full, &full)] {
                let (input, parameters) = network.backward(&pass, &turned(&g, points), statistics);
                near(ours, points, &input, "gradient");
                let Gradients::BatchNorm { gamma, beta } = &parameters[0] else { panic!() };
                near(&[of_gamma], 1, &[vec![gamma[0] + 1.0]], "gamma");
                near(&[of_beta], 1, &[vec![beta[0] + 2.0]], "beta");
            }
            // Through its statistics a norm is blind to shifts of z.
            let (ones, n) = (vec![1.0; z.len()], (plane * points) as f64);
            assert!(dot(&full, &ones).abs() < NEAR * n, "{plane} {points}: {}", dot(&full, &ones));
            // In two calls over the points.
            let (mut gamma_in_two, mut beta_in_two) = (1.0, 2.0);
            for range in [0..points / 2, points / 2..points] {
                let (g, xhat) = (cut(&g, points, range.clone()), cut(&xhat, points, range.clone()));
                op::channel_norm_backward_parameters(&g, &xhat, range.len(), &mut gamma_in_two, &mut beta_in_two);
            }
            assert_eq!(bits(&[gamma_in_two, beta_in_two]), bits(&[of_gamma, of_beta]));
            let mut running = Running::new();
            running.update(moments, plane * points, 0.25);
            let n = n / (n - 1.0);
            assert!((running.mean as f64 - 0.25 * moments.mean as f64).abs() < 1e-6);
            assert!((running.variance as f64 - 0.75 - 0.25 * moments.variance as f64 * n).abs() < 1e-6);
            let mut inference = z.clone();
            op::batch_norm_inference(&mut inference, running.moments(1e-5, Math::Libm), affine);
            let affine = affine.unwrap_or(Affine { gamma: 1.0, beta: 0.0 });
            for (y, z) in inference.iter().zip(&z) {
                let xhat = (z - running.mean) as f64 / (running.variance as f64 + 1e-5).sqrt();
                assert!((*y as f64 - (xhat * affine.gamma as f64 + affine.beta as f64)).abs() < NEAR);
            }
        }
    }
}

/// A channel of one unit is a unit, to the bit; and a batch of one element has no unbiased variance.
#[test]
fn channels_of_one_unit_are_units() {
    let (z, g) = (values(45, 27), values(45, 28));
    let affine = Some(Affine { gamma: 0.75, beta: 0.5 });
    let (a, b) = (op::channel_norm_moments(&z, 45, 1e-5, Math::Libm), op::batch_norm_moments(&z, 1e-5, Math::Libm));
    assert_eq!(a, b);
    let (mut back, mut of_unit) = (g.clone(), g.clone());
    op::channel_norm_backward_full(&mut back, &z, 45, a.inv, affine);
    op::batch_norm_backward_full(&mut of_unit, &z, a.inv, affine);
    assert_eq!(bits(&back), bits(&of_unit));
    let (mut ours, mut theirs) = ([0.5, 0.25], [0.5, 0.25]);
    let [gamma, beta] = &mut ours;
    op::channel_norm_backward_parameters(&g, &z, 45, gamma, beta);
    let [gamma, beta] = &mut theirs;
    op::batch_norm_backward_parameters(&g, &z, gamma, beta);
    assert_eq!(bits(&ours), bits(&theirs));
    let one = op::channel_norm_moments(&z[..1], 1, 1e-5, Math::Libm);
    let mut running = Running::default();
    running.update(one, 1, 0.5);
    assert_eq!(running, Running { mean: 0.5 * z[0], variance: 0.5 });
}

#[test]
fn shortcuts_agree_with_f64() {
    for (channels, height, width) in [(1, 1, 1), (2, 4, 4), (3, 5, 2), (1, 7, 6)] {
        for (stride, more) in [(1, 0), (1, 2), (2, 0), (2, 3), (3, 1)] {
            let input = Image { channels, height, width };
            let (shortcut, points) = (Shortcut { input, channels: channels + more, stride }, 3);
            // As of a 3 x 3 convolution with padding 1 beside it.
            let conv = Conv { input, channels: channels + more, window: Window::half_padded(3, stride) };
            assert_eq!(shortcut.output(), conv.output());
            let (ins, outs) = (units(&input) * points, units(&shortcut.output().unwrap()) * points);
            let (x, g, what) = (values(ins, 29), values(outs, 30), format!("{shortcut:?}"));
            let of = plane(&input, &Window::half_padded(1, stride));
            let network = alone(Layer::Windows(Windows::shortcut(&of, (channels + more) as usize)));
            let pass = network.forward(&turned(&x, points));
            let (mut y, mut grad) = (vec![f32::NAN; outs], vec![f32::NAN; ins]);
            op::shortcut_forward(&shortcut, points, &x, &mut y).unwrap();
            op::shortcut_backward(&shortcut, points, &g, &mut grad).unwrap();
            near(&y, points, &pass.outputs, &what);
            near(&grad, points, &network.backward(&pass, &turned(&g, points), Statistics::Full).0, &what);
            rises(&network, &pass, &x, &g, &grad, points, &what);
            adjoint(&y, &g, &x, &grad, &what);
        }
    }
}

#[test]
fn shortcuts_check_their_slices() {
    let input = Image { channels: 2, height: 3, width: 4 };
    let shortcut = Shortcut { input, channels: 3, stride: 2 };
    assert_eq!(shortcut.output(), Some(Image { channels: 3, height: 2, width: 2 }));
    let (x, y) = ([1.0; 48], [1.0; 24]);
    let short = |buffer, need: u64| Err(Error::TooShort { buffer, need, have: need - 1 });
    let forward = |x: &[f32], n: usize| op::shortcut_forward(&shortcut, 2, x, &mut y.to_vec()[..n]);
    let back = |g: &[f32], n: usize| op::shortcut_backward(&shortcut, 2, g, &mut x.to_vec()[..n]);
    assert_eq!((forward(&x, 24), back(&y, 48)), (Ok(()), Ok(())));
    assert_eq!(forward(&x[1..], 24), short(Buffer::Inputs, 48));
    assert_eq!(forward(&x, 23), short(Buffer::Outputs, 24));
    assert_eq!(back(&y[1..], 48), short(Buffer::Cotangent, 24));
    assert_eq!(back(&y, 47), short(Buffer::Gradient, 48));
    for refused in [
        Shortcut { channels: 1, ..shortcut },
        Shortcut { stride: 0, ..shortcut },
        Shortcut { input: Image { height: 0, ..input }, ..shortcut },
        Shortcut { input: Image { channels: 0, ..input }, ..shortcut },
    ] {
        let reason = Err(Error::InvalidSpec(InvalidSpec::Window));
        assert_eq!(op::shortcut_forward(&refused, 1, &x, &mut [0.0; 24]), reason, "{refused:?}");
    }
}
