//! The trainer on buffers of exactly the planned lengths, the least of scratch: every layer, tiles half full.
use shatterscope::kernel::Isa;
use shatterscope::layer::{Conv, Image, Pool, Shortcut, Window};
use shatterscope::network::Serial;
use shatterscope::train::{Buffers, Init, Layer, Mode, Options, Place, Start, Trainer, plan};
use shatterscope_bounds::{available, bits, values};

fn layers() -> Vec<Layer> {
    let image = |channels, height, width| Image { channels, height, width };
    let window = |height, width, stride, padding| Window { height, width, stride, padding };
    let conv = |input, channels, window| Layer::Conv { conv: Conv { input, channels, window }, bias: true };
    let norm = |image| Layer::BatchNorm { image, eps: 1e-3, momentum: 0.1 };
    let (start, doubled, middle) = (image(3, 4, 3), image(6, 4, 3), image(5, 4, 3));
    vec![
        Layer::Crelu { image: start },
        conv(doubled, 5, window(3, 3, 1, 1)),
        Layer::Fork { image: middle },
        norm(middle),
        Layer::Relu { units: 60 },
        conv(middle, 13, window(3, 3, 2, 1)),
        Layer::Join { shortcut: Shortcut { input: middle, channels: 13, stride: 2 }, a: 0.5, b: 0.25 },
        norm(image(13, 2, 2)),
        Layer::Dropout { units: 52, rate: 0.25 },
        Layer::MaxPool { pool: Pool { input: image(13, 2, 2), window: window(2, 1, 1, 0) } },
        Layer::Prelu { image: image(13, 1, 2), slope: 0.5 },
        Layer::AveragePool { pool: Pool { input: image(13, 1, 2), window: window(1, 2, 1, 0) } },
        Layer::Dense { inputs: 13, outputs: 3, bias: true },
    ]
}

/// Outputs, gradient of the inputs, parameters after an update at once; of all points, last lanes left out.
fn run<const R: usize, const T: usize>(isa: Isa, count: usize) -> [Vec<u32>; 3] {
    let layers = layers();
    let plan = plan(&layers, count as u32, T as u32).unwrap();
    let floats = |len: u64| vec![f32::NAN; len as usize].into_boxed_slice();
    let (mut activations, mut gradients) = (floats(plan.activations_len), floats(plan.gradients_len));
    let (mut statistics, mut scratch) = (floats(plan.statistics_len), floats(plan.scratch_len));
    let (mut gathered, mut running) = (floats(plan.gathered_len), floats(plan.running_len));
    let mut tape = vec![0; plan.tape_len as usize].into_boxed_slice();
    let mut places = vec![Place::default(); plan.places_len as usize].into_boxed_slice();
    let mut parameters = floats(plan.parameters_len);
    let init = Init { start: Start::LooksLinear, seed: 1, run: 0 };
    init.fill(&layers, &mut parameters, &mut floats(init.scratch_len(&layers))).unwrap();
    running.fill(1.0);
    let buffers = Buffers {
        places: &mut places,
        activations: &mut activations,
        tape: &mut tape,
        gradients: &mut gradients,
        statistics: &mut statistics,
        scratch: &mut scratch,
        gathered: &mut gathered,
    };
    let options = Options { batch: count as u32, isa, seed: 5 };
    let mut trainer = Trainer::<_, R, T>::new(&layers, &Serial, options, buffers).unwrap();
    let inputs = values(count * 36, 1);
    let (x, tile_len) = trainer.begin(count as u32).unwrap();
    for (i, tile) in x.chunks_exact_mut(tile_len).enumerate() {
        for (at, x) in tile[..36 * T].iter_mut().enumerate() {
            *x = inputs[(i * T + at % T).min(count - 1) * 36 + at / T];
        }
    }
    trainer.forward(&parameters, &mut running, Mode::Training { step: 2 }).unwrap();
    let by_point = |(x, tile_len): (&[f32], usize), units: usize| {
        let all = (0..count).flat_map(|p| (0..units).map(move |u| x[p / T * tile_len + u * T + p % T]));
        bits(&all.collect::<Vec<_>>())
    };
    let outputs = by_point(trainer.outputs(), 3);
    let (_, g, tile_len) = trainer.outputs_and_gradient();
    let seeds = values(count * 3, 2);
    for (i, tile) in g.chunks_exact_mut(tile_len).enumerate() {
        for (at, g) in tile[..3 * T].iter_mut().enumerate() {
            *g = seeds[(i * T + at % T).min(count - 1) * 3 + at / T];
        }
    }
    let step = |_, weights: &mut [f32], gradient: &[f32]| weights.iter_mut().zip(gradient).for_each(|(w, g)| *w -= g);
    trainer.backward_with(&mut parameters, step).unwrap();
    let back = by_point(trainer.input_gradient(), 36);
    [outputs, back, bits(&[&parameters[..], &running].concat())]
}

#[test]
fn a_step_at_the_edge() {
    let count = if cfg!(miri) { 3 } else { 19 };
    let expected = run::<1, 1>(Isa::Portable, count);
    for isa in available() {
        assert!(run::<2, 16>(isa, count) == expected, "{isa:?} 2x16");
        if !cfg!(miri) {
            assert!(run::<4, 4>(isa, count) == expected, "{isa:?} 4x4");
            assert!(run::<5, 8>(isa, count) == expected, "{isa:?} 5x8");
            assert!(run::<5, 16>(isa, count) == expected, "{isa:?} 5x16");
            assert!(run::<12, 32>(isa, count) == expected, "{isa:?} 12x32");
        }
    }
}
