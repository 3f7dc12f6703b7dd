//! A batch forward and backward: one result whatever the tile, the instructions, the buffers and the cut of the batch.
use shatterscope::kernel::Isa;
use shatterscope::layer::{Conv, Image, Shortcut, Window};
use shatterscope::network::Serial;
use shatterscope::train::{Buffers, Layer, Mode, Options, Place, Trainer, plan};

/// Numbers that look random, of both signs, as a function of where they stand.
fn value(at: usize) -> f32 {
    let mixed = (at as u32).wrapping_mul(0x9e37_79b9) ^ 0x5bd1_e995;
    let mixed = (mixed ^ mixed >> 15).wrapping_mul(0x2c1b_3c6d);
    (mixed >> 8) as f32 / (1 << 23) as f32 - 1.0
}

fn convolutions() -> Vec<Layer> {
    let image = Image { channels: 3, height: 7, width: 6 };
    let first = Conv { input: image, channels: 5, window: Window::half_padded(3, 1) };
    let doubled = Image { channels: 10, ..first.output().unwrap() };
    let second = Conv { input: doubled, channels: 13, window: Window { height: 3, width: 2, stride: 2, padding: 1 } };
    let last = second.output().unwrap().units().unwrap();
    vec![
        Layer::Conv { conv: first, bias: true },
        Layer::Crelu { image: first.output().unwrap() },
        Layer::Conv { conv: second, bias: true },
        Layer::Relu { units: last },
        Layer::Dense { inputs: last, outputs: 4, bias: true },
    ]
}

/// Outputs by point, gradient of the parameters, gradient of the inputs by point.
type Outcome = (Vec<u32>, Vec<u32>, Vec<u32>);

fn run<const R: usize, const T: usize>(layers: &[Layer], isa: Isa, cuts: &[usize], scarce: bool) -> Outcome {
    let batch = *cuts.iter().max().unwrap();
    let plan = plan(layers, batch as u32, T as u32).unwrap();
    let len = |least: u64, best: u64| vec![f32::NAN; if scarce { least } else { best } as usize];
    let (mut activations, mut tape) =
        (len(plan.activations_len, plan.activations_len), vec![0; plan.tape_len as usize]);
    let (mut gradients, mut statistics) =
        (len(plan.gradients_len, plan.gradients_len), len(plan.statistics_len, plan.statistics_len));
    let (mut scratch, mut gathered) =
        (len(plan.scratch_len, plan.scratch_best), len(plan.gathered_len, 3 * plan.gathered_len));
    let mut places = vec![Place::default(); plan.places_len as usize];
    let options = Options { batch: batch as u32, isa, seed: 1 };
    let buffers = Buffers {
        places: &mut places,
        activations: &mut activations,
        tape: &mut tape,
        gradients: &mut gradients,
        statistics: &mut statistics,
        scratch: &mut scratch,
        gathered: &mut gathered,
    };
    let mut trainer = Trainer::<_, R, T>::new(layers, &Serial, options, buffers).unwrap();
    let parameters: Vec<f32> = (0..plan.parameters_len as usize).map(|i| value(i) * 0.3).collect();
    let (mut running, mut gradient) = (vec![0.0; plan.running_len as usize], vec![0.0; plan.parameters_len as usize]);
    let (inputs, outputs) = (plan.inputs as usize, plan.outputs as usize);
    let mut outcome = (vec![], vec![], vec![]);
    let mut first = 0;
    for &count in cuts {
        let (x, tile_len) = trainer.begin(count as u32).unwrap();
        for (i, tile) in x.chunks_exact_mut(tile_len).enumerate() {
            for unit in 0..inputs {
                for lane in 0..T {
                    let point = first + (i * T + lane).min(count - 1);
                    tile[unit * T + lane] = value(1_000_000 + point * inputs + unit);
                }
            }
        }
        trainer.forward(&parameters, &mut running, Mode::Training { step: 0 }).unwrap();
        let (z, g, tile_len) = trainer.outputs_and_gradient();
        let z_tile = z.len() / count.div_ceil(T);
        for point in 0..count {
            for unit in 0..outputs {
                outcome.0.push(z[point / T * z_tile + unit * T + point % T].to_bits());
            }
        }
        for (i, g) in g.chunks_exact_mut(tile_len).enumerate() {
            for unit in 0..outputs {
                for lane in 0..T {
                    let point = i * T + lane;
                    g[unit * T + lane] =
                        if point < count { value(2_000_000 + (first + point) * outputs + unit) } else { 0.0 };
                }
            }
        }
        trainer.backward(&parameters, &mut gradient).unwrap();
        let (g, tile_len) = trainer.input_gradient();
        for point in 0..count {
            for unit in 0..inputs {
                outcome.2.push(g[point / T * tile_len + unit * T + point % T].to_bits());
            }
        }
        first += count;
    }
    outcome.1 = gradient.iter().map(|x| x.to_bits()).collect();
    outcome
}

