//! Every layer function, and the kernels.
use crate::{buffer, slice};
use core::hint::black_box;
use shatterscope::contract::Red16;
use shatterscope::exec::Isa;
use shatterscope::graph::Op;
use shatterscope::internals::kernel::{
    self, Along, Matrix, Nest, Scale, all_finite, chain, chain_matrix, descend, draw, panel_index, portable,
    weight_gradient,
};
use shatterscope::internals::op::*;
use shatterscope::math::Math;
use shatterscope::random::{Normal, Purpose, Stream};

pub fn everything() {
    kernels::<1, 1>();
    kernels::<4, 4>();
    convolutions::<1>();
    convolutions::<4>();
    convolutions::<16>();
    dense();
    images();
    dilated();
    grouped::<1>();
    grouped::<4>();
    grouped::<16>();
    relus::<1>();
    relus::<4>();
    relus::<16>();
    norms();
    group_norms();
    joins();
    imported();
}

fn shape() -> (usize, usize, usize) {
    black_box((2, 2, 2))
}

fn kernels<const R: usize, const T: usize>() {
    let (x, panel): (&[[f32; T]], &[f32]) = (slice(&[[1.0; T]; 4]), slice(&[1.0; 16]));
    let mut y = [[0.0; T]; 4];
    let isa: Isa = black_box(Isa::detect());
    black_box(isa.is_available());
    chain::<R, T>(isa, panel, x, buffer(&mut y));
    portable::chain::<R, T>(panel, x, buffer(&mut y));
    let matrix = Matrix { data: panel, stride: black_box(4), transposed: black_box(false) };
    chain_matrix::<R, T>(isa, matrix, x, buffer(&mut y));
    let mut gradient = [0.0; 4];
    weight_gradient(isa, shape(), panel, panel, buffer(&mut gradient));
    descend(isa, black_box((2, 2)), black_box(0.1), panel, panel, buffer(&mut gradient));
    let stream = Stream::new(black_box(1), black_box(2), Purpose::Weight, black_box(3), black_box(Normal::IrwinHall));
    draw(isa, &stream, black_box((4, 5)), black_box(Along::Column), black_box(0.5), buffer(&mut gradient));
    let scale = black_box(Scale::new(black_box(0.5)));
    black_box((scale.scale(), scale.times(black_box(3)), scale.times_on_integers::<true, true>(black_box(3))));
    black_box((
        scale.times_on_integers::<false, true>(black_box(3)),
        scale.times_on_integers::<false, false>(black_box(3)),
    ));
    let (rows, columns, row) = shape();
    black_box(all_finite(isa, slice(&[1.0; 20])));
    let mut tape = [0; 2];
    kernel::relu_forward(isa, buffer(&mut gradient), buffer(&mut tape));
    kernel::relu_backward(isa, buffer(&mut gradient), slice(&tape));
    black_box(panel_index::<R>(rows, columns, row, black_box(0)));
    let mut sum = black_box(Red16::new());
    sum.add(black_box(3), black_box(1.0));
    sum.add_series::<T>(black_box(16), black_box(T), black_box([[1.0; T]]).into_iter());
    black_box((sum.fold(), Red16::sum(slice(&[1.0; 4]).iter().copied())));
}

