//! Norms of one point, on T points beside each other.
use super::backward::Backward;
use super::forward::Forward;
use crate::graph::Node;
use crate::kernel::all_finite;
use crate::math::{Math, is_finite};
use crate::op::{GroupNorm, group_norm_tape, inverse_deviation, through_batch};
use crate::workers::Workers;

/// Mean and inverse deviation of a group.
#[derive(Clone, Copy)]
struct Kept<const T: usize> {
    mean: [f32; T],
    inv: [f32; T],
}

/// RED16 over units, of each lane, through their number.
#[inline(always)]
fn mean<const T: usize>(units: usize, term: impl Fn(usize, usize) -> f32) -> [f32; T] {
    let mut sums = [[0.0; T]; 16];
    for k in 0..units {
        let Some(sums) = sums.get_mut(k % 16) else { break };
        for (lane, sum) in sums.iter_mut().enumerate() {
            *sum += term(k, lane);
        }
    }
    for half in [8, 4, 2, 1] {
        let Some((low, high)) = sums.split_at_mut_checked(half) else { break };
        for (low, high) in low.iter_mut().zip(high) {
            for (low, high) in low.iter_mut().zip(high) {
                *low += *high;
            }
        }
    }
    sums[0].map(|sum| sum / units as f32)
}

#[inline(always)]
fn at<const T: usize>(x: &[[f32; T]], unit: usize, lane: usize) -> f32 {
    invariant!(x.get(unit).and_then(|x| x.get(lane)).copied())
}

impl<const T: usize> Kept<T> {
    /// None where one of its numbers, or the variance, is not finite.
    #[inline(always)]
    fn of(x: &[[f32; T]], eps: f32) -> Option<Self> {
        let means = mean::<T>(x.len(), |k, lane| at(x, k, lane));
        let middle = |lane: usize| invariant!(means.get(lane).copied());
        let variance = mean::<T>(x.len(), |k, lane| {
            let d = at(x, k, lane) - middle(lane);
            d * d
        });
        let inv = variance.map(|variance| inverse_deviation(variance, eps, Math::Libm));
        // The deviation of an infinite variance is finite.
        let finite = means.iter().chain(&variance).chain(&inv).all(|x| is_finite(*x));
        finite.then_some(Self { mean: means, inv })
    }

    #[inline(always)]
    fn xhat(&self, x: f32, lane: usize) -> f32 {
        let of = |all: &[f32; T]| invariant!(all.get(lane).copied());
        (x - of(&self.mean)) * of(&self.inv)
    }

    fn write(&self, tape: &mut [u8]) {
        for (to, x) in tape.as_chunks_mut().0.iter_mut().zip(self.mean.iter().chain(&self.inv)) {
            *to = x.to_le_bytes();
        }
    }

    fn read(tape: &[u8]) -> Self {
        let mut kept = Self { mean: [0.0; T], inv: [0.0; T] };
        for (x, from) in kept.mean.iter_mut().chain(&mut kept.inv).zip(tape.as_chunks().0) {
            *x = f32::from_le_bytes(*from);
        }
        kept
    }

    /// Normalises a group in place, and applies scale and shift.
    #[inline(always)]
    fn normalise(&self, plane: usize, (gamma, beta): (&[f32], &[f32]), x: &mut [[f32; T]]) {
        for (x, (gamma, beta)) in x.chunks_exact_mut(plane.max(1)).zip(gamma.iter().zip(beta)) {
            for x in x {
                for (lane, x) in x.iter_mut().enumerate() {
                    *x = (self.xhat(*x, lane) * gamma) + beta;
                }
            }
        }
    }

    /// Gradients of a group in place; `gamma` scales them before, or tangents after.
    #[inline(always)]
    fn propagate(&self, plane: usize, (gamma, tangent): (&[f32], bool), x: &[[f32; T]], g: &mut [[f32; T]]) {
        let scale = |g: &mut [[f32; T]]| {
            for (g, gamma) in g.chunks_exact_mut(plane.max(1)).zip(gamma) {
                g.as_flattened_mut().iter_mut().for_each(|g| *g *= gamma);
            }
        };
        if !tangent {
            scale(g);
        }
        let (c1, c2) = {
            let g = &*g;
            let product = |k: usize, lane: usize| at(g, k, lane) * self.xhat(at(x, k, lane), lane);
            (mean::<T>(g.len(), |k, lane| at(g, k, lane)), mean::<T>(g.len(), product))
        };
        for (x, g) in x.iter().zip(&mut *g) {
            for (lane, (x, g)) in x.iter().zip(g).enumerate() {
                let of = |all: &[f32; T]| invariant!(all.get(lane).copied());
                *g = through_batch(*g, self.xhat(*x, lane), of(&c1), of(&c2), of(&self.inv));
            }
        }
        if tangent {
            scale(g);
        }
    }
}

/// The groups of a tile, with their channels' parameters and their tape.
struct Groups {
    units: usize,
    plane: usize,
    channels: usize,
    tape: usize,
}

impl Groups {
    fn of<const T: usize>(norm: &GroupNorm) -> Self {
        let channels = norm.input.channels as usize / (norm.groups as usize).max(1);
        Self { units: norm.units().max(1), plane: norm.plane(), channels: channels.max(1), tape: 8 * T }
    }
}

