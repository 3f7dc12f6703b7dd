//! How weights are drawn: addresses, deviations, orthogonal matrices, pairs; what is refused.
use super::machine::{Planned, bits, reason};
use super::networks::{List, image, window};
use shatterscope::graph::Node;
use shatterscope::graph::{Image, Window};
use shatterscope::internals::weights::{Block, Dense, Role};
use shatterscope::math::Math;
use shatterscope::plan::Want;
use shatterscope::random::{Normal, Purpose, Stream};
use shatterscope::spec::{Family, Spec};
use shatterscope::train::{InitialWeights, Initializer};
use shatterscope::weights::Seeded;
use shatterscope::{Buffer, Error, InvalidSpec};
use shatterscope_layers::{Layer, to_graph};

fn drawn(layers: &[Layer], init: InitialWeights) -> Vec<f32> {
    let planned = Planned::new(layers, Want::Output).unwrap();
    let (len, graph) = (planned.plan().parameters_len as usize, planned.graph());
    let mut parameters = vec![f32::NAN; len + 3];
    let scratch = init.scratch_len(&graph) as usize;
    init.fill(&graph, &mut parameters, &mut vec![f32::NAN; scratch]).unwrap();
    assert!(parameters[len..].iter().all(|x| x.is_nan()), "past the parameters");
    parameters.truncate(len);
    assert!(parameters.iter().all(|x| x.is_finite()));
    parameters
}

fn init(start: Initializer) -> InitialWeights {
    InitialWeights { start, seed: 0x1_0000_0005, run: 3 }
}

const STARTS: [Initializer; 5] = [
    Initializer::He,
    Initializer::Glorot,
    Initializer::Orthogonal,
    Initializer::LooksLinear,
    Initializer::LooksLinearPairs,
];

#[test]
fn independent_weights_stand_at_their_addresses() {
    let list = List::new(image(3, 4, 4)).norm().conv(5, window(3, 2, 1, 1), true).prelu(0.25).norm();
    let layers = list.dense(4, true).layers;
    for (start, glorot) in [(Initializer::He, 0.0), (Initializer::Glorot, 1.0)] {
        let ours = drawn(&layers, init(start));
        let (norm, rest) = ours.split_at(6);
        assert_eq!(norm, [1.0, 1.0, 1.0, 0.0, 0.0, 0.0]);
        let (conv, rest) = rest.split_at(5 * 18);
        assert_eq!(bits(&rest[..5]), [0; 5]);
        assert_eq!(rest[5..20], [[0.25; 5], [1.0; 5], [0.0; 5]].concat());
        let dense = &rest[20..rest.len() - 4];
        assert_eq!(bits(&rest[rest.len() - 4..]), [0; 4]);
        for (number, weights, fan_in, fan_out) in [(1, conv, 18, 30), (2, dense, dense.len() / 4, 4)] {
            let stream = Stream::new(0x1_0000_0005, 3, Purpose::Weight, number, Normal::IrwinHall);
            let deviation = Math::Libm.sqrt(2.0 / (fan_in as f32 + glorot * fan_out as f32));
            for (i, w) in weights.iter().enumerate() {
                let expected = stream.value((i / fan_in) as u32, (i % fan_in) as u32) * deviation;
                assert_eq!(w.to_bits(), expected.to_bits(), "{start:?}, layer {number}, weight {i}");
            }
        }
    }
}

#[test]
fn deviations_are_right() {
    let layers = List::new(image(20, 3, 3)).conv(60, Window::half_padded(3, 1), false).layers;
    for (start, expected) in [(Initializer::He, 2.0 / 180.0), (Initializer::Glorot, 2.0 / 720.0)] {
        let weights = drawn(&layers, init(start));
        let n = weights.len() as f64;
        let mean = weights.iter().map(|&w| f64::from(w)).sum::<f64>() / n;
        let variance = weights.iter().map(|&w| (f64::from(w) - mean).powi(2)).sum::<f64>() / n;
        assert!((variance / expected - 1.0).abs() < 5.0 * (2.0 / n).sqrt(), "{start:?}: {variance} against {expected}");
        assert!(mean.abs() < 5.0 * (expected / n).sqrt(), "{start:?}: {mean}");
    }
}

/// rows . rows^T, or columns^T . columns where there are fewer, is this square times the identity.
#[track_caller]
fn orthogonal(matrix: &[Vec<f64>], square: f64, what: &str) {
    let (rows, columns) = (matrix.len(), matrix[0].len());
    let turned: Vec<Vec<f64>> = (0..columns).map(|c| matrix.iter().map(|row| row[c]).collect()).collect();
    let short = if rows <= columns { matrix } else { &turned };
    for (i, a) in short.iter().enumerate() {
        for (j, b) in short.iter().enumerate() {
            let product: f64 = a.iter().zip(b).map(|(a, b)| a * b).sum();
            let expected = if i == j { square } else { 0.0 };
            assert!((product - expected).abs() < 3e-6 * square, "{what}: {product} at {i}, {j}, not {expected}");
        }
    }
}

