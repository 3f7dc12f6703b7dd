//! Gradients of weights, and descents along them.
use crate::values::{Room, Values, same};
use shatterscope::exec::Isa;
use shatterscope::internals::kernel::{descend, weight_gradient};
use shatterscope::internals::op::dense_backward_parameters;

const FAN_OUT: usize = 9;
const FAN_IN: usize = 40;
const POINTS: usize = 4;
const AROUND: f32 = 12345.0;

/// All shapes; values compared.
pub fn check(isa: Isa, mut room: Room) -> usize {
    let (x, grad_output) = (room.take(FAN_IN * POINTS), room.take(FAN_OUT * POINTS));
    let (start, expected) = (room.take(FAN_OUT * FAN_IN), room.take(FAN_OUT * FAN_IN));
    let around = room.take(FAN_OUT * FAN_IN + 2);
    let (mut values, mut compared) = (Values(5), 0);
    for fan_out in 1..=FAN_OUT {
        for fan_in in 1..=FAN_IN {
            let points = 1 + (fan_out + fan_in) % POINTS;
            let shape = (fan_out, fan_in, points);
            let what = format_args!("{isa:?} gradient of weights, {fan_out}x{fan_in}, {points} points");
            let (x, grad_output) = (&mut x[..fan_in * points], &mut grad_output[..fan_out * points]);
            let len = fan_out * fan_in;
            let (start, expected) = (&mut start[..len], &mut expected[..len]);
            values.fill(x);
            values.fill(grad_output);
            values.fill_starts(start);
            expected.copy_from_slice(start);
            let told = dense_backward_parameters(shape, x, grad_output, expected, &mut []);
            assert_eq!(told, Ok(()), "{what}");

            around.fill(AROUND);
            around[1..=len].copy_from_slice(start);
            weight_gradient(isa, shape, x, grad_output, &mut around[1..=len]);
            same(&around[1..=len], expected, what);
            // Too short, each slice in turn: nothing past its end is touched, and what is there stays what it was or is right.
            weight_gradient(isa, shape, &x[1..], grad_output, &mut around[1..=len]);
            weight_gradient(isa, shape, x, &grad_output[1..], &mut around[1..=len]);
            around[1..=len].copy_from_slice(start);
            around[len] = AROUND;
            weight_gradient(isa, shape, x, grad_output, &mut around[1..len]);
            assert!([0, len, len + 1].iter().all(|at| around[*at] == AROUND), "{what}: written outside");
            compared += len + descents(isa, (fan_out, fan_in), x, grad_output, start, expected, around);
        }
    }
    compared
}

fn descents(
    isa: Isa,
    (fan_out, fan_in): (usize, usize),
    x: &[f32],
    grad_output: &[f32],
    start: &mut [f32],
    expected: &mut [f32],
    around: &mut [f32],
) -> usize {
    let (rate, len, shape) = (0.3, fan_out * fan_in, (fan_out, fan_in));
    let what = format_args!("{isa:?} descent, {fan_out}x{fan_in}");
    let (x, grad_output) = (&x[..fan_in], &grad_output[..fan_out]);
    for (row, g) in expected.chunks_exact_mut(fan_in).zip(grad_output) {
        for (w, x) in row.iter_mut().zip(x) {
            *w = g * x;
        }
    }
    for (w, start) in expected.iter_mut().zip(start.iter()) {
        *w = start - rate * *w;
    }
    around[0] = AROUND;
    around[len + 1] = AROUND;
    around[1..=len].copy_from_slice(start);
    descend(isa, shape, rate, x, grad_output, &mut around[1..=len]);
    same(&around[1..=len], expected, what);
    around[1..=len].copy_from_slice(start);
    descend(isa, shape, rate, &x[1..], grad_output, &mut around[1..=len]);
    descend(isa, shape, rate, x, &grad_output[1..], &mut around[1..=len]);
    descend(isa, shape, rate, x, grad_output, &mut around[1..len]);
    same(&around[1..=len], start, what);
    assert!([0, len + 1].iter().all(|at| around[*at] == AROUND), "{what}: written outside");
    len
}
