//! Forward values, gates and statistics of series against numbers worked out by hand: differences cannot see these.
use shatterscope_reference::statistics::{autocorrelation, ensemble_correlation, orthogonality_defect};
use shatterscope_reference::{Chosen, Layer, Network, Plane, Statistics, Windows};

fn outputs(layer: Layer, inputs: &[Vec<f64>]) -> Vec<Vec<f64>> {
    Network { layers: vec![layer] }.forward(inputs).outputs
}

fn batch_norm(gamma: Option<Vec<f64>>, beta: Option<Vec<f64>>) -> Layer {
    Layer::BatchNorm { plane: 1, eps: 0.25, gamma, beta }
}

fn dense() -> Layer {
    Layer::Dense { weight: vec![vec![1.0, 2.0], vec![-3.0, 4.0], vec![0.0, 0.5]], bias: vec![10.0, 20.0, 30.0] }
}

#[test]
fn each_layer() {
    assert_eq!(outputs(dense(), &[vec![1.0, 2.0]]), [[15.0, 25.0, 31.0]]);
    assert_eq!(outputs(Layer::Relu, &[vec![1.5, -2.0, 0.0]]), [[1.5, 0.0, 0.0]]);
    assert_eq!(outputs(Layer::Crelu, &[vec![1.5, -2.0]]), [[1.5, 0.0, 0.0, 2.0]]);
    assert_eq!(outputs(Layer::Centre, &[vec![1.0, 8.0], vec![3.0, 4.0]]), [[-1.0, 2.0], [1.0, -2.0]]);
    let branch = vec![Layer::Relu];
    assert_eq!(outputs(Layer::Residual { a: 2.0, b: 3.0, shortcut: None, branch }, &[vec![1.0, -1.0]]), [[5.0, -2.0]]);
}

/// One channel, 2 x 3, or two channels of it.
fn plane(channels: usize, window: (usize, usize), stride: usize, padding: usize) -> Plane {
    Plane { channels, size: (2, 3), window, stride, padding }
}

const IMAGE: [f64; 6] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0];

#[test]
fn each_layer_of_images() {
    let kernel: Vec<f64> = (1..=9).map(f64::from).collect();
    let same = Windows::convolution(&plane(1, (3, 3), 1, 1), kernel.clone(), vec![0.5]);
    // At the corners the kernel's last or first four taps meet the image.
    let y = outputs(Layer::Windows(same), &[IMAGE.to_vec()]).remove(0);
    assert_eq!([y[0], y[5]], [5.0 + 12.0 + 64.0 + 144.0 + 0.5, 2.0 + 8.0 + 64.0 + 160.0 + 0.5]);
    assert_eq!(y[1], 4.0 + 10.0 + 24.0 + 56.0 + 128.0 + 288.0 + 0.5);
    let two = Windows::convolution(&plane(2, (1, 2), 2, 0), vec![1.0, 2.0, 100.0, 200.0], vec![]);
    let both = [IMAGE, IMAGE.map(|x| x + 1.0)].concat();
    assert_eq!(outputs(Layer::Windows(two), &[both]), [[1.0 + 4.0 + 200.0 + 600.0]]);
    let average = Windows::average(&plane(1, (2, 2), 1, 0));
    assert_eq!(outputs(Layer::Windows(average), &[IMAGE.to_vec()]), [[27.0 / 4.0, 54.0 / 4.0]]);
    let max = Chosen::max(&plane(1, (2, 2), 1, 1));
    let negative = IMAGE.map(|x| -x).to_vec();
    let y = outputs(Layer::MaxPool(max), &[negative]).remove(0);
    assert_eq!(y, [-1.0, -1.0, -2.0, -4.0, -1.0, -1.0, -2.0, -4.0, -8.0, -8.0, -16.0, -32.0]);
    let shortcut = Windows::shortcut(&plane(1, (1, 1), 2, 0), 2);
    assert_eq!(outputs(Layer::Windows(shortcut), &[IMAGE.to_vec()]), [[1.0, 4.0, 0.0, 0.0]]);
    let prelu = Layer::Prelu { plane: 2, slope: vec![0.25, -0.5] };
    assert_eq!(outputs(prelu, &[vec![4.0, -4.0, -2.0, 0.0]]), [[4.0, -1.0, 1.0, 0.0]]);
    assert_eq!(outputs(Layer::Mask(vec![vec![2.0, 0.0]]), &[vec![4.0, -4.0]]), [[8.0, 0.0]]);
    // Mean and variance over both units and both points: 2 and 1.
    let norm = Layer::BatchNorm { plane: 2, eps: 0.0, gamma: None, beta: None };
    assert_eq!(outputs(norm, &[vec![1.0, 3.0], vec![1.0, 3.0]]), [[-1.0, 1.0], [-1.0, 1.0]]);
}

