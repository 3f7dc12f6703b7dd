//! The kinds of work of a run and how often each is done: steps the cursor of the run without computing anything.
use super::kinds::Work;
use super::zeros::Zeros;
use crate::device::fit::Choice;
use shatterscope::Pass;
use shatterscope::graph::{Node, Norm, Op};
use shatterscope::network::{Dense, Options, Role, Schedule, Seeded, Spec, Statistics};
use shatterscope::plan::{Cursor, Due, Plan, Sweep};
use shatterscope::wire::Run;
use std::collections::HashMap;

/// Counts a run as `choice` divides it, with a register tile of `rows` by `tile`: for each node, forward and backward. As in a
/// profile, loading points counts to the first operation.
pub fn work_of(run: &Run, choice: &Choice, (rows, tile): (u32, u32), zeros: &Zeros) -> Vec<[Work; 2]> {
    let slice = choice.slice.max(1);
    let mut all: Vec<[Work; 2]> = Vec::new();
    for (count, times) in [(slice, run.count / slice), (run.count % slice, 1)] {
        if count > 0 && times > 0 {
            let run = Run { schedule: choice.schedule, count, ..*run };
            // A choice is of a run that can be planned.
            let Ok(plan) = Plan::family(&run.spec, run.options().want()) else { continue };
            let Ok(lengths) = plan.run(&run.options(), tile) else { continue };
            all.resize_with(plan.graph().len(), Default::default);
            let walk = Walk::new(&run, &plan, (choice.layout.panel, lengths.resident), (rows, tile), zeros);
            add(&mut all, &walk.run(), f64::from(times));
        }
    }
    all
}

/// All of it.
pub fn work(run: &Run, choice: &Choice, tile: (u32, u32), zeros: &Zeros) -> Work {
    let mut sum = Work::default();
    work_of(run, choice, tile, zeros).into_iter().flatten().for_each(|one| sum += one);
    sum
}

fn add(all: &mut [[Work; 2]], more: &[[Work; 2]], times: f64) {
    for (all, more) in all.iter_mut().flatten().zip(more.iter().flatten()) {
        *all += more.times(times);
    }
}

/// A run that is counted.
pub(super) struct Walk<'a> {
    pub(super) run: &'a Run,
    plan: &'a Plan<'a>,
    options: Options,
    seeded: Seeded,
    pub(super) panel: u64,
    resident: u64,
    pub(super) rows: u64,
    pub(super) tile: u64,
    zeros: &'a Zeros,
    products: HashMap<(u8, u32, u32, bool, u64), Work>,
}

/// One operation on one block of points.
#[derive(Clone, Copy)]
struct Unit {
    cursor: Cursor,
    node: Node,
    /// Points.
    count: u64,
    /// Tiles.
    tiles: u64,
    /// Elements of the value, points that fill up the last tile included.
    elements: f64,
    /// Whether a tangent is computed, too.
    tangent: bool,
}

impl<'a> Walk<'a> {
    fn new(
        run: &'a Run,
        plan: &'a Plan<'a>,
        (panel, resident): (u64, u64),
        (rows, tile): (u32, u32),
        zeros: &'a Zeros,
    ) -> Self {
        Self {
            run,
            plan,
            options: run.options(),
            seeded: Seeded::with(&run.spec, run.seed, run.run, run.normal, run.math),
            panel,
            resident,
            rows: rows as u64,
            tile: tile as u64,
            zeros,
            products: HashMap::new(),
        }
    }

    /// The first node that computes something.
    fn first(&self) -> usize {
        self.plan.graph().inputs().count()
    }

    fn reverse(&self) -> bool {
        self.plan.want().backward()
    }

    fn full(&self) -> bool {
        self.options.statistics == Statistics::Full
    }

    fn whole(&self) -> bool {
        self.options.schedule == Schedule::WholeBatch
    }

    fn run(mut self) -> Vec<[Work; 2]> {
        let mut total = vec![[Work::default(); 2]; self.plan.graph().len()];
        let mut cursor = Cursor::start(self.plan, &self.options);
        while cursor.sweep != Sweep::Done {
            let points = u64::from(cursor.end(&self.options).saturating_sub(cursor.first));
            // All whole blocks do the same.
            for (count, times) in [(self.resident, points / self.resident), (points % self.resident, 1)] {
                if count > 0 && times > 0 {
                    self.block(cursor, count, times as f64, &mut total);
                }
            }
            // At the end of the sweep, before the first operation of the next.
            if let Some(norm) = self.swept(&cursor) {
                let width = self.width(cursor.norm);
                let each = if cursor.sweep == Sweep::Derivative && norm.eps.is_some() { 2.0 } else { 1.0 };
                let roots = if cursor.sweep == Sweep::Variances { width } else { 0.0 };
                total[self.first()][0] += Work { folded: each * width, roots, ..Work::default() };
            }
            cursor.next_sweep(self.plan, &self.options);
        }
        total
    }

    /// The norm whose sums a sweep computes.
    fn swept(&self, cursor: &Cursor) -> Option<Norm> {
        match cursor.sweep {
            Sweep::Results | Sweep::Done => None,
            _ => self.plan.graph().node(cursor.norm)?.op.norm(),
        }
    }

    fn width(&self, node: u32) -> f64 {
        self.plan.graph().node(node).map_or(0.0, |node| f64::from(node.shape.channels))
    }

