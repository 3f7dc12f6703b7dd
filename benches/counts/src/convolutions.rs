//! A convolution of the paper's networks, 3x3, 16 channels to 16 on images of 8x8, one tile of points.
use crate::{count, values};
use shatterscope::exec::Isa;
use shatterscope::graph::{Image, Window};
use shatterscope::internals::kernel::{
    conv_backward_input, conv_forward, conv_gather, conv_pack, conv_weight_gradient,
};
use shatterscope::internals::op::Conv;
use shatterscope::internals::op::conv_gathered_len;
use std::hint::black_box;

const CHANNELS: usize = 16;
const SIDE: usize = 8;

/// Forward, and both gradients.
pub fn convolutions<const T: usize>(isa: Isa) {
    let input = Image { channels: CHANNELS as u32, height: SIDE as u32, width: SIDE as u32 };
    let conv = Conv { input, channels: CHANNELS as u32, window: Window::half_padded(3, 1) };
    let units = CHANNELS * SIDE * SIDE;
    let (weight, bias) = (values(CHANNELS * CHANNELS * 9, 0), values(CHANNELS, 1));
    // Units begin where registers may be loaded whole.
    let mut store = [2, 3, 4].map(|column| values(units * T + 16, column));
    let [x, g, y] = store.each_mut().map(|store| {
        let first = store.as_ptr().align_offset(64);
        store[first..first + units * T].as_chunks_mut::<T>().0
    });
    let mut panel = vec![0.0; weight.len()];
    count("convolution 16 to 16 of 8x8, forward", || {
        conv_pack::<T>(isa, &conv, false, 0..CHANNELS, black_box(&weight), &mut panel);
        conv_forward::<T>(isa, &conv, 0..CHANNELS, &panel, &bias, x, y);
    });
    count("convolution 16 to 16 of 8x8, input gradient", || {
        conv_pack::<T>(isa, &conv, true, 0..CHANNELS, black_box(&weight), &mut panel);
        conv_backward_input::<T>(isa, &conv, 0..CHANNELS, &panel, g, y);
    });
    let Some((inputs, outputs)) = conv_gathered_len(&conv, T as u64) else { return };
    let (mut inputs, mut outputs) = (vec![0.0; inputs as usize], vec![0.0; outputs as usize]);
    let (mut of_weight, mut of_bias) = (vec![0.0; weight.len()], vec![0.0; CHANNELS]);
    count("convolution 16 to 16 of 8x8, weight gradient", || {
        conv_gather::<T>(isa, &conv, T, x, g, &mut inputs, &mut outputs);
        conv_weight_gradient::<T>(isa, &conv, T, 0, &inputs, &outputs, &mut of_weight, &mut of_bias);
    });
    black_box((&of_weight, &of_bias, &*y));
}