/// The matrix at a tap of kernels `[out][in][taps]`.
fn at_tap(weights: &[f32], inputs: usize, taps: usize, tap: usize) -> Vec<Vec<f64>> {
    weights.chunks(inputs * taps).map(|row| row.chunks(taps).map(|kernel| kernel[tap].into()).collect()).collect()
}

#[test]
fn matrices_are_orthogonal_at_the_right_taps() {
    for (outputs, inputs) in [(1, 1), (9, 9), (4, 13), (13, 4), (2, 1), (22, 45)] {
        for (window, taps) in [
            (window(1, 1, 1, 0), vec![0]),
            (window(3, 3, 1, 1), vec![4]),
            (window(5, 3, 1, 1), vec![7]),
            (window(2, 4, 1, 1), vec![1]),
            (window(3, 3, 2, 1), vec![4, 5, 7, 8]),
            (window(2, 2, 2, 0), vec![0, 1, 2, 3]),
            (window(4, 4, 3, 1), vec![5, 6, 9, 10]),
            (window(1, 1, 2, 0), vec![0]),
            (window(1, 3, 2, 0), vec![1, 2]),
        ] {
            let what = format!("{outputs}x{inputs} {window:?}");
            let layers = List::new(image(inputs, 6, 7)).conv(outputs, window, false).layers;
            let weights = drawn(&layers, init(Initializer::Orthogonal));
            let all = window.taps() as usize;
            let largest = f64::from(outputs.max(inputs));
            let scale = if taps.len() > 1 { 0.28 } else { 1.0 };
            let square = scale * scale * 2.0 * largest / f64::from(outputs + inputs);
            for tap in 0..all {
                let matrix = at_tap(&weights, inputs as usize, all, tap);
                if taps.contains(&tap) {
                    orthogonal(&matrix, square, &what);
                    assert_eq!(matrix, at_tap(&weights, inputs as usize, all, taps[0]), "{what}");
                } else {
                    assert!(matrix.concat().iter().all(|w| w.to_bits() == 0), "{what}, tap {tap}");
                }
            }
        }
    }
}

#[test]
fn doubled_inputs_are_mirrored_channel_by_channel() {
    let layers = List::new(image(3, 2, 2)).crelu().dense(5, true).crelu().dense(5, false).layers;
    let weights = drawn(&layers, init(Initializer::LooksLinear));
    let (first, second) = (&weights[..5 * 24], &weights[5 * 24 + 5..]);
    let mut matrix = Vec::new();
    for row in first.chunks(24) {
        for channels in row.chunks(8) {
            let (even, odd) = channels.split_at(4);
            assert_eq!(bits(even), bits(&odd.iter().map(|w| -w).collect::<Vec<_>>()));
        }
        matrix.push(row.chunks(8).flat_map(|channels| &channels[..4]).map(|&w| w.into()).collect());
    }
    orthogonal(&matrix, 24.0 / 17.0, "dense on an image");
    let pairs = |row: &[f32]| row.chunks(2).map(|pair| pair[0].into()).collect();
    orthogonal(&second.chunks(10).map(pairs).collect::<Vec<_>>(), 1.0, "dense on a vector");
    assert!(second.chunks(2).all(|pair| pair[0] == -pair[1]));
    // He does not mirror.
    assert!(drawn(&layers, init(Initializer::He)).chunks(2).any(|pair| pair.len() < 2 || pair[0] != -pair[1]));
}

#[test]
fn pairs_are_blocks() {
    let layers = List::new(Image::vector(3)).dense(6, true).relu().dense(8, true).relu().dense(2, true).layers;
    let weights = drawn(&layers, init(Initializer::LooksLinearPairs));
    let (first, rest) = weights.split_at(18);
    let (second, rest) = rest[6..].split_at(48);
    for pair in first.chunks(6) {
        assert!(pair[..3].iter().zip(&pair[3..]).all(|(a, b)| *a == -*b));
    }
    let first: Vec<_> = first.chunks(6).map(|pair| pair[..3].iter().map(|&w| w.into()).collect()).collect();
    orthogonal(&first, 1.0, "the first of pairs");
    let mut matrix = Vec::new();
    for rows in second.chunks(12) {
        for i in 0..6 {
            assert_eq!(rows[i], -rows[i + 6]);
            assert_eq!(rows[i], -rows[i ^ 1]);
        }
        matrix.push(rows[..6].iter().step_by(2).map(|&w| w.into()).collect::<Vec<f64>>());
    }
    orthogonal(&matrix, 8.0 / 7.0, "pairs to pairs");
    let last: Vec<_> =
        rest[8..].chunks(8).take(2).map(|row| row.iter().step_by(2).map(|&w| w.into()).collect()).collect();
    orthogonal(&last, 8.0 / 6.0, "the last of pairs");
}

