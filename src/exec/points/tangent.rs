use super::super::at::At;
use super::super::group_norm;
use super::super::memory::Span;
use super::Run;
use crate::graph::{Node, Op, Saved};
use crate::kernel::all_finite;
use crate::op::{
    DilatedPool, GroupNorm, Pool, binary_of, crelu_tangent, dilated_max_pool_tangent, max_pool_tangents, relu_tangent,
    unary_of,
};
use crate::plan::Statistics;
use crate::workers::Workers;

impl<'a, K: Workers, const R: usize, const T: usize> Run<'a, K, R, T> {
    /// Computes the value of a node and its tangent. Returns whether both are finite.
    pub(super) fn value_and_tangent(&mut self, node: &Node) -> bool {
        let at = self.at;
        match node.op {
            Op::Input { .. } => true,
            // The plan has refused gradients of a graph with bytes.
            Op::Int8Input { .. }
            | Op::Int8Reshape { .. }
            | Op::Int8Conv { .. }
            | Op::Int8DepthwiseConv { .. }
            | Op::Int8Dense { .. }
            | Op::Int8Add { .. }
            | Op::Int8Multiply { .. }
            | Op::Int8AveragePool { .. }
            | Op::Int8MaxPool { .. }
            | Op::Int8Table
            | Op::Int8Softmax { .. }
            | Op::Int8Mean { .. }
            | Op::Int8Pad { .. }
            | Op::Int8Concat { .. }
            | Op::Quantise { .. }
            | Op::Dequantise { .. } => false,
            Op::Dense { .. }
            | Op::Conv { .. }
            | Op::Reshape { .. }
            | Op::AveragePool { .. }
            | Op::GroupedConv { .. }
            | Op::TapsFirstConv { .. }
            | Op::DilatedAveragePool { .. }
            | Op::Shortcut { .. }
            | Op::Dropout { .. }
            | Op::Constant { .. }
            | Op::Add { .. } => self.linear(node, at) && self.value(node),
            Op::Relu => self.relu_and_tangent(node),
            Op::Crelu => self.crelu_and_tangent(node),
            Op::Elu { .. } | Op::Sigmoid | Op::Function { .. } => self.elements_and_tangent(node),
            Op::Prelu { .. } => self.prelu_tangent(node, at) && self.value(node),
            Op::GroupNorm { groups, eps } => self.group_norm_tangent(node, groups, eps) && self.value(node),
            Op::MaxPool { window } => {
                let pool = Pool { input: self.memory.plan.graph().shape(node.x as usize).image(), window };
                self.max_pool_tangent(node, &pool) && self.value(node)
            }
            Op::DilatedMaxPool { window } => {
                let input = self.memory.plan.graph().shape(node.x as usize).image();
                self.dilated_max_pool_tangent(node, &DilatedPool { input, window }) && self.value(node)
            }
            Op::BatchNorm { .. } | Op::Normalise { .. } | Op::Centre => self.norm_and_tangent(node),
            Op::Pairwise { .. } | Op::Concat { .. } | Op::Matmul { .. } => {
                self.value(node) && self.binary_tangent(node)
            }
            Op::Softmax { .. }
            | Op::Reduce { .. }
            | Op::Transpose { .. }
            | Op::Slice { .. }
            | Op::Pad { .. }
            | Op::Expand { .. }
            | Op::Resize { .. } => self.value(node) && self.unary_tangent(node),
        }
    }

    /// The tangent of an affine operation: the operation without its bias.
    #[inline(never)]
    fn linear(&mut self, node: &Node, at: At) -> bool {
        core::mem::swap(&mut self.memory.values, &mut self.tangents);
        let mut pass = self.pass(at);
        pass.linear = true;
        let finite = pass.compute(node);
        core::mem::swap(&mut self.memory.values, &mut self.tangents);
        finite
    }

    /// Copies the operand and its tangent to the slot of the value, which it returns.
    fn copy_both(&mut self, node: &Node, spread: bool) -> Span {
        let (from, to) = (self.memory.span(node.x), self.memory.span(self.cursor.node));
        for _ in 0..2 {
            if spread {
                self.memory.spread(from, to)
            } else {
                self.memory.copy(from, to)
            }
            core::mem::swap(&mut self.memory.values, &mut self.tangents);
        }
        to
    }

    #[inline(never)]
    fn relu_and_tangent(&mut self, node: &Node) -> bool {
        let (isa, to) = (self.room.isa, self.copy_both(node, false));
        self.over_both(to, |x, t| isa.compiled(relu_tangent, x, t));
        true
    }

    #[inline(never)]
    fn crelu_and_tangent(&mut self, node: &Node) -> bool {
        let to = self.copy_both(node, true);
        let (isa, plane) = (self.room.isa, node.shape.plane() as usize);
        self.over_both(to, |x, t| {
            let (x, t) = (x.as_chunks_mut::<T>().0, t.as_chunks_mut::<T>().0);
            isa.compiled(|x: &mut [[f32; T]], t: &mut [[f32; T]]| crelu_tangent::<T>(plane, x, t), x, t);
        });
        true
    }

