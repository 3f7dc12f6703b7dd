//! Looks-linear networks begin as the product of their matrices, and their gradient is the same for all inputs.
use super::machine::{How, Mode, Outcome, Planned, Task, bits, run};
use super::networks::{List, image, window};
use super::oracle::{average, convolution, floats, near};
use super::workers::Order;
use shatterscope::exec::Isa;
use shatterscope::graph::{Image, Window};
use shatterscope::internals::op::{Conv, Pool};
use shatterscope::plan::Want;
use shatterscope::train::{InitialWeights, Initializer};
use shatterscope_layers::Layer;
use shatterscope_reference::{self as reference, Network, Statistics};

/// Seeds of the outputs are the same for all points.
fn drawn(layers: &[Layer], start: Initializer, points: usize) -> Task {
    let mut task = Task::new(layers, points, Mode::Probing);
    let init = InitialWeights { start, seed: 11, run: 2 };
    let planned = Planned::new(layers, Want::Output).unwrap();
    let graph = planned.graph();
    let mut scratch = vec![f32::NAN; init.scratch_len(&graph) as usize];
    task.parameters.fill(f32::NAN);
    init.fill(&graph, &mut task.parameters, &mut scratch).unwrap();
    let outputs = task.seeds.len() / points;
    for point in task.seeds.chunks_mut(outputs) {
        point.copy_from_slice(&super::machine::values(outputs, 4));
    }
    task
}

fn outcome<const R: usize, const T: usize>(task: &Task, points: usize) -> Outcome {
    let how = How { isa: Isa::detect(), cuts: &[points], scratch: 1 << 16, gathered: 1, update: false };
    run::<R, T>(task, &Order::InTurn, how).unwrap()
}

fn halved(image: Image, by: u32) -> Image {
    Image { channels: image.channels / by, ..image }
}

/// The product in f64: of each pair of channels the first, ReLUs left out.
fn product(task: &Task, start: Initializer) -> Network {
    let (mut layers, mut rest) = (Vec::new(), &task.parameters[..]);
    // Channels of what reaches the layer at hand, and how many of them stand for one.
    let (mut channels, mut pairs) = (0, 1);
    let weighted = |layer: &Layer| matches!(layer, Layer::Dense { .. } | Layer::Conv { .. });
    for (i, layer) in task.layers.iter().enumerate() {
        let (weights, others) = layer.parameters().unwrap();
        let (w, after) = rest.split_at(weights as usize);
        rest = &after[others as usize..];
        assert!(after[..others as usize].iter().all(|bias| bias.to_bits() == 0));
        let later = &task.layers[i + 1..];
        let next = later.iter().position(weighted).map_or(&[][..], |next| &later[..next]);
        let mirrors = start == Initializer::LooksLinearPairs && next.iter().any(|l| matches!(l, Layer::Relu { .. }));
        let keep = if mirrors { 2 } else { 1 };
        match *layer {
            Layer::Crelu { image } => (channels, pairs) = (2 * image.channels, 2),
            Layer::Dense { inputs, outputs, .. } => {
                let plane = (inputs / channels.max(1)).max(1) as usize;
                let plane = if pairs == 1 { inputs as usize } else { plane };
                let row = |o: usize| {
                    let row = &w[o * inputs as usize..][..inputs as usize];
                    row.chunks(plane).step_by(pairs).flatten().map(|w| f64::from(*w)).collect::<Vec<_>>()
                };
                let weight: Vec<_> = (0..outputs as usize).step_by(keep).map(row).collect();
                layers.push(reference::Layer::Dense { bias: vec![0.0; weight.len()], weight });
                (channels, pairs) = (outputs, keep);
            }
            Layer::Conv { conv, .. } => {
                let taps = conv.window.taps() as usize;
                let kernels = w.chunks(taps).step_by(pairs).collect::<Vec<_>>();
                let rows = kernels.chunks(conv.input.channels as usize / pairs).step_by(keep);
                let weight: Vec<f64> = rows.flatten().flat_map(|kernel| kernel.iter().map(|w| f64::from(*w))).collect();
                let channels_out = conv.channels / keep as u32;
                let own = Conv { input: halved(conv.input, pairs as u32), channels: channels_out, window: conv.window };
                layers.push(convolution(&own, &weight, &[]));
                (channels, pairs) = (conv.channels, keep);
            }
            Layer::AveragePool { pool } => {
                layers.push(average(&Pool { input: halved(pool.input, pairs as u32), window: pool.window }));
            }
            Layer::Relu { .. } | Layer::Prelu { slope: 1.0, .. } | Layer::Dropout { .. } => {}
            other => panic!("{other:?} is not linear"),
        }
    }
    Network { layers }
}

