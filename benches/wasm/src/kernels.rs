use crate::{POINTS, WIDTH, time, values};
use shatterscope::contract::Digest;
use shatterscope::exec::Isa;
use shatterscope::graph::{Image, Window};
use shatterscope::internals::kernel::{
    Along, Matrix, chain, chain_matrix, conv_backward_input, conv_forward, conv_gather, conv_pack,
    conv_weight_gradient, draw, panel_index, relu_backward, relu_forward, weight_gradient,
};
use shatterscope::internals::op::Conv;
use shatterscope::internals::op::conv_gathered_len;
use shatterscope::random::{Normal, Purpose, Stream};
use std::hint::black_box;

/// The dense kernel with other register tiles.
pub fn tiles(isa: Isa) {
    macro_rules! each {
        ($($rows:literal $points:literal,)+) => {
            $(dense::<$rows, $points>(isa, concat!(", ", $rows, "x", $points));)+
        };
    }
    each!(1 1, 4 1, 1 4, 2 4, 4 4, 8 1, 1 8, 2 8, 4 8, 1 16, 2 16, 3 16, 4 16, 5 16, 6 16, 5 8, 6 8, 8 16, 4 32,);
}

/// The product of 200 x 200 by 200 x 256, tile by tile as the executor does it. The digest is of `[unit][point]`.
pub fn dense<const R: usize, const T: usize>(isa: Isa, tile: &str) {
    let weight = values(WIDTH * WIDTH, 0);
    let mut panel = vec![0.0; weight.len()];
    for (i, row) in weight.chunks(WIDTH).enumerate() {
        for (k, w) in row.iter().enumerate() {
            panel[panel_index::<R>(WIDTH, WIDTH, i, k)] = *w;
        }
    }
    let (mut x, mut y) = (vec![[0.0; T]; WIDTH * POINTS / T], vec![[0.0; T]; WIDTH * POINTS / T]);
    for (unit, row) in values(WIDTH * POINTS, 1).chunks(POINTS).enumerate() {
        row.iter().enumerate().for_each(|(p, value)| x[p / T * WIDTH + unit][p % T] = *value);
    }
    for how in ["packed", "in place", "transposed"] {
        let matrix = Matrix { data: &weight, stride: WIDTH, transposed: how == "transposed" };
        time(&format!("dense product 200x200 by 200x256, {how}{tile}"), || {
            y.as_flattened_mut().fill(0.0);
            for (x, y) in x.chunks(WIDTH).zip(y.chunks_mut(WIDTH)) {
                if how == "packed" {
                    chain::<R, T>(isa, black_box(&panel), x, y);
                } else {
                    chain_matrix::<R, T>(isa, black_box(matrix), x, y);
                }
            }
            let points = (0..WIDTH).flat_map(|unit| (0..POINTS).step_by(61).map(move |p| (unit, p)));
            digest(points.map(|(unit, p)| y[p / T * WIDTH + unit][p % T]))
        });
    }
}

/// Of some values, so that hashing takes no time.
fn digest(values: impl Iterator<Item = f32>) -> Digest {
    let mut digest = Digest::new();
    values.for_each(|value| digest.push(value));
    digest
}

fn some(values: &[f32]) -> Digest {
    digest(values.iter().step_by(61).copied())
}

/// All other kernels.
pub fn others<const T: usize>(isa: Isa) {
    let (x, g) = (values(WIDTH * POINTS, 1), values(WIDTH * POINTS, 3));
    let mut weights = vec![0.0; WIDTH * WIDTH];
    time("weight gradient 200x256 by 256x200", || {
        weights.fill(0.0);
        weight_gradient(isa, (WIDTH, WIDTH, POINTS), black_box(&x), &g, &mut weights);
        some(&weights)
    });
    convolutions::<T>(isa);
    let (mut y, mut tape) = (x.clone(), vec![0; x.len() / 8]);
    time("ReLU of 51,200, forward and backward", || {
        y.copy_from_slice(black_box(&x));
        relu_forward(isa, &mut y, &mut tape);
        relu_backward(isa, &mut y, &tape);
        some(&y)
    });
    let stream = Stream::new(1, 0, Purpose::Weight, 1, Normal::IrwinHall);
    for along in [Along::Row, Along::Column] {
        time(&format!("40,000 weights drawn, {along:?}"), || {
            draw(isa, black_box(&stream), (0, 0), along, 0.1, &mut weights);
            some(&weights)
        });
    }
}

/// 3x3, 16 channels to 16 on images of 8x8, one tile of points.
fn convolutions<const T: usize>(isa: Isa) {
    const CHANNELS: usize = 16;
    let input = Image { channels: CHANNELS as u32, height: 8, width: 8 };
    let conv = Conv { input, channels: CHANNELS as u32, window: Window::half_padded(3, 1) };
    let (weight, bias) = (values(CHANNELS * CHANNELS * 9, 0), values(CHANNELS, 1));
    // The same points, whatever the tile.
    let tile = |column| -> Vec<[f32; T]> {
        let values = values(CHANNELS * 64 * 64, column);
        values.chunks(64).map(|unit| std::array::from_fn(|p| unit[p])).collect()
    };
    let (x, g, mut y, mut panel) = (tile(2), tile(3), tile(4), vec![0.0; weight.len()]);
    let first = |y: &[[f32; T]]| digest(y.iter().map(|unit| unit[0]));
    time("convolution 16 to 16 of 8x8, forward", || {
        conv_pack::<T>(isa, &conv, false, 0..CHANNELS, black_box(&weight), &mut panel);
        conv_forward::<T>(isa, &conv, 0..CHANNELS, &panel, &bias, &x, &mut y);
        first(&y)
    });
    time("convolution 16 to 16 of 8x8, input gradient", || {
        conv_pack::<T>(isa, &conv, true, 0..CHANNELS, black_box(&weight), &mut panel);
        conv_backward_input::<T>(isa, &conv, 0..CHANNELS, &panel, &g, &mut y);
        first(&y)
    });
    let (inputs, outputs) = conv_gathered_len(&conv, T as u64).unwrap_or_default();
    let (mut inputs, mut outputs) = (vec![0.0; inputs as usize], vec![0.0; outputs as usize]);
    let (mut of_weight, mut of_bias) = (vec![0.0; weight.len()], vec![0.0; CHANNELS]);
    time("convolution 16 to 16 of 8x8, weight gradient", || {
        of_weight.fill(0.0);
        conv_gather::<T>(isa, &conv, T, &x, &g, &mut inputs, &mut outputs);
        conv_weight_gradient::<T>(isa, &conv, T, 0, &inputs, &outputs, &mut of_weight, &mut of_bias);
        some(&of_weight)
    });
}