    /// An operation of single elements.
    #[inline(never)]
    fn elements_and_tangent(&mut self, node: &Node) -> bool {
        let Some(elements) = node.op.elements() else { return false };
        let (from, to) = (self.memory.span(node.x), self.memory.span(self.cursor.node));
        core::mem::swap(&mut self.memory.values, &mut self.tangents);
        self.memory.copy(from, to);
        let of_value = matches!(elements.of(), Saved::Value);
        if !of_value {
            // The value may be written over the operand.
            let x = invariant!(self.tangents.get(from.start..).and_then(|x| x.get(..from.len)));
            self.memory.over(to, |tile, t| {
                elements.slope(from.of_tile(x, tile), t);
                true
            });
        }
        core::mem::swap(&mut self.memory.values, &mut self.tangents);
        let finite = self.value(node);
        if of_value {
            self.over_both(to, |y, t| elements.slope(y, t));
        }
        finite && self.is_finite(to)
    }

    /// Calls `f(value, tangent)` for every tile of a value.
    fn over_both(&mut self, span: Span, f: impl Fn(&mut [f32], &mut [f32]) + Sync) {
        let workers = self.memory.workers;
        let t = invariant!(self.tangents.get_mut(span.start..).and_then(|t| t.get_mut(..span.len)));
        workers.any2(self.memory.get_mut(span), span.tile_len, t, span.tile_len, |_, x, t| {
            f(x, t);
            false
        });
    }

    /// `t = x > 0 ? t : slope t`
    #[inline(never)]
    fn prelu_tangent(&mut self, node: &Node, at: At) -> bool {
        let isa = self.room.isa;
        let (from, to) = (self.memory.span(node.x), self.memory.span(self.cursor.node));
        let slopes = self.pass(at).take(node.shape.channels as usize);
        core::mem::swap(&mut self.memory.values, &mut self.tangents);
        self.memory.copy(from, to);
        let x = invariant!(self.tangents.get(from.start..).and_then(|x| x.get(..from.len)));
        let finite = self.memory.over(to, |tile, t| {
            isa.compiled(sloped, (slopes, from.of_tile(x, tile)), &mut *t);
            all_finite(isa, t)
        });
        core::mem::swap(&mut self.memory.values, &mut self.tangents);
        finite
    }

    #[inline(never)]
    fn group_norm_tangent(&mut self, node: &Node, groups: u32, eps: f32) -> bool {
        // The plan has refused the graph: the code is left out.
        if !cfg!(feature = "norm") {
            return false;
        }
        let norm = GroupNorm { input: node.shape.image(), groups, eps };
        let (at, from, to) = (self.at, self.memory.span(node.x), self.memory.span(self.cursor.node));
        let gamma = self.pass(at).take(node.shape.channels as usize);
        core::mem::swap(&mut self.memory.values, &mut self.tangents);
        self.memory.copy(from, to);
        let x = invariant!(self.tangents.get(from.start..).and_then(|x| x.get(..from.len)));
        let finite = self.memory.over(to, |tile, t| group_norm::tangents::<T>(&norm, gamma, from.of_tile(x, tile), t));
        core::mem::swap(&mut self.memory.values, &mut self.tangents);
        finite
    }

    /// The tangent of an operation with one operand, from what it saves.
    #[inline(never)]
    fn unary_tangent(&mut self, node: &Node) -> bool {
        // The plan has refused the graph: the code is left out.
        if !cfg!(feature = "models") {
            return false;
        }
        let operand = self.memory.plan.graph().shape(node.x as usize);
        let Some(unary) = unary_of(&node.op, operand, node.shape) else { return false };
        let (from, to) = (self.memory.span(node.x), self.memory.span(self.cursor.node));
        let of = if matches!(node.op.backward(operand, 1, false).saved, Saved::Value) { to } else { from };
        core::mem::swap(&mut self.memory.values, &mut self.tangents);
        let values = invariant!(self.tangents.get(of.start..).and_then(|x| x.get(..of.len)));
        let isa = self.room.isa;
        let finite = self.memory.across(from, to, |tile, t, to| {
            unary.tangent(T, of.of_tile(values, tile), t, to);
            all_finite(isa, to)
        });
        core::mem::swap(&mut self.memory.values, &mut self.tangents);
        finite
    }

    /// The tangent of an operation with two operands.
    #[inline(never)]
    fn binary_tangent(&mut self, node: &Node) -> bool {
        // The plan has refused the graph: the code is left out.
        if !cfg!(feature = "models") {
            return false;
        }
        let operands = [node.x, node.y].map(|i| self.memory.plan.graph().shape(i as usize));
        let Some(binary) = binary_of(&node.op, operands, node.shape) else { return false };
        let [x, y, to] = [node.x, node.y, self.cursor.node].map(|i| self.memory.span(i));
        core::mem::swap(&mut self.memory.values, &mut self.tangents);
        let values = |span: Span| invariant!(self.tangents.get(span.start..).and_then(|x| x.get(..span.len)));
        let (first, second) = (values(x), values(y));
        let (isa, workers) = (self.room.isa, self.memory.workers);
        let (rest, tangent) = self.memory.writing(to);
        let (of_x, of_y) = (rest.get(x), rest.get(y));
        let any = workers.any(tangent, to.tile_len, |tile, to| {
            let of = (x.of_tile(first, tile), y.of_tile(second, tile));
            binary.tangent(T, of, (x.of_tile(of_x, tile), y.of_tile(of_y, tile)), to);
            !all_finite(isa, to)
        });
        core::mem::swap(&mut self.memory.values, &mut self.tangents);
        !any
    }

