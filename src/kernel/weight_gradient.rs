use super::isa::dispatch;
use super::portable::Portable;
use super::set::{InstructionSet, Tile};
use super::{Isa, Matrix, Steps, chain_matrix, interleave};

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
    // In one dispatch, and portably for a set that there is not: the compiler sees which sets a tile is for, and no kernel by hand.
    dispatch!(isa, Set => {
        if !Set::weight_gradient(shape, x, grad_output, grad_weight) {
            tiles::<{ Set::WEIGHT_GRADIENT.rows }, { Set::WEIGHT_GRADIENT.points }>(isa, shape, x, grad_output, grad_weight);
        }
    }, otherwise: {
        const TILE: Tile = Portable::WEIGHT_GRADIENT;
        tiles::<{ TILE.rows }, { TILE.points }>(Isa::Portable, shape, x, grad_output, grad_weight);
    });
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
            let block = invariant!(inputs.get(..count));
            for i in (0..fan_out).step_by(R) {
                let mut sums = [[0.0; T]; R];
                let Some(sums) = sums.get_mut(..R.min(fan_out - i)) else { return };
                for (row, sums) in (i..).zip(sums.iter_mut()) {
                    let Some(weights) = grad_weight.get(row * fan_in + k..(row + 1) * fan_in) else { continue };
                    sums.iter_mut().zip(weights).for_each(|(sum, weight)| *sum = *weight);
                }
                let Some(data) = grad_output.get(i * points + p..) else { return };
                chain_matrix::<R, T>(isa, Matrix { data, stride: points, transposed: false }, block, sums);
                for (row, sums) in (i..).zip(sums) {
                    let Some(weights) = grad_weight.get_mut(row * fan_in + k..(row + 1) * fan_in) else { continue };
                    weights.iter_mut().zip(sums).for_each(|(weight, sum)| *weight = *sum);
                }
            }
        }
    }
}
