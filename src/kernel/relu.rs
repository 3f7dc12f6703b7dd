//! The ReLU of [`crate::op::relu_forward`] on registers, with its tape of one bit an element.
use super::Isa;
use super::isa::dispatch;
use super::lanes::{Job, Lanes};
use super::set::InstructionSet;
use crate::op;

/// Elements to a step: two bytes of tape.
const STEP: usize = 16;

/// [`op::relu_forward`] by the instructions given: the same bits.
pub fn relu_forward(isa: Isa, x: &mut [f32], tape: &mut [u8]) {
    if !dispatch!(isa, Set => Set::relu_forward(x, tape), otherwise: false) {
        isa.run(Forward { x, tape });
    }
}

/// [`op::relu_backward`] by the instructions given: the same bits.
pub fn relu_backward(isa: Isa, g: &mut [f32], tape: &[u8]) {
    if !dispatch!(isa, Set => Set::relu_backward(g, tape), otherwise: false) {
        isa.run(Backward { g, tape });
    }
}

struct Forward<'a> {
    x: &'a mut [f32],
    tape: &'a mut [u8],
}

impl Job for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn portable(self) {
        op::relu_forward(self.x, self.tape);
    }

    #[inline(always)]
    fn on<L: Lanes>(self, lanes: L) {
        let steps = (self.x.len() / STEP).min(self.tape.len() / 2);
        let (x, rest) = invariant!(self.x.split_at_mut_checked(steps * STEP));
        let (tape, rest_of_tape) = invariant!(self.tape.split_at_mut_checked(2 * steps));
        for (x, tape) in x.as_chunks_mut::<STEP>().0.iter_mut().zip(tape.as_chunks_mut::<2>().0) {
            let mut bits = 0;
            for at in 0..STEP / L::N {
                let values = lanes.load(x, at);
                let positive = lanes.gt_zero_mask(values);
                bits |= positive << (at * L::N);
                lanes.store(lanes.mask(values, positive), x, at);
            }
            *tape = (bits as u16).to_le_bytes();
        }
        op::relu_forward(rest, rest_of_tape);
    }
}

struct Backward<'a> {
    g: &'a mut [f32],
    tape: &'a [u8],
}

impl Job for Backward<'_> {
    type Output = ();

    #[inline(always)]
    fn portable(self) {
        op::relu_backward(self.g, self.tape);
    }

    #[inline(always)]
    fn on<L: Lanes>(self, lanes: L) {
        let steps = (self.g.len() / STEP).min(self.tape.len() / 2);
        let (g, rest) = invariant!(self.g.split_at_mut_checked(steps * STEP));
        let (tape, rest_of_tape) = invariant!(self.tape.split_at_checked(2 * steps));
        for (g, tape) in g.as_chunks_mut::<STEP>().0.iter_mut().zip(tape.as_chunks::<2>().0) {
            let bits = u32::from(u16::from_le_bytes(*tape));
            for at in 0..STEP / L::N {
                let values = lanes.load(g, at);
                lanes.store(lanes.mask(values, bits >> (at * L::N)), g, at);
            }
        }
        op::relu_backward(rest, rest_of_tape);
    }
}

/// [`op::crelu_forward`] by the instructions given: the same bits.
pub(crate) fn crelu_forward<const T: usize>(isa: Isa, plane: usize, x: &mut [[f32; T]], tape: &mut [u8]) {
    isa.run(CreluForward { plane, x, tape });
}

/// [`op::crelu_backward`] by the instructions given: the same bits of what is finite.
pub(crate) fn crelu_backward<const T: usize>(isa: Isa, plane: usize, g: &mut [[f32; T]], tape: &[u8]) {
    isa.run(CreluBackward { plane, g, tape });
}

/// Unit `at` and the same one a channel further.
#[inline(always)]
fn pair<const T: usize>(x: &mut [[f32; T]], at: usize, plane: usize) -> Option<(&mut [f32; T], &mut [f32; T])> {
    match x.get_mut(at..=at + plane)? {
        [even, .., odd] => Some((even, odd)),
        _ => None,
    }
}

struct CreluForward<'a, const T: usize> {
    plane: usize,
    x: &'a mut [[f32; T]],
    tape: &'a mut [u8],
}

impl<const T: usize> Job for CreluForward<'_, T> {
    type Output = ();

    #[inline(always)]
    fn portable(self) {
        // Vectors are frequent, and with a constant the loop over a channel goes.
        match self.plane {
            1 => op::crelu_forward::<T>(1, self.x, self.tape),
            plane => op::crelu_forward::<T>(plane, self.x, self.tape),
        }
    }

    #[inline(always)]
    fn on<L: Lanes>(self, lanes: L) {
        let Self { plane, x, tape } = self;
        if !T.is_multiple_of(STEP) || plane == 0 {
            return op::crelu_forward::<T>(plane, x, tape);
        }
        let minus = lanes.splat(-1.0);
        // From the last channel down, so that no unit is overwritten before it is read.
        for c in (0..x.len() / 2 / plane).rev() {
            for k in c * plane..(c + 1) * plane {
                let Some(&unit) = x.get(k) else { return };
                let Some((even, odd)) = pair(x, k + c * plane, plane) else { return };
                for step in 0..T / STEP {
                    let mut bits = 0;
                    for part in 0..STEP / L::N {
                        let at = step * (STEP / L::N) + part;
                        let value = lanes.load(&unit, at);
                        let opposite = lanes.mul(value, minus);
                        let positive = lanes.gt_zero_mask(value);
                        bits |= positive << (part * L::N);
                        lanes.store(lanes.mask(value, positive), even, at);
                        lanes.store(lanes.mask(opposite, lanes.gt_zero_mask(opposite)), odd, at);
                    }
                    let at = (k * T + step * STEP) / 8;
                    if let Some(tape) = tape.get_mut(at..).and_then(|tape| tape.first_chunk_mut::<2>()) {
                        *tape = (bits as u16).to_le_bytes();
                    }
                }
            }
        }
    }
}

struct CreluBackward<'a, const T: usize> {
    plane: usize,
    g: &'a mut [[f32; T]],
    tape: &'a [u8],
}

impl<const T: usize> Job for CreluBackward<'_, T> {
    type Output = ();

    #[inline(always)]
    fn portable(self) {
        match self.plane {
            1 => op::crelu_backward::<T>(1, self.g, self.tape),
            plane => op::crelu_backward::<T>(plane, self.g, self.tape),
        }
    }

    #[inline(always)]
    fn on<L: Lanes>(self, lanes: L) {
        let Self { plane, g, tape } = self;
        if !T.is_multiple_of(STEP) || plane == 0 {
            return op::crelu_backward::<T>(plane, g, tape);
        }
        let minus = lanes.splat(-1.0);
        for c in 0..g.len() / 2 / plane {
            for k in c * plane..(c + 1) * plane {
                let Some((&mut even, &mut odd)) = pair(g, k + c * plane, plane) else { return };
                let Some(unit) = g.get_mut(k) else { return };
                for step in 0..T / STEP {
                    let at = (k * T + step * STEP) / 8;
                    let Some(&bytes) = tape.get(at..).and_then(|tape| tape.first_chunk::<2>()) else { return };
                    let bits = u32::from(u16::from_le_bytes(bytes));
                    for part in 0..STEP / L::N {
                        let at = step * (STEP / L::N) + part;
                        let opposite = lanes.mul(lanes.load(&odd, at), minus);
                        let selected = lanes.select(bits >> (part * L::N), lanes.load(&even, at), opposite);
                        lanes.store(selected, unit, at);
                    }
                }
            }
        }
    }
}