fn check<const R: usize, const T: usize>(name: &str, layers: &[Layer], start: Initializer, points: usize, zero: bool) {
    let mut task = drawn(layers, start, points);
    let units = task.inputs.len() / points;
    if zero {
        // An image of nothing, one of one lit pixel.
        task.inputs[..2 * units].fill(0.0);
        task.inputs[units] = -1.0;
    }
    let ours = outcome::<R, T>(&task, points);
    let network = product(&task, start);
    let inputs: Vec<Vec<f64>> = task.inputs.chunks(units).map(|x| x.iter().map(|&x| x.into()).collect()).collect();
    let pass = network.forward(&inputs);
    let seeds = task.seeds.chunks(task.seeds.len() / points).map(|x| x.iter().map(|&x| x.into()).collect());
    let (gradient, _) = network.backward(&pass, &seeds.collect::<Vec<_>>(), Statistics::Full);
    near(&floats(&ours.outputs), &pass.outputs.concat(), 2e-5, &format!("{name} {start:?}, outputs"));
    near(&floats(&ours.input_gradient), &gradient.concat(), 2e-5, &format!("{name} {start:?}, gradient"));
    let first = &ours.input_gradient[..units];
    assert!(first.iter().all(|bits| bits << 1 != 0), "{name}: no gradient is zero");
    for (point, gradient) in ours.input_gradient.chunks(units).enumerate() {
        assert!(gradient == first, "{name} {start:?}: the gradient of point {point} is another one");
    }
}

fn half(size: u32, stride: u32) -> Window {
    Window::half_padded(size, stride)
}

#[test]
fn with_doubling_relus() {
    let mut dense = List::new(Image::vector(6)).dense(9, true);
    for _ in 0..20 {
        dense = dense.crelu().dense(9, true);
    }
    check::<4, 4>("dense", &dense.crelu().dense(4, true).layers, Initializer::LooksLinear, 7, true);
    let mut wide = List::new(image(3, 4, 5)).crelu().conv(5, half(3, 1), true);
    for (channels, stride) in [(5, 1), (7, 2), (4, 1), (11, 1)] {
        wide = wide.crelu().conv(channels, half(3, stride), true);
    }
    check::<5, 16>("convolutions", &wide.crelu().dense(4, true).layers, Initializer::LooksLinear, 19, true);
    let pooled = List::new(image(2, 6, 6)).conv(3, half(3, 1), false).crelu().average(window(2, 2, 2, 0));
    let pooled = pooled.conv(5, half(1, 1), true).crelu().average(window(3, 1, 1, 0)).dense(3, true);
    check::<5, 8>("average pools", &pooled.layers, Initializer::LooksLinear, 9, true);
    let even =
        List::new(image(1, 6, 4)).crelu().conv(3, window(2, 2, 2, 0), true).crelu().conv(3, window(3, 2, 1, 1), true);
    check::<1, 1>("even windows", &even.crelu().dense(2, true).layers, Initializer::LooksLinear, 3, true);
}

#[test]
fn with_plain_relus_in_pairs() {
    let mut dense = List::new(Image::vector(6)).dense(10, true);
    for units in [10, 10, 6, 14, 10] {
        dense = dense.relu().dense(units, true);
    }
    check::<4, 4>("dense", &dense.relu().dense(3, true).layers, Initializer::LooksLinearPairs, 7, false);
    let mut wide = List::new(image(3, 4, 5)).conv(6, half(3, 1), true);
    for (channels, stride) in [(6, 1), (8, 2), (4, 1), (22, 1)] {
        wide = wide.relu().conv(channels, half(3, stride), true);
    }
    check::<5, 16>("convolutions", &wide.relu().dense(4, true).layers, Initializer::LooksLinearPairs, 19, false);
    // Two layers with nothing between them pair nothing.
    let between = List::new(Image::vector(4)).dense(6, true).dense(8, true).relu().dense(5, true).dense(3, true);
    check::<1, 1>("no ReLU between", &between.layers, Initializer::LooksLinearPairs, 3, false);
}

#[test]
fn with_slopes_of_one() {
    let net = List::new(image(2, 5, 5)).conv(4, half(3, 1), true).prelu(1.0).conv(6, half(3, 2), true).prelu(1.0);
    check::<4, 4>("prelu", &net.dense(3, true).layers, Initializer::Orthogonal, 5, true);
}

/// As the authors' convnet: a ReLU on the raw image, four sections of 49, stride 2 and twice the channels between them.
fn convnet(depth: u32, at: Image, width: u32, classes: u32) -> Vec<Layer> {
    let modules = (depth - 2) / 4;
    let channels = |section: u32| (f64::from(width << section) / std::f64::consts::SQRT_2).floor() as u32;
    let mut list = List::new(at).crelu();
    for section in 0..4 {
        for module in 0..modules {
            let stride = if section > 0 && module == 0 { 2 } else { 1 };
            let first = section == 0 && module == 0;
            list = if first { list } else { list.crelu() };
            list = list.conv(channels(section), half(3, stride), true);
        }
        list = list.dropout(0.0012 * (section + 1) as f32);
    }
    list.crelu().conv(channels(3), half(3, 2), true).crelu().dense(classes, true).layers
}

#[test]
fn the_convnet_of_198_layers() {
    // Of 24 places 12, 6, 3 and 2 are left: the readout sees four places of each channel.
    let layers = convnet(198, image(3, 24, 24), 3, 10);
    let weighted = layers.iter().filter(|layer| matches!(layer, Layer::Dense { .. } | Layer::Conv { .. })).count();
    assert_eq!(weighted, 198);
    check::<12, 16>("convnet", &layers, Initializer::LooksLinear, 3, true);
}

#[test]
fn he_is_not_linear() {
    let layers = convnet(6, image(1, 8, 8), 3, 2);
    let task = drawn(&layers, Initializer::He, 3);
    let ours = outcome::<4, 4>(&task, 3);
    assert_ne!(ours.input_gradient[..64], ours.input_gradient[64..128]);
    assert_ne!(bits(&task.parameters), bits(&drawn(&layers, Initializer::Glorot, 3).parameters));
}