#[test]
fn one_result_for_every_tile_and_instruction_set() {
    let layers = convolutions();
    let expected = run::<1, 1>(&layers, Isa::Portable, &[37], false);
    for isa in Isa::ALL.into_iter().filter(|isa| isa.is_available()) {
        for cuts in [&[37][..], &[16, 21], &[1, 3, 33]] {
            for scarce in [false, true] {
                assert!(run::<1, 1>(&layers, isa, cuts, scarce) == expected, "{isa:?} 1x1 {cuts:?} {scarce}");
                assert!(run::<4, 4>(&layers, isa, cuts, scarce) == expected, "{isa:?} 4x4 {cuts:?} {scarce}");
                assert!(run::<5, 8>(&layers, isa, cuts, scarce) == expected, "{isa:?} 5x8 {cuts:?} {scarce}");
                assert!(run::<5, 16>(&layers, isa, cuts, scarce) == expected, "{isa:?} 5x16 {cuts:?} {scarce}");
                assert!(run::<12, 32>(&layers, isa, cuts, scarce) == expected, "{isa:?} 12x32 {cuts:?} {scarce}");
            }
        }
    }
}

fn norms() -> Vec<Layer> {
    let image = Image { channels: 3, height: 6, width: 5 };
    let first = Conv { input: image, channels: 19, window: Window::half_padded(3, 1) };
    let wide = first.output().unwrap();
    let second = Conv { input: wide, channels: 21, window: Window::half_padded(3, 2) };
    let small = second.output().unwrap();
    let doubled = Image { channels: 42, ..small };
    let norm = |image| Layer::BatchNorm { image, eps: 1e-5, momentum: 0.1 };
    vec![
        Layer::Conv { conv: first, bias: false },
        Layer::Fork { image: wide },
        norm(wide),
        Layer::Relu { units: wide.units().unwrap() },
        Layer::Conv { conv: second, bias: false },
        Layer::Join { shortcut: Shortcut { input: wide, channels: 21, stride: 2 }, a: 1.0, b: 0.5 },
        norm(small),
        Layer::Crelu { image: small },
        Layer::Dense { inputs: doubled.units().unwrap(), outputs: 18, bias: true },
        norm(Image::vector(18)),
        Layer::Prelu { units: 18, slope: 0.25 },
        Layer::Dense { inputs: 18, outputs: 4, bias: true },
    ]
}

#[test]
fn norms_and_joins_have_one_result_for_every_tile_and_instruction_set() {
    let layers = norms();
    let expected = run::<1, 1>(&layers, Isa::Portable, &[37], false);
    for isa in Isa::ALL.into_iter().filter(|isa| isa.is_available()) {
        for scarce in [false, true] {
            assert!(run::<4, 4>(&layers, isa, &[37], scarce) == expected, "{isa:?} 4x4 {scarce}");
            assert!(run::<5, 8>(&layers, isa, &[37], scarce) == expected, "{isa:?} 5x8 {scarce}");
            assert!(run::<5, 16>(&layers, isa, &[37], scarce) == expected, "{isa:?} 5x16 {scarce}");
            assert!(run::<12, 32>(&layers, isa, &[37], scarce) == expected, "{isa:?} 12x32 {scarce}");
        }
    }
}
