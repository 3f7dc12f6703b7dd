//! The kinds of work of a run and how often each is done: steps the cursor of the run without computing anything.
use super::kinds::Work;
use super::zeros::Zeros;
use crate::device::fit::Choice;
use shatterscope::graph::{BatchStatistics, Node};
use shatterscope::internals::plan::{Cursor, Due, Sweep};
use shatterscope::internals::weights::{Dense, Role};
use shatterscope::plan::{Plan, RunOptions, Schedule, Statistics};
use shatterscope::spec::Spec;
use shatterscope::weights::Seeded;
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
    pub(super) plan: &'a Plan<'a>,
    options: RunOptions,
    pub(super) seeded: Seeded,
    pub(super) panel: u64,
    resident: u64,
    pub(super) rows: u64,
    pub(super) tile: u64,
    pub(super) zeros: &'a Zeros,
    products: HashMap<(u8, u32, u32, bool, u64), Work>,
}

/// One operation on one block of points.
#[derive(Clone, Copy)]
pub(super) struct Unit {
    pub cursor: Cursor,
    pub node: Node,
    /// Points.
    pub count: u64,
    /// Tiles.
    pub tiles: u64,
    /// Elements of the value, points that fill up the last tile included.
    pub elements: f64,
    /// Whether a tangent is computed, too.
    pub tangent: bool,
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

    pub(super) fn reverse(&self) -> bool {
        self.plan.want().backward()
    }

    pub(super) fn full(&self) -> bool {
        self.options.statistics == Statistics::Full
    }

    pub(super) fn whole(&self) -> bool {
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
    fn swept(&self, cursor: &Cursor) -> Option<BatchStatistics> {
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

    /// Points that are resident together in a block of so many.
    pub(super) fn at_once(&self, count: u64) -> u64 {
        if count < self.resident { self.resident.min(self.run.points as u64) } else { count }
    }

    /// A product for each of the shares of zero factors; a share of the weights is left out.
    pub(super) fn dense(
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
