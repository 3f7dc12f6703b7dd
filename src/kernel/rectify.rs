//! The rectifier of [`crate::layer::relu_forward`] on registers, with its tape of one bit an element.
use super::Isa;
#[cfg(all(target_arch = "arm", target_abi = "eabihf"))]
use super::cortex_m;
use super::lanes::{Job, Lanes};
use crate::layer;

/// Elements to a step: two bytes of tape.
const STEP: usize = 16;

/// [`layer::relu_forward`] by the instructions given: the same bits.
pub fn relu_forward(isa: Isa, x: &mut [f32], tape: &mut [u8]) {
    #[cfg(all(target_arch = "arm", target_abi = "eabihf"))]
    if isa == Isa::Vfp {
        return cortex_m::relu_forward(x, tape);
    }
    isa.run(Forward { x, tape });
}

/// [`layer::relu_backward`] by the instructions given: the same bits.
pub fn relu_backward(isa: Isa, g: &mut [f32], tape: &[u8]) {
    #[cfg(all(target_arch = "arm", target_abi = "eabihf"))]
    if isa == Isa::Vfp {
        return cortex_m::relu_backward(g, tape);
    }
    isa.run(Backward { g, tape });
}

struct Forward<'a> {
    x: &'a mut [f32],
    tape: &'a mut [u8],
}

impl Job for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn portable(self) {
        layer::relu_forward(self.x, self.tape);
    }

    #[inline(always)]
    fn on<L: Lanes>(self, lanes: L) {
        let steps = (self.x.len() / STEP).min(self.tape.len() / 2);
        let (x, rest) = self.x.split_at_mut_checked(steps * STEP).unwrap_or_default();
        let (tape, rest_of_tape) = self.tape.split_at_mut_checked(2 * steps).unwrap_or_default();
        for (x, tape) in x.as_chunks_mut::<STEP>().0.iter_mut().zip(tape.as_chunks_mut::<2>().0) {
            let mut bits = 0;
            for at in 0..STEP / L::N {
                let values = lanes.load(x, at);
                let positive = lanes.positive(values);
                bits |= positive << (at * L::N);
                lanes.store(lanes.keep(values, positive), x, at);
            }
            *tape = (bits as u16).to_le_bytes();
        }
        layer::relu_forward(rest, rest_of_tape);
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
        layer::relu_backward(self.g, self.tape);
    }

    #[inline(always)]
    fn on<L: Lanes>(self, lanes: L) {
        let steps = (self.g.len() / STEP).min(self.tape.len() / 2);
        let (g, rest) = self.g.split_at_mut_checked(steps * STEP).unwrap_or_default();
        let (tape, rest_of_tape) = self.tape.split_at_checked(2 * steps).unwrap_or_default();
        for (g, tape) in g.as_chunks_mut::<STEP>().0.iter_mut().zip(tape.as_chunks::<2>().0) {
            let bits = u32::from(u16::from_le_bytes(*tape));
            for at in 0..STEP / L::N {
                let values = lanes.load(g, at);
                lanes.store(lanes.keep(values, bits >> (at * L::N)), g, at);
            }
        }
        layer::relu_backward(rest, rest_of_tape);
    }
}