fn convolutions<const T: usize>() {
    let isa: Isa = black_box(Isa::detect());
    let input: Image = black_box(Image { channels: 2, height: 2, width: 2 });
    let conv: Conv = black_box(Conv { input, channels: 2, window: Window::half_padded(3, 2) });
    let rows = || black_box(0usize)..black_box(2usize);
    let (mut panel, mut gradients, mut weights) = ([1.0; 16], [1.0; 16], [1.0; 16]);
    let (x, mut y): (&[[f32; T]], _) = (slice(&[[1.0; T]; 4]), [[0.0; T]; 4]);
    kernel::conv_pack::<T>(isa, &conv, black_box(true), rows(), slice(&[1.0; 36]), buffer(&mut panel));
    kernel::conv_forward::<T>(isa, &conv, rows(), slice(&panel), slice(&[1.0; 2]), x, buffer(&mut y));
    kernel::conv_backward_input::<T>(isa, &conv, rows(), slice(&panel), x, buffer(&mut y));
    black_box(conv_gathered_len(&conv, black_box(T as u64)));
    kernel::conv_gather::<T>(isa, &conv, black_box(3), x, x, buffer(&mut panel), buffer(&mut gradients));
    kernel::conv_weight_gradient::<T>(
        isa,
        &conv,
        black_box(3),
        black_box(1),
        slice(&panel),
        slice(&gradients),
        buffer(&mut weights),
        buffer(&mut [0.0; 2]),
    );
    let nest: Nest = black_box(Nest { counts: [1, 2, 3], w: [1, 2, 3], x: [1, -2, 3] });
    kernel::nest::<T>(isa, &nest, slice(&panel), slice(&weights), black_box(5), buffer(&mut y));
    black_box(kernel::nest_rows::<T>(isa));
}

fn dense() {
    let (mut y, mut z) = ([0.0; 4], [0.0; 4]);
    let (weight, x) = (slice(&[1.0; 4]), slice(&[1.0; 4]));
    let (fan_out, fan_in, points) = shape();
    naive::dense(weight, slice(&[1.0; 2]), fan_in, points, x, buffer(&mut y));
    naive::dense_transposed(weight, fan_in, fan_out, points, x, buffer(&mut y));
    let _ = black_box(dense_forward(weight, slice(&[1.0; 2]), shape(), x, buffer(&mut y)));
    let _ = black_box(dense_backward_input(weight, shape(), x, buffer(&mut y)));
    let _ = black_box(dense_backward_parameters(shape(), weight, x, buffer(&mut y), buffer(&mut z)));
    black_box(tape_bytes(black_box(3), black_box(4)));
}

fn images() {
    let (mut y, mut z) = ([0.0; 16], [0.0; 16]);
    let (x, points): (&[f32], usize) = (slice(&[1.0; 16]), black_box(2));
    let window: Window = black_box(Window::half_padded(black_box(3), black_box(1)));
    let input: Image = black_box(Image { channels: 2, height: 2, width: 2 });
    black_box((Image::vector(black_box(3)).units(), input.plane(), window.taps(), window.positions(&input)));
    let conv: Conv = black_box(Conv { input, channels: 2, window });
    black_box((conv.output(), conv.weights()));
    let _ = black_box(conv_forward(&conv, slice(&[1.0; 36]), slice(&[1.0; 2]), points, x, buffer(&mut y)));
    let _ = black_box(conv_backward_input(&conv, slice(&[1.0; 36]), points, x, buffer(&mut y)));
    let _ = black_box(conv_backward_parameters(&conv, points, x, x, buffer(&mut y), buffer(&mut z)));
    let pool: Pool = black_box(Pool { input, window });
    let mut tape = [0; 16];
    black_box(pool.output());
    let _ = black_box(average_pool_forward(&pool, points, x, buffer(&mut y)));
    let _ = black_box(average_pool_backward(&pool, points, x, buffer(&mut y)));
    let _ = black_box(max_pool_forward(&pool, points, x, buffer(&mut y), buffer(&mut tape)));
    let _ = black_box(max_pool_backward(&pool, points, slice(&tape), x, buffer(&mut y)));
    let _ = black_box(max_pool_tangent(&pool, points, slice(&tape), x, buffer(&mut y)));
    let shortcut: Shortcut = black_box(Shortcut { input, channels: 3, stride: 2 });
    black_box(shortcut.output());
    let _ = black_box(shortcut_forward(&shortcut, points, x, buffer(&mut y)));
    let _ = black_box(shortcut_backward(&shortcut, points, x, buffer(&mut y)));
    if let Ok(dropout) = Dropout::new(black_box(1), black_box(2), black_box(3), black_box(0.5)) {
        black_box((dropout.keeps(black_box(1), black_box(2)), dropout.threshold(), dropout.scale()));
        dropout_forward(&dropout, black_box(4), points, buffer(&mut y));
        dropout_backward(&dropout, black_box(4), points, buffer(&mut y));
    }
}

