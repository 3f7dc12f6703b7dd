//! Operations on images against f64 networks, differences inside one linear region, and their own identities.
use shatterscope::layer::{self, Conv, Image, Window};
use shatterscope::{Buffer, Error, Refusal};
use shatterscope_reference::{Gradients, Layer, Network, Plane, Statistics, Windows};

/// Sums of some hundred products of numbers about 1.
const NEAR: f64 = 2e-5;

fn values(n: usize, salt: u32) -> Vec<f32> {
    let hash = |i: u32| (i.wrapping_mul(2_654_435_761).wrapping_add(salt.wrapping_mul(40_503))) ^ (i >> 3);
    (0..n as u32).map(|i| (hash(i).wrapping_mul(2_246_822_519) >> 8) as f32 / 8_388_608.0 - 1.0).collect()
}

fn wide(x: &[f32]) -> Vec<f64> {
    x.iter().map(|&x| f64::from(x)).collect()
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

fn bits(x: &[f32]) -> Vec<u32> {
    x.iter().map(|x| x.to_bits()).collect()
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
    all.retain(|(image, window)| window.places(image).is_some());
    assert!(all.len() > 150 && all.iter().any(|(image, window)| image.height < window.height));
    all
}

fn plane(image: &Image, window: &Window) -> Plane {
    let size = (image.height as usize, image.width as usize);
    let (stride, padding) = (window.stride as usize, window.padding as usize);
    let window = (window.height as usize, window.width as usize);
    Plane { channels: image.channels as usize, size, window, stride, padding }
}

fn units(image: &Image) -> usize {
    image.units().unwrap() as usize
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
        let network = Network { layers: vec![Layer::Windows(oracle)] };
        let pass = network.forward(&turned(&x, points));
        let (input, parameters) = network.backward(&pass, &turned(&g, points), Statistics::Full);
        let mut y = vec![f32::NAN; outs];
        layer::conv_forward(&conv, &weight, &bias, points, &x, &mut y).unwrap();
        near(&y, points, &pass.outputs, &what);
        let mut grad_input = vec![f32::NAN; ins];
        layer::conv_backward_input(&conv, &weight, points, &g, &mut grad_input).unwrap();
        near(&grad_input, points, &input, &what);
        let (mut grad_weight, mut grad_bias) = (vec![1.0; weight.len()], vec![2.0; fan_out]);
        layer::conv_backward_parameters(&conv, points, &x, &g, &mut grad_weight, &mut grad_bias).unwrap();
        let Gradients::Windows { weight: of_weight, bias: of_bias } = &parameters[0] else { panic!() };
        near(&grad_weight, 1, &[of_weight.iter().map(|g| g + 1.0).collect()], &what);
        near(&grad_bias, 1, &[of_bias.iter().map(|g| g + 2.0).collect()], &what);
        // <W v, u> = <v, W^T u>, the bias left out.
        layer::conv_forward(&conv, &weight, &[], points, &x, &mut y).unwrap();
        adjoint(&y, &g, &x, &grad_input, &what);
        // In f64 the gradient is the slope, in any direction: the map is linear.
        let h = 1e-3;
        let moved: Vec<Vec<f64>> = turned(&x, points).iter().map(|x| x.iter().map(|x| x + h * x).collect()).collect();
        let slope = |p: usize| -> f64 {
            let rise = |o: usize| (network.forward(&moved).outputs[p][o] - pass.outputs[p][o]) / h;
            (0..outs / points).map(|o| rise(o) * turned(&g, points)[p][o]).sum()
        };
        for p in 0..points {
            let (x, grad) = (cut(&x, points, p..p + 1), cut(&grad_input, points, p..p + 1));
            assert!((dot(&x, &grad) - slope(p)).abs() < 1e-4 * dot(&x, &x).max(1.0), "{what}");
        }
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
        layer::conv_forward(&conv, &weight, &bias, points, &x, &mut whole.0).unwrap();
        layer::conv_backward_input(&conv, &weight, points, &g, &mut whole.1).unwrap();
        layer::conv_backward_parameters(&conv, points, &x, &g, &mut whole.2, &mut whole.3).unwrap();
        let (mut grad_weight, mut grad_bias) = (vec![0.5; weights], vec![0.25; fan_out]);
        for range in [0..1, 1..1, 1..4, 4..5] {
            let points_here = range.len();
            let (x, g) = (cut(&x, points, range.clone()), cut(&g, points, range.clone()));
            let (mut y, mut grad_input) = (vec![0.0; g.len()], vec![0.0; x.len()]);
            layer::conv_forward(&conv, &weight, &bias, points_here, &x, &mut y).unwrap();
            layer::conv_backward_input(&conv, &weight, points_here, &g, &mut grad_input).unwrap();
            layer::conv_backward_parameters(&conv, points_here, &x, &g, &mut grad_weight, &mut grad_bias).unwrap();
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
    layer::conv_forward(&conv, &weight, &bias, points, &x, &mut a).unwrap();
    layer::dense_forward(&weight, &bias, shape, &x, &mut b).unwrap();
    assert_eq!(bits(&a), bits(&b));
    let (mut a, mut b) = (vec![0.0; fan_in * points], vec![1.0; fan_in * points]);
    layer::conv_backward_input(&conv, &weight, points, &g, &mut a).unwrap();
    layer::dense_backward_input(&weight, shape, &g, &mut b).unwrap();
    assert_eq!(bits(&a), bits(&b));
    let (mut a, mut b) = ((weight.clone(), bias), (weight.clone(), bias));
    layer::conv_backward_parameters(&conv, points, &x, &g, &mut a.0, &mut a.1).unwrap();
    layer::dense_backward_parameters(shape, &x, &g, &mut b.0, &mut b.1).unwrap();
    assert_eq!((bits(&a.0), bits(&a.1)), (bits(&b.0), bits(&b.1)));
    // A bias of -0.0 is +0.0.
    let mut y = [1.0; 3];
    layer::conv_forward(&conv, &[0.0; 15], &[-0.0; 3], 1, &[0.0; 5], &mut y).unwrap();
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
    let forward =
        |w: &[f32], b: &[f32], x: &[f32], n: usize| layer::conv_forward(&conv, w, b, 2, x, &mut y.to_vec()[..n]);
    assert_eq!(forward(&w, &b, &x, 32), Ok(()));
    assert_eq!(forward(&w[1..], &b, &x, 32), short(Buffer::Weight, 48));
    assert_eq!(forward(&w, &b[1..], &x, 32), short(Buffer::Bias, 4));
    assert_eq!(forward(&w, &b, &x[1..], 32), short(Buffer::Inputs, 36));
    assert_eq!(forward(&w, &b, &x, 31), short(Buffer::Outputs, 32));
    let back = |w: &[f32], g: &[f32], n: usize| layer::conv_backward_input(&conv, w, 2, g, &mut x.to_vec()[..n]);
    assert_eq!(back(&w, &y, 36), Ok(()));
    assert_eq!(back(&w[1..], &y, 36), short(Buffer::Weight, 48));
    assert_eq!(back(&w, &y[1..], 36), short(Buffer::Seed, 32));
    assert_eq!(back(&w, &y, 35), short(Buffer::Gradient, 36));
    let parameters = |x: &[f32], g: &[f32], w: usize, b: usize| {
        layer::conv_backward_parameters(&conv, 2, x, g, &mut [1.0; 48][..w], &mut [1.0; 4][..b])
    };
    assert_eq!(parameters(&x, &y, 48, 4), Ok(()));
    assert_eq!(parameters(&x, &y, 48, 0), Ok(()));
    assert_eq!(parameters(&x[1..], &y, 48, 4), short(Buffer::Inputs, 36));
    assert_eq!(parameters(&x, &y[1..], 48, 4), short(Buffer::Seed, 32));
    assert_eq!(parameters(&x, &y, 47, 4), short(Buffer::Weight, 48));
    assert_eq!(parameters(&x, &y, 48, 3), short(Buffer::Bias, 4));
    // What is longer is left alone, without points too.
    let mut longer = [7.0; 34];
    layer::conv_forward(&conv, &w, &b, 2, &x, &mut longer).unwrap();
    assert!(longer[31] != 7.0 && longer[32..] == [7.0; 2]);
    let mut longer = [7.0; 38];
    layer::conv_backward_input(&conv, &w, 2, &y, &mut longer).unwrap();
    assert!(longer[35] != 7.0 && longer[36..] == [7.0; 2]);
    let mut none = [7.0; 38];
    layer::conv_forward(&conv, &w, &b, 0, &[], &mut none).unwrap();
    layer::conv_backward_input(&conv, &w, 0, &[], &mut none).unwrap();
    assert_eq!(none, [7.0; 38]);
    let refused = |conv: Conv| layer::conv_forward(&conv, &w, &b, 1, &x, &mut [0.0; 64]);
    let window = conv.window;
    for window in [
        Window { stride: 0, ..window },
        Window { height: 0, ..window },
        Window { padding: 2, ..window },
        Window { height: 6, ..window },
        Window { width: 6, padding: 1, ..window },
    ] {
        assert_eq!(refused(Conv { window, ..conv }), Err(Error::Refused(Refusal::Window)), "{window:?}");
    }
    for input in [Image { channels: 0, ..input }, Image { height: 0, ..input }, Image { width: 0, ..input }] {
        assert_eq!(refused(Conv { input, ..conv }), Err(Error::Refused(Refusal::Window)), "{input:?}");
    }
    assert_eq!(refused(Conv { channels: 0, ..conv }), Err(Error::Refused(Refusal::Window)));
    let huge = Image { channels: u32::MAX, height: 3, width: 3 };
    assert_eq!(refused(Conv { input: huge, ..conv }), Err(Error::Refused(Refusal::TooLarge)));
    let needs = |result| matches!(result, Err(Error::TooShort { need: u64::MAX, .. }));
    assert!(needs(layer::conv_forward(&conv, &w, &b, usize::MAX, &x, &mut [0.0; 8])));
}
