use super::Isa;
use super::isa::dispatch;
use super::set::InstructionSet;

/// `weight[i][k] = weight[i][k] - (rate * (grad_output[i] * x[k]))`: the gradient of one point used where it arises, and kept nowhere.
///
/// # Shapes
/// `x` `[in]`, `grad_output` `[out]`, `weight` `[out][in]`; slices that are too short change nothing.
///
/// # Numerics
/// Three roundings: equal to [`weight_gradient`](super::weight_gradient) from +0.0 and then [`Sgd`](crate::train::optimiser::Sgd) without decay, for
/// weights that are not -0.0 (none is drawn, and no update makes one).
#[inline]
pub fn descend(
    isa: Isa,
    (fan_out, fan_in): (usize, usize),
    rate: f32,
    x: &[f32],
    grad_output: &[f32],
    weight: &mut [f32],
) {
    let shape = (fan_out, fan_in);
    if !dispatch!(isa, Set => Set::descend(shape, rate, x, grad_output, weight), otherwise: false) {
        isa.compiled(plain, (shape, rate, x, grad_output), weight);
    }
}

type Operands<'a> = ((usize, usize), f32, &'a [f32], &'a [f32]);

#[inline(always)]
fn plain(((fan_out, fan_in), rate, x, grad_output): Operands, weight: &mut [f32]) {
    let all = fan_out.checked_mul(fan_in).is_some_and(|len| len > 0 && len <= weight.len());
    let (Some(x), Some(grad_output), true) = (x.get(..fan_in), grad_output.get(..fan_out), all) else { return };
    for (g, weight) in grad_output.iter().zip(weight.chunks_exact_mut(fan_in.max(1))) {
        for (w, x) in weight.iter_mut().zip(x) {
            *w -= rate * (g * x);
        }
    }
}