impl<K: Workers, const R: usize, const T: usize> Forward<'_, '_, '_, K, R, T> {
    #[inline(never)]
    pub(super) fn group_norm(&mut self, node: &Node, groups: u32, eps: f32) -> bool {
        // The plan has refused the graph: the code is left out.
        if !cfg!(feature = "norm") {
            return false;
        }
        let (isa, from, to) = (self.room.isa, self.memory.span(node.x), self.memory.span(self.node()));
        let norm = GroupNorm { input: node.shape.image(), groups, eps };
        let (channels, of) = (node.shape.channels as usize, Groups::of::<T>(&norm));
        let (gamma, beta) = (self.take(channels), self.take(channels));
        self.memory.copy(from, to);
        let group = |y: &mut [[f32; T]], tape: &mut [u8], i: usize| {
            let of_group = |all: &'_ [f32]| i.wrapping_mul(of.channels)..all.len();
            let (gamma, beta) = (gamma.get(of_group(gamma)), beta.get(of_group(beta)));
            let by = (invariant!(gamma), invariant!(beta));
            let kept = isa.compiled(Kept::<T>::of, &*y, eps);
            kept.is_some_and(|kept| {
                kept.write(tape);
                isa.compiled(|y: &mut [[f32; T]], by| kept.normalise(of.plane, by, y), &mut *y, by);
                all_finite(isa, y.as_flattened())
            })
        };
        let each = |y: &mut [f32], tape: &mut [u8]| {
            let mut tapes = tape.chunks_exact_mut(of.tape.max(1));
            let all = y.as_chunks_mut::<T>().0.chunks_exact_mut(of.units.max(1)).enumerate();
            // Without a backward pass there is no tape.
            all.fold(true, |finite, (i, y)| group(y, tapes.next().map_or(&mut [], |tape| tape), i) && finite)
        };
        match self.take_tape(group_norm_tape(groups, T as u32) as usize) {
            Some(at) => self.memory.over_taped(to, at, each),
            None => self.memory.over(to, |_, y| each(y, &mut [])),
        }
    }
}

impl<K: Workers, const R: usize, const T: usize> Backward<'_, '_, '_, K, R, T> {
    #[inline(never)]
    pub(super) fn group_norm(&mut self, node: &Node, groups: u32, eps: f32) -> bool {
        // The plan has refused the graph: the code is left out.
        if !cfg!(feature = "norm") {
            return false;
        }
        let norm = GroupNorm { input: node.shape.image(), groups, eps };
        let channels = node.shape.channels as usize;
        let at = self.take(channels.wrapping_mul(2));
        let tape = self.take_tape(group_norm_tape(groups, T as u32) as usize);
        let finite =
            if self.wants(node.x) { self.group_norm_operand(node, &norm, (at, tape)) } else { self.is_finite() };
        if finite && self.sink.wanted() {
            self.chain_channels(node, at.wrapping_add(channels));
            self.group_norm_terms(node, &norm, tape);
            self.chain_channels(node, at);
        }
        finite
    }

    #[inline(never)]
    fn group_norm_operand(&mut self, node: &Node, norm: &GroupNorm, (at, tape): (usize, usize)) -> bool {
        let (isa, of) = (self.room.isa, Groups::of::<T>(norm));
        let (x, g, to) = (self.memory.span(node.x), self.memory.gradient(self.at_hand(node).0), self.target(node));
        self.memory.copy(g, to);
        let gamma = invariant!(self.sink.parameters().get(at..));
        let finite = self.memory.across_taped((x, to), tape, |x, g, tape| {
            let (x, g) = (
                x.as_chunks::<T>().0.chunks_exact(of.units.max(1)),
                g.as_chunks_mut::<T>().0.chunks_exact_mut(of.units.max(1)),
            );
            let parts = x.zip(g).zip(tape.chunks_exact(of.tape.max(1)).zip(gamma.chunks(of.channels.max(1))));
            parts.fold(true, |finite, ((x, g), (tape, gamma))| {
                let kept = Kept::<T>::read(tape);
                isa.compiled(|x, g: &mut [[f32; T]]| kept.propagate(of.plane, (gamma, false), x, g), x, &mut *g);
                all_finite(isa, g.as_flattened()) && finite
            })
        });
        finite && self.settle(node)
    }

    /// The gradient of the value, which is not needed again, becomes what it adds to the gradient of gamma.
    #[inline(never)]
    fn group_norm_terms(&mut self, node: &Node, norm: &GroupNorm, tape: usize) {
        let of = Groups::of::<T>(norm);
        let (x, g) = (self.memory.span(node.x), self.memory.gradient(self.at_hand(node).0));
        self.memory.across_taped((x, g), tape, |x, g, tape| {
            let (x, g) = (
                x.as_chunks::<T>().0.chunks_exact(of.units.max(1)),
                g.as_chunks_mut::<T>().0.chunks_exact_mut(of.units.max(1)),
            );
            for ((x, g), tape) in x.zip(g).zip(tape.chunks_exact(of.tape.max(1))) {
                let kept = Kept::<T>::read(tape);
                for (x, g) in x.iter().zip(g) {
                    for (lane, (x, g)) in x.iter().zip(g).enumerate() {
                        *g *= kept.xhat(*x, lane);
                    }
                }
            }
            true
        });
    }
}

/// The tangents of a tile in place; whether all are finite.
pub(super) fn tangents<const T: usize>(norm: &GroupNorm, gamma: &[f32], x: &[f32], t: &mut [f32]) -> bool {
    let of = Groups::of::<T>(norm);
    let (x, t) = (
        x.as_chunks::<T>().0.chunks_exact(of.units.max(1)),
        t.as_chunks_mut::<T>().0.chunks_exact_mut(of.units.max(1)),
    );
    x.zip(t).zip(gamma.chunks(of.channels.max(1))).fold(true, |finite, ((x, t), gamma)| {
        let kept = Kept::<T>::of(x, norm.eps);
        kept.is_some_and(|kept| {
            kept.propagate(of.plane, (gamma, true), x, t);
            t.as_flattened().iter().all(|t| is_finite(*t))
        }) && finite
    })
}