    /// So many blocks of `count` points, from the first operation of the cursor on.
    fn block(&mut self, mut cursor: Cursor, count: u64, times: f64, total: &mut [[Work; 2]]) {
        total[self.first()][0].points += times * count as f64;
        let tiles = count.div_ceil(self.tile);
        loop {
            let Some(node) = self.plan.graph().node(cursor.node) else { return };
            let elements = (u64::from(node.shape.units().unwrap_or(0)) * tiles * self.tile) as f64;
            let tangent = !self.reverse() && !matches!(cursor.sweep, Sweep::Means | Sweep::Variances);
            let unit = Unit { cursor, node, count, tiles, elements, tangent };
            let mut work = Work { operations: 1.0, ..Work::default() };
            if cursor.is_summed(self.plan) {
                self.sum(&unit, &mut work);
            } else if cursor.backward {
                self.backward(&unit, &mut work);
            } else {
                self.forward(&unit, &mut work);
            }
            total[cursor.node as usize][usize::from(cursor.backward)] += work.times(times);
            if cursor.advance(self.plan) == Due::Block {
                return;
            }
        }
    }

    /// The elements that are copied if a value and its operand have different slots, for the value and its tangent.
    fn moved(&self, unit: &Unit) -> f64 {
        let slot = |i| self.plan.value_slot(i);
        let times = if unit.tangent { 2.0 } else { 1.0 };
        if slot(unit.node.x) == slot(unit.cursor.node) { 0.0 } else { times * unit.elements }
    }

    fn forward(&mut self, unit: &Unit, work: &mut Work) {
        let &Unit { cursor: Cursor { node: i, .. }, ref node, count, tiles, elements, tangent } = unit;
        let times = if tangent { 2.0 } else { 1.0 };
        match node.op {
            Op::Dense { .. } => {
                let Some(dense) = self.seeded.dense_of(self.plan.graph(), i) else { return };
                let passes: &[Pass] = if tangent { &[Pass::Forward, Pass::Backward] } else { &[Pass::Forward] };
                let zeros = passes.iter().map(|&pass| self.zeros.share(node.x, pass)).collect::<Vec<_>>();
                // What a rectifier makes zero has a tangent of zero.
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

    /// Of so many elements those that are copied when the tiles of a value move apart: all but the first tile.
    fn spread(&self, elements: f64, tiles: u64) -> f64 {
        elements * (tiles - 1) as f64 / tiles as f64
    }

    /// The values of a norm, and their tangents.
    fn norm(&self, unit: &Unit, norm: Norm, work: &mut Work) {
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
    fn sum(&self, unit: &Unit, work: &mut Work) {
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

    fn backward(&mut self, unit: &Unit, work: &mut Work) {
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

    fn norm_backward(&self, unit: &Unit, norm: Norm, work: &mut Work) {
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

    /// Hands so many elements of a gradient to the operand: adds them if a later node has written before.
    fn pass_on(&self, unit: &Unit, elements: f64, work: &mut Work) {
        let first = |operand: Node| operand.last_use == unit.cursor.node;
        if self.plan.graph().node(unit.node.x).is_some_and(first) {
            work.copied += self.moved(unit);
        } else {
            work.added += elements;
            work.checked += elements;
        }
    }

    /// Points that are resident together in a block of so many.
    fn at_once(&self, count: u64) -> u64 {
        if count < self.resident { self.resident.min(self.run.points as u64) } else { count }
    }

    /// A product for each of the shares of zero factors; a share of the weights is left out.
    fn dense(
        &mut self,
        dense: &Dense,
        transposed: bool,
        tiles: u64,
        (zeros, left_out): (&[f64], f64),
        work: &mut Work,
    ) {
        let key = (dense.role as u8, dense.fan_in, dense.fan_out, transposed, tiles);
        let one = match self.products.get(&key) {
            Some(one) => *one,
            None => {
                let one = self.product(dense, transposed, tiles);
                self.products.insert(key, one);
                one
            }
        };
        for zeros in zeros {
            work.groups += (1.0 - zeros) * one.groups;
            work.zero_groups += zeros * one.groups;
            work.singles += (1.0 - zeros) * one.singles;
            work.zero_singles += zeros * one.singles;
            work.chains += one.chains;
            work.tile_panels += one.tile_panels;
            work.inputs += one.inputs;
            work.outputs += one.outputs;
        }
        work.panels += one.panels;
        work.drawn_rows += one.drawn_rows;
        work.drawn_steps += one.drawn_steps;
        let orthogonal = one.reflections > 0.0;
        let drawn = if orthogonal { 1.0 } else { 1.0 - left_out };
        work.weights += drawn * one.weights;
        work.weights_as241 += drawn * one.weights_as241;
        work.left_out += (1.0 - drawn) * (one.weights + one.weights_as241);
        work.reflections += one.reflections;
        work.orthogonal_elements += one.orthogonal_elements;
        let deviation = if dense.role == Role::Stem { self.run.spec.first_bias_std } else { self.run.spec.bias_std };
        if dense.bias && !transposed && deviation != 0.0 {
            work.biases += dense.fan_out as f64;
        }
    }
}

/// Weights of a spec, each counted once.
pub fn parameters(spec: &Spec) -> u64 {
    // Each weight of a dense layer is multiplied once for a point.
    Plan::family(spec, shatterscope::plan::Want::Output).map_or(0, |plan| plan.multiply_adds)
}
