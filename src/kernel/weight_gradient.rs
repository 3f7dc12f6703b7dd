#[cfg(registers = "cortex_m")]
use super::cortex_m;
use super::{Isa, Matrix, Steps, chain_matrix, interleave, soft_float};

/// Points to a block; with the widest tile its transposed inputs take 8 kB of stack.
const BLOCK: usize = 64;

/// `grad_weight[i][k] = chain(grad_weight[i][k]; grad_output[i][p] * x[k][p], p ascending)`: accumulates.
///
/// # Shapes
/// `x` `[in][points]`, `grad_output` `[out][points]`, `grad_weight` `[out][in]`; what a slice lacks is left alone.
///
/// # Numerics
/// Equal to [`dense_backward_parameters`](crate::op::dense_backward_parameters) for every instruction set: its lanes are
/// inputs k, and points go through them in order.
#[inline]
pub fn weight_gradient(
    isa: Isa,
    (fan_out, fan_in, points): (usize, usize, usize),
    x: &[f32],
    grad_output: &[f32],
    grad_weight: &mut [f32],
) {
    let shape = (fan_out, fan_in, points);
    match isa {
        #[cfg(registers = "x86")]
        Isa::Avx512 => tiles::<8, 32>(isa, shape, x, grad_output, grad_weight),
        #[cfg(registers = "x86")]
        Isa::Avx => tiles::<5, 16>(isa, shape, x, grad_output, grad_weight),
        #[cfg(registers = "neon")]
        Isa::Neon => tiles::<4, 16>(isa, shape, x, grad_output, grad_weight),
        #[cfg(registers = "cortex_m")]
        Isa::Vfp => cortex_m::weight_gradient(shape, x, grad_output, grad_weight),
        Isa::SoftFloat => soft_float::weight_gradient(shape, x, grad_output, grad_weight),
        // Where nothing is wide and stacks are small.
        _ if cfg!(any(target_arch = "arm", target_arch = "riscv32", target_arch = "riscv64")) => {
            tiles::<4, 4>(isa, shape, x, grad_output, grad_weight)
        }
        _ => tiles::<2, 16>(isa, shape, x, grad_output, grad_weight),
    }
}

/// R outputs by T inputs at a time: a product of grad_output with the transposed inputs of a block of points.
/// Not inlined, so that its block burdens no other's stack.
#[inline(never)]
fn tiles<const R: usize, const T: usize>(
    isa: Isa,
    (fan_out, fan_in, points): (usize, usize, usize),
    x: &[f32],
    grad_output: &[f32],
    grad_weight: &mut [f32],
) {
    let mut inputs = [[0.0; T]; BLOCK];
    for k in (0..fan_in).step_by(T) {
        for p in (0..points).step_by(BLOCK) {
            let count = BLOCK.min(points - p);
            let rows = T.min(fan_in - k);
            if rows < T {
                inputs.as_flattened_mut().fill(0.0);
            }
            let from = Steps { first: k * points + p, outer: points, place: 0 };
            let into = Steps { first: 0, outer: T, place: 0 };
            interleave(isa, (rows, count, 1), (x, from), (inputs.as_flattened_mut(), into));
            let block = inputs.get(..count).unwrap_or_default();
            for i in (0..fan_out).step_by(R) {
                let mut sums = [[0.0; T]; R];
                let Some(sums) = sums.get_mut(..R.min(fan_out - i)) else { return };
                for (row, sums) in (i..).zip(sums.iter_mut()) {
                    let weights = grad_weight.get(row * fan_in + k..(row + 1) * fan_in).unwrap_or_default();
                    sums.iter_mut().zip(weights).for_each(|(sum, weight)| *sum = *weight);
                }
                let data = grad_output.get(i * points + p..).unwrap_or_default();
                chain_matrix::<R, T>(isa, Matrix { data, stride: points, transposed: false }, block, sums);
                for (row, sums) in (i..).zip(sums) {
                    let weights = grad_weight.get_mut(row * fan_in + k..(row + 1) * fan_in).unwrap_or_default();
                    weights.iter_mut().zip(sums).for_each(|(weight, sum)| *weight = *sum);
                }
            }
        }
    }
}