#[test]
fn hidden_square_matrices_have_the_bits_of_a_family() {
    let (width, depth) = (11, 4);
    for (start, spec_init, doubled) in [
        (Initializer::Orthogonal, shatterscope::spec::Init::Orthogonal, false),
        (Initializer::LooksLinear, shatterscope::spec::Init::LooksLinear, true),
        (Initializer::He, shatterscope::spec::Init::He, false),
        (Initializer::Glorot, shatterscope::spec::Init::Glorot, false),
    ] {
        let family = if doubled { Family::Crelu } else { Family::Feedforward };
        let spec = Spec::feedforward(depth, width).with_family(family).with_init(spec_init);
        let mut list = List::new(Image::vector(1)).dense(width, true);
        for _ in 1..depth {
            list = if doubled { list.crelu() } else { list.relu() }.dense(width, true);
        }
        let ours = drawn(&list.layers, init(start));
        let seeded = Seeded::new(&spec, 0x1_0000_0005, 3);
        let fan_in = if doubled { 2 * width } else { width };
        let each = (fan_in * width) as usize;
        for (layer, ours) in (2..).zip(ours[2 * width as usize..].chunks(each + width as usize)) {
            let dense = Dense { role: Role::Hidden, layer, fan_in, fan_out: width, taps: 1, bias: true };
            let block = Block { transposed: false, rows: 0..width, columns: 0..fan_in };
            let mut panel = vec![f32::NAN; each + seeded.panel_len(&dense) as usize];
            seeded.fill::<1>(&dense, &block, &mut panel);
            assert_eq!(bits(&ours[..each]), bits(&panel[..each]), "{start:?}, layer {layer}");
        }
    }
}

#[test]
fn every_draw_is_another() {
    let layers = List::new(Image::vector(4)).dense(4, false).relu().dense(4, false).layers;
    for start in STARTS {
        let of = |seed, run| bits(&drawn(&layers, InitialWeights { start, seed, run }));
        let (a, b, c) = (of(1, 0), of(2, 0), of(1, 1));
        assert!(a != b && a != c && b != c && a == of(1, 0));
        assert_ne!(a[..16], a[16..], "{start:?}");
    }
}

#[test]
fn what_does_not_fit_is_refused_before_anything_is_written() {
    let pairs = Error::InvalidSpec(InvalidSpec::Pairs);
    let refused = |planned: &Planned, start, parameters: usize, scratch: usize| {
        let mut parameters = vec![7.0; parameters];
        let told = init(start).fill(&planned.graph(), &mut parameters, &mut vec![0.0; scratch]).unwrap_err();
        assert!(parameters.iter().all(|x| *x == 7.0), "{start:?}: {told:?}");
        told
    };
    let odd = List::new(Image::vector(3)).dense(4, true).relu().dense(5, true).relu().dense(2, true).layers;
    assert_eq!(refused(&Planned::new(&odd, Want::Output).unwrap(), Initializer::LooksLinearPairs, 100, 100), pairs);
    let layers = List::new(Image::vector(3)).dense(4, true).norm().dense(5, true).layers;
    let planned = Planned::new(&layers, Want::Output).unwrap();
    let len = planned.plan().parameters_len;
    assert_eq!(len, 16 + 8 + 25);
    for start in STARTS {
        let need = init(start).scratch_len(&planned.graph());
        assert_eq!(need, if matches!(start, Initializer::He | Initializer::Glorot) { 0 } else { 25 });
        let told = refused(&planned, start, len as usize - 1, need as usize);
        assert_eq!(told, Error::TooShort { buffer: Buffer::Parameters, need: len, have: len - 1 });
        if need > 0 {
            let told = refused(&planned, start, len as usize, need as usize - 1);
            assert_eq!(told, Error::TooShort { buffer: Buffer::Scratch, need, have: need - 1 });
        }
    }
    // Lists that do not fit never become the graph that `fill` takes.
    let no_graph = |layers: &[Layer]| reason(Planned::new(layers, Want::Output).map(|_| ()).unwrap_err());
    assert_eq!(no_graph(&[]), InvalidSpec::Layers);
    let wrong =
        [Layer::Dense { inputs: 2, outputs: 3, bias: true }, Layer::Dense { inputs: 2, outputs: 3, bias: true }];
    assert_eq!(no_graph(&wrong), InvalidSpec::Layers);
    let huge = [Layer::Dense { inputs: u32::MAX, outputs: u32::MAX, bias: true }];
    assert_eq!(no_graph(&huge), InvalidSpec::TooLarge);
    // A graph without a plan has lengths all the same.
    let mut nodes = [Node::EMPTY; 2];
    let graph = to_graph(&huge, &mut nodes).unwrap();
    let mut parameters = [7.0; 100];
    let told = init(Initializer::Orthogonal).fill(&graph, &mut parameters, &mut [0.0; 100]);
    let need = u64::from(u32::MAX) << 32;
    assert_eq!(told, Err(Error::TooShort { buffer: Buffer::Parameters, need, have: 100 }));
    assert_eq!(parameters, [7.0; 100]);
    assert_eq!(init(Initializer::Orthogonal).scratch_len(&graph), need);
}
