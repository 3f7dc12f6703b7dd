//! A step of training on buffers of exactly the planned lengths, the least of scratch: every layer, tiles half full.
use shatterscope::exec::Isa;
use shatterscope::exec::{Buffers, Executor, Mode, Options};
use shatterscope::graph::Node;
use shatterscope::graph::{Image, Window};
use shatterscope::internals::op::{Conv, Pool, Shortcut};
use shatterscope::plan::{Plan, Storage, Want, place};
use shatterscope::train::{InitialWeights, Initializer};
use shatterscope::workers::Serial;
use shatterscope_bounds::{available, bits, values};
use shatterscope_layers::{Layer, to_graph};

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
    const WANT: Want = Want::Gradients;
    let layers = layers();
    let mut nodes = vec![Node::EMPTY; 3 * layers.len() + 1];
    let graph = to_graph(&layers, &mut nodes).unwrap();
    let len = graph.len() * WANT.slots();
    let (mut slots, mut storages) = (vec![0; len], vec![Storage::EMPTY; len]);
    place(&graph, WANT, &mut storages, &mut slots).unwrap();
    let plan = Plan::new(&graph, WANT, &slots).unwrap();
    let (batch, tile) = (count as u32, T as u32);
    let floats = |len: u64| vec![f32::NAN; len as usize].into_boxed_slice();
    let mut all = floats(plan.values_len(batch, tile).unwrap());
    let (mut statistics, mut scratch) = (floats(plan.statistics_len()), floats(plan.scratch_len));
    let (mut gathered, mut running) = (floats(plan.gathered_len(tile)), floats(plan.running_len));
    let mut tape = vec![0; plan.tape_len(batch, tile).unwrap() as usize].into_boxed_slice();
    let mut parameters = floats(plan.parameters_len);
    let init = InitialWeights { start: Initializer::LooksLinear, seed: 1, run: 0 };
    init.fill(&graph, &mut parameters, &mut floats(init.scratch_len(&graph))).unwrap();
    running.fill(1.0);
    let buffers = Buffers {
        values: &mut all,
        tape: &mut tape,
        statistics: &mut statistics,
        scratch: &mut scratch,
        gathered: &mut gathered,
    };
    let mut executor = Executor::<_, R, T>::new(&plan, &Serial, Options::new(batch).with_isa(isa), buffers).unwrap();
    // Lanes past the last point hold that point again.
    let fill = |tiles: &mut [f32], tile_len: usize, points: &[f32]| {
        let units = tile_len / T;
        for (i, tile) in tiles.chunks_exact_mut(tile_len).enumerate() {
            for (at, x) in tile.iter_mut().enumerate() {
                *x = points[(i * T + at % T).min(count - 1) * units + at / T];
            }
        }
    };
    let mut begun = executor.begin(batch).unwrap();
    let (x, tile_len) = begun.input(0).unwrap();
    fill(x, tile_len, &values(count * 36, 1));
    let mode = Mode::Training { seed: 5, step: 2, running: &mut running };
    let mut passed = begun.forward(&parameters, mode).unwrap().run().unwrap();
    let by_point = |(x, tile_len): (&[f32], usize)| {
        let units = 0..tile_len / T;
        let all = (0..count).flat_map(|p| units.clone().map(move |u| x[p / T * tile_len + u * T + p % T]));
        bits(&all.collect::<Vec<_>>())
    };
    let last = graph.len() as u32 - 1;
    let outputs = by_point(passed.output(last).unwrap());
    let (_, g, tile_len) = passed.output_and_gradient(last).unwrap();
    fill(g, tile_len, &values(count * 3, 2));
    let mut step =
        |_: usize, weights: &mut [f32], gradient: &[f32]| weights.iter_mut().zip(gradient).for_each(|(w, g)| *w -= g);
    let gradients = passed.backward_with(&mut parameters, &mut step).unwrap().run().unwrap();
    let back = by_point(gradients.input(0).unwrap());
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
