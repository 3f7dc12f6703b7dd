//! Convolutions forward and backward, against the plain loops.
use crate::values::{Room, Values, same};
use shatterscope::exec::Isa;
use shatterscope::graph::{Image, Window};
use shatterscope::internals::kernel::{
    conv_backward_input, conv_forward, conv_gather, conv_pack, conv_weight_gradient,
};
use shatterscope::internals::op::conv_gathered_len;
use shatterscope::internals::op::{self, Conv};

const AROUND: f32 = 12345.0;
/// The most elements of any case at four points: weights, inputs, outputs, panel, what is expected, what is found between guards, both
/// gathered operands.
const MOST: [usize; 8] = [54, 72, 240, 54, 240, 242, 204, 240];
const CHANNELS: usize = 5;

/// All shapes; values compared.
pub fn check<const T: usize>(isa: Isa, mut room: Room) -> usize {
    // Wide tiles lie some cache lines apart when they are gathered.
    let times = if T > 4 { T } else { 1 };
    let mut buffers: [&mut [f32]; 8] = MOST.map(|len| room.take(len * times));
    let mut compared = 0;
    for (i, (height, width)) in [(1, 1), (3, 2), (2, 4), (3, 3)].into_iter().enumerate() {
        for (j, (rows, columns)) in [(1, 1), (3, 3), (2, 3), (3, 1)].into_iter().enumerate() {
            for (k, (stride, padding)) in [(1, 0), (1, 1), (2, 1), (2, 0)].into_iter().enumerate() {
                let (c_in, channels) = [(1, 1), (1, 5), (2, 3), (1, 2)][(i + j + k) % 4];
                let input = Image { channels: c_in, height, width };
                let conv = Conv { input, channels, window: Window { height: rows, width: columns, stride, padding } };
                if conv.output().is_some() {
                    compared += one::<T>(isa, &conv, &mut buffers);
                }
            }
        }
    }
    compared
}

fn one<const T: usize>(isa: Isa, conv: &Conv, buffers: &mut [&mut [f32]; 8]) -> usize {
    let what = format_args!("{isa:?} {T} {conv:?}");
    let units = |image: Image| image.units().unwrap_or(0) as usize * T;
    let (ins, outs) = (units(conv.input), conv.output().map_or(0, units));
    let (weights, channels) = (conv.weights().unwrap_or(0) as usize, conv.channels as usize);
    let (gathered, gradients) = conv_gathered_len(conv, T as u64).unwrap_or((0, 0));
    let (gathered, gradients) = (gathered as usize, gradients as usize);
    let [weight, x, g, panel, expected, around, inputs, outputs] = buffers;
    let (weight, x, g) = (&mut weight[..weights], &mut x[..ins], &mut g[..outs]);
    let (panel, inputs, outputs) = (&mut panel[..weights], &mut inputs[..gathered], &mut outputs[..gradients]);
    let mut values = Values(weights as u32);
    let mut bias = [0.0; CHANNELS];
    values.fill(weight);
    values.fill(x);
    values.fill(g);
    values.fill(&mut bias);
    let bias = &bias[..channels];

    let told = op::conv_forward(conv, weight, bias, T, x, &mut expected[..outs]);
    assert_eq!(told, Ok(()), "{what}");
    around.fill(AROUND);
    conv_pack::<T>(isa, conv, false, 0..channels, weight, panel);
    let (x_units, y) = (x.as_chunks().0, around[1..=outs].as_chunks_mut().0);
    conv_forward::<T>(isa, conv, 0..channels, panel, bias, x_units, y);
    same(&around[1..=outs], &expected[..outs], what);
    assert!(around[0] == AROUND && around[outs + 1] == AROUND, "{what}: written outside");

    let told = op::conv_backward_input(conv, weight, T, g, &mut expected[..ins]);
    assert_eq!(told, Ok(()), "{what}");
    around.fill(AROUND);
    let rows = conv.input.channels as usize;
    conv_pack::<T>(isa, conv, true, 0..rows, weight, panel);
    let (g_units, to) = (g.as_chunks().0, around[1..=ins].as_chunks_mut().0);
    conv_backward_input::<T>(isa, conv, 0..rows, panel, g_units, to);
    same(&around[1..=ins], &expected[..ins], what);
    assert!(around[0] == AROUND && around[ins + 1] == AROUND, "{what}: written outside");

    // Chains start from what is there, never from -0.0.
    around.fill(AROUND);
    values.fill_starts(&mut expected[..weights]);
    around[1..=weights].copy_from_slice(&expected[..weights]);
    let (mut of_bias, mut ours) = ([1.0; CHANNELS], [1.0; CHANNELS]);
    let (of_bias, ours) = (&mut of_bias[..channels], &mut ours[..channels]);
    let told = op::conv_backward_parameters(conv, T, x, g, &mut expected[..weights], of_bias);
    assert_eq!(told, Ok(()), "{what}");
    conv_gather::<T>(isa, conv, T, x.as_chunks().0, g.as_chunks().0, inputs, outputs);
    conv_weight_gradient::<T>(isa, conv, T, 0, inputs, outputs, &mut around[1..=weights], ours);
    same(&around[1..=weights], &expected[..weights], what);
    same(ours, of_bias, what);
    assert!(around[0] == AROUND && around[weights + 1] == AROUND, "{what}: written outside");
    ins + outs + weights + channels
}
