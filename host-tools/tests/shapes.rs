//! Networks on images that are not square: they are built, and their gradients are those of an f64 network.
use shatterscope::graph::{Image, Window};
use shatterscope_host::data::{Dataset, Inputs, Scaling, read_idx};
use shatterscope_host::engine::{Engine, Isa};
use shatterscope_host::train::{Activation, Batch, Init, Kind, Net, Skips, Spec, machine};
use shatterscope_layers::Layer;
use shatterscope_reference::{self as reference, Gradients, Network, Plane, Statistics, Windows};

const EXAMPLES: usize = 12;

/// IDX files of images of so many rows and columns.
fn images(height: u32, width: u32) -> Dataset {
    let header = |magic: u32, dimensions: &[u32]| -> Vec<u8> {
        std::iter::once(&magic).chain(dimensions).flat_map(|word| word.to_be_bytes()).collect()
    };
    let count = EXAMPLES as u32;
    let (mut pixels, mut labels) = (header(0x803, &[count, height, width]), header(0x801, &[count]));
    pixels.extend((0..count * height * width).map(|i| (i * i % 251) as u8));
    labels.extend((0..count as u8).map(|i| i % 4));
    read_idx([&pixels, &labels, &pixels, &labels]).unwrap()
}

fn plane(image: &Image, window: &Window) -> Plane {
    Plane {
        channels: image.channels as usize,
        size: (image.height as usize, image.width as usize),
        window: (window.height as usize, window.width as usize),
        stride: window.stride as usize,
        padding: window.padding as usize,
    }
}

/// The layers with these parameters, in f64.
fn network(layers: &[Layer], parameters: &[f32]) -> Network {
    let mut rest = parameters.iter().map(|&x| f64::from(x));
    let mut stack = vec![Vec::new()];
    for layer in layers {
        let (weights, biases) = layer.parameters().unwrap();
        let weight: Vec<f64> = rest.by_ref().take(weights as usize).collect();
        let bias: Vec<f64> = rest.by_ref().take(biases as usize).collect();
        let layer = match *layer {
            Layer::Dense { inputs, .. } => {
                reference::Layer::Dense { weight: weight.chunks(inputs as usize).map(<[f64]>::to_vec).collect(), bias }
            }
            Layer::Conv { conv, .. } => {
                reference::Layer::Windows(Windows::convolution(&plane(&conv.input, &conv.window), weight, bias))
            }
            Layer::Relu { .. } => reference::Layer::Relu,
            Layer::Fork { .. } => {
                stack.push(Vec::new());
                continue;
            }
            Layer::Join { shortcut, a, b } => {
                let window = Window { height: 1, width: 1, stride: shortcut.stride, padding: 0 };
                let windows = Windows::shortcut(&plane(&shortcut.input, &window), shortcut.channels as usize);
                let branch = stack.pop().unwrap();
                reference::Layer::Residual { a: a.into(), b: b.into(), shortcut: Some(windows), branch }
            }
            layer => panic!("{layer:?}"),
        };
        stack.last_mut().unwrap().push(layer);
    }
    Network { layers: stack.pop().unwrap() }
}

fn flatten(gradients: &[Gradients], out: &mut Vec<f64>) {
    for gradient in gradients {
        match gradient {
            Gradients::Dense { weight, bias } => out.extend(weight.iter().flatten().chain(bias)),
            Gradients::Windows { weight, bias } => out.extend(weight.iter().chain(bias)),
            Gradients::Residual(branch) => flatten(branch, out),
            _ => {}
        }
    }
}

/// Of the mean cross-entropy.
fn by_output(outputs: &[Vec<f64>], labels: &[u8]) -> Vec<Vec<f64>> {
    let one = |(z, &label): (&Vec<f64>, &u8)| {
        let sum: f64 = z.iter().map(|z| z.exp()).sum();
        let hit = |class: usize| f64::from(u8::from(class == usize::from(label)));
        z.iter().enumerate().map(|(class, z)| (z.exp() / sum - hit(class)) / EXAMPLES as f64).collect()
    };
    outputs.iter().zip(labels).map(one).collect()
}

#[test]
fn gradients_past_skips_on_images_that_are_not_square() {
    let isa = Engine::new(None, Isa::Auto, true).unwrap().isa;
    for (height, width) in [(1, 9), (9, 1), (4, 9), (12, 5), (8, 8)] {
        let data = images(height, width);
        for (kind, depth, skips) in [
            (Kind::Convnet, 6, Skips::Resnet),
            (Kind::Convnet, 14, Skips::Bottleneck),
            (Kind::Stack, 5, Skips::Highway),
        ] {
            let net = Net {
                kind,
                depth,
                width: 4,
                activation: Activation::Relu,
                slope: 1.0,
                init: Init::He,
                batch_norm: false,
                skips,
                beta: 0.5,
                dropout: 0.0,
            };
            let what = format!("{kind:?} of {depth} layers, {skips:?}, on images of {height} x {width}");
            let spec = Spec::adam(net, EXAMPLES as u32, 1, 0.001);
            let model = spec.model(&data).unwrap_or_else(|error| panic!("{what}: {error}"));
            let mut machine = machine(&model.layers, &[], EXAMPLES as u32, isa, 1).unwrap();
            let inputs = Inputs::of(&data, Scaling::Standard);
            let units = (height * width) as usize;
            let rows: Vec<Vec<f32>> = data
                .train
                .pixels
                .chunks(units)
                .map(|row| row.iter().map(|&b| inputs.values(0)[usize::from(b)]).collect())
                .collect();
            let tile = machine.tile();
            let mut batch = Batch { inputs: Vec::new(), labels: Vec::new(), count: EXAMPLES };
            for first in (0..EXAMPLES).step_by(tile) {
                let of = |lane: usize| (first + lane).min(EXAMPLES - 1);
                batch.inputs.extend(
                    (0..units)
                        .flat_map(|unit| (0..tile).map(move |lane| (unit, lane)))
                        .map(|(unit, lane)| rows[of(lane)][unit]),
                );
                batch.labels.extend((0..tile).map(|lane| u32::from(data.train.labels[of(lane)])));
            }
            let ours = machine.gradient(&model, &batch).unwrap();

            let oracle = network(&model.layers, &model.parameters);
            let x: Vec<Vec<f64>> = rows.iter().map(|row| row.iter().map(|&x| x.into()).collect()).collect();
            let pass = oracle.forward(&x);
            let (_, gradients) =
                oracle.backward(&pass, &by_output(&pass.outputs, &data.train.labels), Statistics::Full);
            let mut theirs = Vec::new();
            flatten(&gradients, &mut theirs);
            assert_eq!(ours.len(), theirs.len(), "{what}");
            let largest = theirs.iter().fold(1e-3, |most: f64, x| most.max(x.abs()));
            for (i, (ours, theirs)) in ours.iter().zip(&theirs).enumerate() {
                let ours = f64::from(*ours);
                assert!((ours - theirs).abs() <= 1e-4 * largest, "{what}, parameter {i}: {ours} against {theirs}");
            }
        }
    }
}