fn dilated() {
    let (mut y, mut z, mut tape) = ([0.0; 16], [0.0; 16], [0; 16]);
    let (x, points): (&[f32], usize) = (slice(&[1.0; 16]), black_box(2));
    let plain: Window = black_box(Window::half_padded(3, 1));
    let window: DilatedWindow =
        black_box(DilatedWindow { dilations: [1, 2], ..DilatedWindow::of(&plain).unwrap_or(DILATED) });
    let input: Image = black_box(Image { channels: 2, height: 2, width: 2 });
    let conv: GroupedConv = black_box(GroupedConv { input, channels: 2, groups: 2, window, taps_first: false });
    black_box((window.taps(), window.positions(&input), conv.output(), conv.multiply_adds(), conv.per_group()));
    let _ = black_box(grouped_conv_forward(&conv, slice(&[1.0; 36]), slice(&[1.0; 2]), points, x, buffer(&mut y)));
    let _ = black_box(grouped_conv_backward_input(&conv, slice(&[1.0; 36]), points, x, buffer(&mut y)));
    let _ = black_box(grouped_conv_backward_parameters(&conv, points, x, x, buffer(&mut y), buffer(&mut z)));
    let pool: DilatedPool = black_box(DilatedPool { input, window });
    black_box(pool.output());
    let whole = black_box(true);
    let _ = black_box(dilated_average_pool_forward(&pool, whole, points, x, buffer(&mut y)));
    let _ = black_box(dilated_average_pool_backward(&pool, whole, points, x, buffer(&mut y)));
    let _ = black_box(dilated_max_pool_forward(&pool, points, x, buffer(&mut y), buffer(&mut tape)));
    let _ = black_box(dilated_max_pool_backward(&pool, points, slice(&tape), x, buffer(&mut y)));
    let _ = black_box(dilated_max_pool_tangent(&pool, points, (x, x), buffer(&mut y)));
}

fn grouped<const T: usize>() {
    let isa: Isa = black_box(Isa::detect());
    let input: Image = black_box(Image { channels: 2, height: 2, width: 2 });
    let conv: GroupedConv =
        black_box(GroupedConv { input, channels: 2, groups: 2, window: DILATED, taps_first: false });
    let rows = || black_box(0usize)..black_box(2usize);
    let (mut panel, x, mut y): (_, &[[f32; T]], _) = ([1.0; 16], slice(&[[1.0; T]; 4]), [[0.0; T]; 4]);
    kernel::grouped_conv_pack::<T>(isa, &conv, black_box(true), rows(), slice(&[1.0; 36]), buffer(&mut panel));
    kernel::grouped_conv_forward::<T>(isa, &conv, rows(), slice(&panel), slice(&[1.0; 2]), x, buffer(&mut y));
    kernel::grouped_conv_backward_input::<T>(isa, &conv, rows(), slice(&panel), x, buffer(&mut y));
}

const DILATED: DilatedWindow =
    DilatedWindow { height: 2, width: 2, strides: [1, 2], dilations: [2, 1], padding: [1, 0, 1, 1] };

fn relus<const T: usize>() {
    let (mut x, mut t, mut tape) = ([1.0; 16], [1.0; 16], [0; 16]);
    black_box(relu(black_box(1.0)));
    relu_forward(buffer(&mut x), buffer(&mut tape));
    relu_backward(buffer(&mut x), slice(&tape));
    relu_tangent(buffer(&mut x), buffer(&mut t));
    let slopes = slice(&[0.25; 3]);
    prelu_forward(slopes, slice(&[1.0; 16]), buffer(&mut x));
    prelu_backward_input(slopes, slice(&[1.0; 16]), slice(&[1.0; 16]), buffer(&mut x));
    prelu_backward_parameters(black_box(2), slice(&[1.0; 16]), slice(&[1.0; 16]), buffer(&mut t));
    let (mut x, mut t) = ([[1.0; T]; 4], [[1.0; T]; 4]);
    crelu_forward::<T>(black_box(1), buffer(&mut x), buffer(&mut tape));
    crelu_backward::<T>(black_box(1), buffer(&mut x), slice(&tape));
    crelu_tangent::<T>(black_box(1), buffer(&mut x), buffer(&mut t));
}

