//! What each operation does in one block of points.
use super::kinds::Work;
use super::work::{Unit, Walk};
use shatterscope::Pass;
use shatterscope::graph::{BatchStatistics, Node, Op};
use shatterscope::internals::plan::{Cursor, Sweep};

impl Walk<'_> {
    /// The elements that are copied if a value and its operand have different slots, for the value and its tangent.
    fn moved(&self, unit: &Unit) -> f64 {
        let slot = |i| self.plan.value_slot(i);
        let times = if unit.tangent { 2.0 } else { 1.0 };
        if slot(unit.node.x) == slot(unit.cursor.node) { 0.0 } else { times * unit.elements }
    }

    pub(super) fn forward(&mut self, unit: &Unit, work: &mut Work) {
        let &Unit { cursor: Cursor { node: i, .. }, ref node, count, tiles, elements, tangent } = unit;
        let times = if tangent { 2.0 } else { 1.0 };
        match node.op {
            Op::Dense { .. } => {
                let Some(dense) = self.seeded.dense_of(self.plan.graph(), i) else { return };
                let passes: &[Pass] = if tangent { &[Pass::Forward, Pass::Backward] } else { &[Pass::Forward] };
                let zeros = passes.iter().map(|&pass| self.zeros.share(node.x, pass)).collect::<Vec<_>>();
                // What a ReLU makes zero has a tangent of zero.
                let left_out = self.zeros.left_out(node.x, Pass::Forward, dense.fan_in, self.at_once(count));
                self.dense(&dense, false, tiles, (&zeros, left_out), work);
            }
            Op::Relu | Op::Crelu => {
                let halves = matches!(node.op, Op::Crelu);
                let operands = if halves { elements / 2.0 } else { elements };
                work.copied += if halves { self.spread(times * operands, tiles) } else { self.moved(unit) };
                let kind = match (halves, tangent) {
                    (false, false) => &mut work.rectified,
                    (false, true) => &mut work.tangents,
                    (true, false) => &mut work.doubled,
                    (true, true) => &mut work.doubled_tangents,
                };
                *kind += operands;
            }
            Op::Add { .. } => {
                work.joined += times * elements;
                work.checked += times * elements;
            }
            _ => {
                if let Some(norm) = node.op.norm() {
                    self.norm(unit, norm, work);
                }
            }
        }
    }

    /// The elements that are copied when the tiles of a value are spread to longer ones: all but those of the first tile.
    fn spread(&self, elements: f64, tiles: u64) -> f64 {
        elements * (tiles - 1) as f64 / tiles as f64
    }

    /// The values of a norm, and their tangents.
    fn norm(&self, unit: &Unit, norm: BatchStatistics, work: &mut Work) {
        let &Unit { ref node, count, elements, tangent, .. } = unit;
        let (batch, width) = (norm.eps.is_some(), f64::from(node.shape.channels));
        let valid = width * count as f64;
        work.copied += self.moved(unit);
        if self.whole() {
            work.summed += valid;
            work.sums += width;
            if batch {
                work.squared += valid;
                work.roots += width;
            }
        }
        *(if batch { &mut work.normalised } else { &mut work.centred }) += elements;
        work.checked += elements;
        if self.full() && batch && self.reverse() {
            // To the memory of the backward pass, and back.
            work.copied += 2.0 * elements;
        }
        match (tangent, self.full()) {
            (true, true) => {
                if self.whole() {
                    work.summed += valid;
                    work.sums += width;
                    work.products += if batch { valid } else { 0.0 };
                }
                *(if batch { &mut work.through } else { &mut work.centred }) += elements;
                work.checked += elements;
            }
            (true, false) if batch => {
                work.scaled += elements;
                work.checked += elements;
            }
            _ => {}
        }
    }

    /// A block's part of the sums of a norm.
    pub(super) fn sum(&self, unit: &Unit, work: &mut Work) {
        let Some(norm) = unit.node.op.norm() else { return };
        let (batch, width) = (norm.eps.is_some(), f64::from(unit.node.shape.channels));
        let valid = width * unit.count as f64;
        work.continued += width;
        match unit.cursor.sweep {
            Sweep::Variances => work.squared += valid,
            Sweep::Derivative => {
                work.summed += valid;
                if batch {
                    work.products += valid;
                    work.continued += width;
                }
                if !unit.cursor.backward {
                    // The products are with the normalised values.
                    *(if batch { &mut work.normalised } else { &mut work.centred }) += unit.elements;
                    work.checked += unit.elements;
                }
            }
            _ => work.summed += valid,
        }
    }

    pub(super) fn backward(&mut self, unit: &Unit, work: &mut Work) {
        let &Unit { cursor: Cursor { node: i, .. }, ref node, count, tiles, elements, .. } = unit;
        match node.op {
            Op::Dense { .. } => {
                let Some(dense) = self.seeded.dense_of(self.plan.graph(), i) else { return };
                let zeros = self.zeros.share(i, Pass::Backward);
                let left_out = self.zeros.left_out(i, Pass::Backward, dense.fan_out, self.at_once(count));
                self.dense(&dense, true, tiles, (&[zeros], left_out), work);
            }
            Op::Relu => {
                work.masked += elements;
                self.pass_on(unit, elements, work);
            }
            Op::Crelu => {
                work.halved += elements / 2.0;
                work.copied += self.spread(elements / 2.0, tiles);
                self.pass_on(unit, elements / 2.0, work);
            }
            Op::Add { .. } => {
                work.scaled += 2.0 * elements;
                work.checked += 2.0 * elements;
            }
            _ => {
                if let Some(norm) = node.op.norm() {
                    self.norm_backward(unit, norm, work);
                }
            }
        }
    }

    fn norm_backward(&self, unit: &Unit, norm: BatchStatistics, work: &mut Work) {
        let &Unit { ref node, count, elements, .. } = unit;
        let (batch, width) = (norm.eps.is_some(), f64::from(node.shape.channels));
        let valid = width * count as f64;
        if self.full() {
            if self.whole() {
                work.summed += valid;
                work.products += if batch { valid } else { 0.0 };
                work.sums += if batch { 2.0 } else { 1.0 } * width;
            }
            *(if batch { &mut work.through } else { &mut work.centred }) += elements;
            work.checked += elements;
        } else if batch {
            work.scaled += elements;
            work.checked += elements;
        }
        self.pass_on(unit, elements, work);
    }

    /// Adds the work of passing a gradient of `elements` elements to the operand: they are added if a later node has written it before.
    fn pass_on(&self, unit: &Unit, elements: f64, work: &mut Work) {
        let first = |operand: Node| operand.last_use == unit.cursor.node;
        if self.plan.graph().node(unit.node.x).is_some_and(first) {
            work.copied += self.moved(unit);
        } else {
            work.added += elements;
            work.checked += elements;
        }
    }
}
