use super::backward::Backward;
use crate::graph::Node;
use crate::workers::Workers;
use core::ops::Range;

/// Rows of weights that a step takes. Of a node that is divided, a step remembers where the next one begins.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rows {
    /// Multiply-adds of a step; 2^32 - 1 for all.
    budget: u32,
    /// The next row; 0 where the node at hand has not begun, or is done.
    next: u32,
}

impl Rows {
    /// All at once.
    pub const ALL: Self = Self { budget: u32::MAX, next: 0 };

    /// The same within a budget.
    pub fn within(self, budget: u64) -> Self {
        Self { budget: budget.min(u32::MAX as u64) as u32, ..self }
    }

    /// Whether no row of the node at hand is left, or done.
    #[inline(always)]
    pub const fn are_done(&self) -> bool {
        self.next == 0
    }

    /// Whether all is done at once.
    pub const fn are_whole(&self) -> bool {
        self.budget == u32::MAX
    }

    /// Whether the node at hand is computed at once.
    #[inline(always)]
    pub const fn are_all(&self) -> bool {
        self.are_whole() && self.are_done()
    }

    /// Rows that are done.
    pub const fn done(&self) -> usize {
        self.next as usize
    }

    /// The next rows of `total`, of `each` multiply-adds, which stand behind `before` others of the node. At least one, as many as the budget
    /// allows.
    pub fn take(&mut self, before: usize, total: usize, each: usize) -> Range<usize> {
        let start = self.done().saturating_sub(before);
        let fit = if self.are_whole() { total } else { (self.budget as usize / each.max(1)).max(1) };
        let end = start.saturating_add(fit).min(total);
        // Not truncated: rows of two matrices of fewer than 2^31 units each.
        self.next = before.saturating_add(end) as u32;
        start..end
    }

    /// Ends the node at hand.
    pub fn end_node(&mut self) {
        self.next = 0;
    }
}

/// Rows, and the multiply-adds of one at a point, of the gradients of a node with a matrix of weights; how many parameters it has.
pub(super) struct Matrices {
    pub operand: (usize, usize),
    pub parameters: (usize, usize),
    pub len: usize,
}

impl<K: Workers, const R: usize, const T: usize> Backward<'_, '_, '_, K, R, T> {
    /// Processes as many rows of its matrix as a step may take: first those of the gradient of its operand, and when all of them are there and
    /// finite, those of the gradient of its weights.
    pub(super) fn by_rows(
        &mut self,
        node: &Node,
        all: Matrices,
        operand: impl FnOnce(&mut Self, usize, Range<usize>) -> bool,
        parameters: impl FnOnce(&mut Self, usize, Range<usize>),
    ) -> bool {
        let (at, count) = (self.at.parameters.saturating_sub(all.len), self.memory.count);
        let before = if self.wants(node.x) { all.operand.0 } else { 0 };
        if before == 0 {
            if self.rows.are_done() && !self.is_finite() {
                return false;
            }
        } else if self.rows.done() < before {
            let rows = self.rows.take(0, before, all.operand.1.wrapping_mul(count));
            let last = rows.end == before;
            if !operand(self, at, rows) || (last && !self.settle(node)) {
                return false;
            }
            if !last || (self.sink.wanted() && !self.rows.are_whole()) {
                return true;
            }
        }
        if self.sink.wanted() {
            let rows = self.rows.take(before, all.parameters.0, all.parameters.1.wrapping_mul(count));
            let last = rows.end == all.parameters.0;
            parameters(self, at, rows);
            if !last {
                self.changed |= self.sink.updates();
                return true;
            }
        }
        self.rows.end_node();
        self.take(all.len);
        true
    }
}