    /// The tangent of the maximum under each window.
    #[inline(never)]
    fn max_pool_tangent(&mut self, node: &Node, pool: &Pool) -> bool {
        // The plan has refused the graph: the code is left out.
        if !cfg!(feature = "conv") {
            return false;
        }
        let (from, to) = (self.memory.span(node.x), self.memory.span(self.cursor.node));
        core::mem::swap(&mut self.memory.values, &mut self.tangents);
        let x = invariant!(self.tangents.get(from.start..).and_then(|x| x.get(..from.len)));
        let done = self
            .memory
            .across(from, to, |tile, t, to| max_pool_tangents(pool, T, (from.of_tile(x, tile), t), to).is_ok());
        core::mem::swap(&mut self.memory.values, &mut self.tangents);
        done
    }

    /// The same under each dilated window.
    #[inline(never)]
    fn dilated_max_pool_tangent(&mut self, node: &Node, pool: &DilatedPool) -> bool {
        // The plan has refused the graph: the code is left out.
        if !cfg!(all(feature = "conv", feature = "models")) {
            return false;
        }
        let (from, to) = (self.memory.span(node.x), self.memory.span(self.cursor.node));
        core::mem::swap(&mut self.memory.values, &mut self.tangents);
        let x = invariant!(self.tangents.get(from.start..).and_then(|x| x.get(..from.len)));
        let done = self
            .memory
            .across(from, to, |tile, t, to| dilated_max_pool_tangent(pool, T, (from.of_tile(x, tile), t), to).is_ok());
        core::mem::swap(&mut self.memory.values, &mut self.tangents);
        done
    }

    /// A norm: normalises the values, then computes the tangents from the normalised values, then applies scale and shift.
    #[inline(never)]
    fn norm_and_tangent(&mut self, node: &Node) -> bool {
        // The plan has refused the graph: the code is left out.
        if !cfg!(feature = "norm") {
            return false;
        }
        let (at, i) = (self.at, self.cursor.node);
        let Some(norm) = node.op.norm() else { return false };
        let full = self.options.statistics == Statistics::Full;
        let channels = node.shape.channels as usize;
        let (from, to) = (self.memory.span(node.x), self.memory.span(i));
        core::mem::swap(&mut self.memory.values, &mut self.tangents);
        self.memory.copy(from, to);
        core::mem::swap(&mut self.memory.values, &mut self.tangents);
        let mut pass = self.pass(at);
        let (finite, parameters) = pass.normalise_alone(node, norm);
        self.at = pass.at;
        let mut tangents = core::mem::take(&mut self.tangents);
        let finite = finite && self.pass(at).norm_tangent(&mut *tangents, (node, norm), at.kept, full);
        self.tangents = core::mem::take(&mut tangents);
        let Some((gamma, beta)) = parameters else { return finite };
        let (isa, each) = (self.room.isa, (node.shape.plane() as usize).wrapping_mul(T).max(1));
        self.over_both(to, |y, t| {
            let by = gamma.iter().zip(beta).take(channels);
            for ((y, t), (gamma, beta)) in y.chunks_exact_mut(each).zip(t.chunks_exact_mut(each)).zip(by) {
                isa.compiled(affine, (y, t), (*gamma, *beta));
            }
        });
        finite && self.is_finite(to)
    }

    /// Whether all values and tangents are finite.
    fn is_finite(&mut self, span: Span) -> bool {
        let (isa, mut finite) = (self.room.isa, true);
        for _ in 0..2 {
            finite &= self.memory.over(span, |_, y| all_finite(isa, y));
            core::mem::swap(&mut self.memory.values, &mut self.tangents);
        }
        finite
    }
}

#[inline(always)]
fn affine((y, t): (&mut [f32], &mut [f32]), (gamma, beta): (f32, f32)) {
    for (y, t) in y.iter_mut().zip(t) {
        (*y, *t) = ((*y * gamma) + beta, *t * gamma);
    }
}

/// `t = x > 0 ? t : slope t` in place.
#[inline(always)]
fn sloped((slopes, x): (&[f32], &[f32]), t: &mut [f32]) {
    let each = invariant!(x.len().checked_div(slopes.len())).max(1);
    for ((slope, x), t) in slopes.iter().zip(x.chunks_exact(each)).zip(t.chunks_exact_mut(each)) {
        for (x, t) in x.iter().zip(t) {
            *t = if *x > 0.0 { *t } else { slope * *t };
        }
    }
}