fn norms() {
    let (mut z, mut y, mut g) = ([1.0; 4], [1.0; 4], [1.0; 4]);
    let affine: Option<Affine> = black_box(Some(Affine { gamma: 1.0, beta: 0.0 }));
    let math: Math = black_box(Math::Libm);
    black_box(centre_forward(buffer(&mut z)));
    centre_backward_full(buffer(&mut g));
    let moments = black_box(batch_norm_moments(slice(&z), black_box(1e-5), math));
    batch_norm_forward(buffer(&mut z), moments, affine, buffer(&mut y));
    batch_norm_backward_detached(buffer(&mut g), black_box(1.0), affine);
    batch_norm_backward_full(buffer(&mut g), slice(&z), black_box(1.0), affine);
    let (mut gamma, mut beta) = (0.0, 0.0);
    batch_norm_backward_parameters(slice(&g), slice(&z), &mut gamma, &mut beta);
    black_box((gamma, beta));
    let points = black_box(2);
    let moments = black_box(channel_norm_moments(slice(&z), points, black_box(1e-5), math));
    channel_norm_backward_full(buffer(&mut g), slice(&z), points, black_box(1.0), affine);
    channel_norm_backward_parameters(slice(&g), slice(&z), points, &mut gamma, &mut beta);
    let mut running: Running = black_box(Running::new());
    running.update(moments, black_box(4), black_box(0.1));
    batch_norm_inference(buffer(&mut z), running.moments(black_box(1e-5), math), affine);
    black_box((gamma, beta));
}

fn group_norms() {
    let input = black_box(Image { channels: 2, height: 2, width: 2 });
    let norm = black_box(GroupNorm { input, groups: 2, eps: 0.5 });
    let (x, gamma, mut y, mut sums): (&[f32], &[f32], _, _) =
        (slice(&[1.0; 16]), slice(&[1.0; 2]), [0.0; 16], [0.0; 4]);
    let points = black_box(2);
    group_norm_moments(&norm, points, x).for_each(|moments| {
        black_box(moments);
    });
    group_norm_forward(&norm, (gamma, gamma), points, x, buffer(&mut y));
    group_norm_backward_input(&norm, gamma, points, (x, x), black_box(true), buffer(&mut y));
    let (of_gamma, of_beta) = sums.split_at_mut(2);
    group_norm_backward_parameters(&norm, points, (x, x), buffer(of_gamma), buffer(of_beta));
}

/// Operations of imported models, as they are found in graphs: the operation is not known.
fn imported() {
    let (x, points, mut y): (&[f32], usize, _) = (slice(&[1.0; 16]), black_box(2), [0.0; 16]);
    for entry in black_box(Op::LIST) {
        let (op, operand, value) = black_box((entry.op, entry.operand, entry.operand));
        if let Some(unary) = black_box(unary_of(&op, operand, value)) {
            unary.forward(points, x, buffer(&mut y));
            unary.backward(points, x, x, buffer(&mut y));
            unary.tangent(points, x, x, buffer(&mut y));
        }
        let quantised = int8::Quantised { op: &op, operands: [operand, operand], value, parameters: x };
        black_box((quantised.in_place(buffer(&mut y)), quantised.plain((x, x), buffer(&mut y)).is_ok()));
        if let Some(binary) = black_box(binary_of(&op, [operand, operand], value)) {
            binary.forward(points, (x, x), buffer(&mut y));
            binary.backward(black_box(true), points, (x, x), x, buffer(&mut y));
            binary.tangent(points, (x, x), (x, x), buffer(&mut y));
        }
    }
    constant_forward(x, points, buffer(&mut y));
    constant_backward(points, x, buffer(&mut y));
}

fn joins() {
    let mut x = [1.0; 4];
    join_forward(black_box(1.0), slice(&[1.0; 4]), black_box(0.5), buffer(&mut x));
    join_backward_branch(black_box(0.5), buffer(&mut x));
    join_backward_input(black_box(1.0), slice(&[1.0; 4]), buffer(&mut x));
}
