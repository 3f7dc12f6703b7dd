//! Every instruction set that this machine has, against the plain loops and the plain draws: the same bits.
use proptest::prelude::*;
use shatterscope::exec::Isa;
use shatterscope::internals::kernel::{
    Along, Matrix, chain, chain_matrix, descend, draw, panel_index, weight_gradient,
};
use shatterscope::internals::op::dense_backward_parameters;
use shatterscope::internals::op::naive;
use shatterscope::random::{Normal, Purpose, Stream};
use shatterscope::train::{Optimiser, Powers, Settings};

fn available() -> impl Iterator<Item = Isa> {
    Isa::ALL.into_iter().filter(|isa| isa.is_available())
}

/// Which NaN it is stands outside of the contract.
fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|x| if x.is_nan() { 0x7fc0_0000 } else { x.to_bits() }).collect()
}

/// Values of every kind that a chain may meet: normal, subnormal, zeros of both signs, overflowing products.
fn value() -> impl Strategy<Value = f32> {
    prop_oneof![8 => -2.0f32..2.0, 1 => Just(0.0), 1 => Just(-0.0), 1 => -1e-38f32..1e-38, 1 => -1e20f32..1e20]
}

/// `[rows][T]` by the naive loops, from the chains that y already holds.
fn naive_rows<const T: usize>(weight: &[f32], x: &[[f32; T]], y: &[[f32; T]]) -> Vec<u32> {
    let mut result = Vec::new();
    for (row, y) in y.iter().enumerate() {
        for p in 0..T {
            let inputs: Vec<f32> = x.iter().map(|x| x[p]).collect();
            let mut sum = [0.0];
            // The bias of the naive loop is canonical, as the chains here are.
            naive::dense(&weight[row * x.len()..], &[y[p]], x.len(), 1, &inputs, &mut sum);
            result.extend(bits(&sum));
        }
    }
    result
}

fn products<const R: usize, const T: usize>(rows: usize, columns: usize, values: &[f32]) {
    let mut values = values.iter().copied().cycle();
    let mut take = |n: usize| -> Vec<f32> { values.by_ref().take(n).collect() };
    let (weight, x, y) = (take(rows * columns), take(columns * T), take(rows * T));
    let x = x.as_chunks::<T>().0;
    let start: Vec<[f32; T]> = y.as_chunks::<T>().0.iter().map(|y| y.map(|y| y + 0.0)).collect();
    let expected = naive_rows(&weight, x, &start);
    let (mut panel, mut turned) = (vec![0.0; rows * columns], vec![0.0; rows * columns]);
    for row in 0..rows {
        for k in 0..columns {
            panel[panel_index::<R>(rows, columns, row, k)] = weight[row * columns + k];
            turned[k * rows + row] = weight[row * columns + k];
        }
    }
    for isa in available() {
        let same = |y: &[[f32; T]], how| {
            assert_eq!(bits(y.as_flattened()), expected, "{isa:?} {R}x{T} {how}, {rows}x{columns}")
        };
        let mut y = start.clone();
        chain::<R, T>(isa, &panel, x, &mut y);
        same(&y, "packed");
        let mut y = start.clone();
        chain_matrix::<R, T>(isa, Matrix { data: &weight, stride: columns, transposed: false }, x, &mut y);
        same(&y, "in place");
        let mut y = start.clone();
        chain_matrix::<R, T>(isa, Matrix { data: &turned, stride: rows, transposed: true }, x, &mut y);
        same(&y, "transposed");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn products_of_every_shape(rows in 1usize..23, columns in 1usize..17, values in prop::collection::vec(value(), 97)) {
        products::<1, 1>(rows, columns, &values);
        products::<4, 4>(rows, columns, &values);
        products::<5, 8>(rows, columns, &values);
        products::<2, 16>(rows, columns, &values);
        products::<8, 32>(rows, columns, &values);
        products::<3, 48>(rows, columns, &values);
        products::<6, 12>(rows, columns, &values);
    }

    #[test]
    fn weight_gradients_of_every_shape(
        shape in (1usize..12, 1usize..70, 1usize..150), values in prop::collection::vec(value(), 97)
    ) {
        let (fan_out, fan_in, points) = shape;
        let mut values = values.iter().copied().cycle();
        let mut take = |n: usize| -> Vec<f32> { values.by_ref().take(n).map(|x| x + 0.0).collect() };
        let (x, grad_output, start) = (take(fan_in * points), take(fan_out * points), take(fan_out * fan_in));
        let mut expected = start.clone();
        dense_backward_parameters(shape, &x, &grad_output, &mut expected, &mut []).unwrap();
        for isa in available() {
            let mut grad_weight = start.clone();
            weight_gradient(isa, shape, &x, &grad_output, &mut grad_weight);
            prop_assert_eq!(bits(&grad_weight), bits(&expected), "{:?}, {:?}", isa, shape);
        }
    }

    #[test]
    fn descents_of_every_shape(
        shape in (1usize..12, 1usize..70), rate in 0.0f32..2.0, values in prop::collection::vec(value(), 97)
    ) {
        let (fan_out, fan_in) = shape;
        let mut values = values.iter().copied().cycle();
        let mut take = |n: usize| -> Vec<f32> { values.by_ref().take(n).map(|x| x + 0.0).collect() };
        let (x, grad_output, start) = (take(fan_in), take(fan_out), take(fan_out * fan_in));
        let mut gradient = vec![0.0; fan_out * fan_in];
        dense_backward_parameters((fan_out, fan_in, 1), &x, &grad_output, &mut gradient, &mut []).unwrap();
        let settings = Settings::new(Optimiser::Sgd);
        let mut expected = start.clone();
        settings.step(rate, &mut Powers::new()).unwrap().apply(&mut expected, &gradient, &mut []).unwrap();
        for isa in available() {
            let mut weight = start.clone();
            descend(isa, shape, rate, &x, &grad_output, &mut weight);
            prop_assert_eq!(bits(&weight), bits(&expected), "{:?}, {:?}", isa, shape);
            for (x, g, len) in [(&x[1..], &grad_output[..], 0), (&x[..], &grad_output[1..], 0), (&x, &grad_output, 1)] {
                let mut weight = start.clone();
                descend(isa, shape, rate, x, g, &mut weight[len..]);
                prop_assert_eq!(bits(&weight), bits(&start), "too short: {:?}, {:?}", isa, shape);
            }
        }
    }

    #[test]
    fn draws_of_every_length(
        seed: u64, run: u32, layer in 0u32..1 << 24, row: u32, column: u32, len in 0usize..70, scale in -2.0f32..2.0
    ) {
        for normal in [Normal::IrwinHall, Normal::As241] {
            let stream = Stream::new(seed, run, Purpose::Weight, layer, normal);
            for along in [Along::Row, Along::Column] {
                let one = |i: u32| match along {
                    Along::Row => stream.value(row, column.wrapping_add(i)) * scale,
                    Along::Column => stream.value(row.wrapping_add(i), column) * scale,
                };
                let expected: Vec<f32> = (0..len as u32).map(one).collect();
                for isa in available() {
                    let mut drawn = vec![f32::NAN; len];
                    draw(isa, &stream, (row, column), along, scale, &mut drawn);
                    prop_assert_eq!(bits(&drawn), bits(&expected), "{:?} {:?}", isa, along);
                }
            }
        }
    }
}