/// Biased: variance of (0, 3, 3, 0) is 2.25 = 9/4, not 3; with eps = 1/4 the root is sqrt(2.5).
#[test]
fn batch_norm_divides_by_the_number_of_points() {
    let x: Vec<Vec<f64>> = [0.0, 3.0, 3.0, 0.0].map(|x| vec![x]).into();
    let expected = 1.5 / 2.5f64.sqrt();
    let plain = outputs(batch_norm(None, None), &x);
    let affine = outputs(batch_norm(Some(vec![2.0]), Some(vec![1.0])), &x);
    for ((x, plain), affine) in x.iter().zip(&plain).zip(&affine) {
        let xhat = if x[0] > 0.0 { expected } else { -expected };
        assert!((plain[0] - xhat).abs() < 1e-15);
        assert!((affine[0] - (2.0 * xhat + 1.0)).abs() < 1e-15);
    }
}

#[test]
fn frozen_statistics_are_those_of_the_other_pass() {
    let network = Network { layers: vec![Layer::Centre] };
    let pass = network.forward(&[vec![1.0], vec![3.0]]);
    assert_eq!(network.forward_frozen(&[vec![7.0]], &pass).outputs, [[5.0]]);
}

/// At exactly 0 the bit is off: ReLU passes nothing, CReLU passes the second feature, negated.
#[test]
fn derivative_at_zero() {
    let relu = Network { layers: vec![Layer::Relu] };
    let crelu = Network { layers: vec![Layer::Crelu] };
    for mode in [Statistics::Detached, Statistics::Full] {
        let (a, b) = (relu.forward(&[vec![0.0]]), crelu.forward(&[vec![0.0]]));
        assert_eq!(relu.backward(&a, &[vec![5.0]], mode).0, [[0.0]]);
        assert_eq!(crelu.backward(&b, &[vec![5.0, 7.0]], mode).0, [[-7.0]]);
        assert_eq!(crelu.tangent(&b, &[vec![2.0]], mode), [[0.0, -2.0]]);
    }
}

/// One bit for each rectified unit, also inside a branch; the margin is the smallest of their absolute values.
#[test]
fn gates_and_margin() {
    let branch = vec![dense(), Layer::Crelu];
    let layers = vec![Layer::Relu, Layer::Residual { a: 0.0, b: 1.0, shortcut: None, branch }];
    let pass = Network { layers }.forward(&[vec![4.0, -9.0], vec![8.0, 1.0]]);
    assert_eq!(pass.gates_of(0), [true, false, true, true, true]);
    assert_eq!(pass.gates_of(1), [true, true, true, false, true]);
    assert_eq!(pass.gates(), [pass.gates_of(0), pass.gates_of(1)].concat());
    assert_eq!([pass.margin_of(0), pass.margin_of(1)], [4.0, 0.0]);
}

#[test]
fn autocorrelation_by_hand() {
    let series = [1.0, 2.0, 4.0];
    let raw = autocorrelation(&series, 2, false).unwrap();
    let removed = autocorrelation(&[0.0, 3.0, 0.0, 1.0], 3, true).unwrap();
    for (r, expected) in raw.iter().zip([1.0, 10.0 / 21.0, 4.0 / 21.0]) {
        assert!((r - expected).abs() < 1e-15);
    }
    for (r, expected) in removed.iter().zip([1.0, -4.0 / 6.0, 1.0 / 6.0, 0.0]) {
        assert!((r - expected).abs() < 1e-15);
    }
    let ulp = f64::powi(2.0, -20);
    assert_eq!(autocorrelation(&[0.0; 4], 2, true), None);
    assert_eq!(autocorrelation(&[-1.0, -1.0 + ulp], 1, false), None);
    assert!(autocorrelation(&[-1.0, -1.0 + 1.5 * ulp], 1, false).is_some());
}

/// Sums over runs: lag 0 5/3 + 14/3 = 19/3, lag 1 2/2 + 3/2, lag 2 0 - 2.
#[test]
fn ensemble_correlation_by_hand() {
    let r = ensemble_correlation(&[vec![1.0, 2.0, 0.0], vec![-1.0, 3.0, 2.0]], 2);
    let expected = [1.0, (1.0 + 1.5) / (19.0 / 3.0), -2.0 / (19.0 / 3.0)];
    for (r, expected) in r.iter().zip(expected) {
        assert!((r - expected).abs() < 1e-15);
    }
}

#[test]
fn orthogonality_defect_by_hand() {
    let (c, s) = (0.6, 0.8);
    let rotation = [vec![c, -s], vec![s, c]];
    assert!(orthogonality_defect(&rotation, 1.0) < 1e-15);
    let tall = [vec![2.0, 0.0], vec![0.0, 2.0], vec![0.0, 0.5]];
    assert_eq!(orthogonality_defect(&tall, 2.0), 0.25);
    let wide = [vec![2.0, 0.0, 0.0], vec![1.0, 2.0, 0.0]];
    assert_eq!(orthogonality_defect(&wide, 2.0), 2.0);
}
