//! How often a run does each kind of work: the executor's units counted, without running them.
use super::kinds::Work;
use crate::device::fit::Choice;
use shatterscope::network::{Dense, Derivative, Layer, Network, Options, Role, Schedule, Spec, Statistics};
use shatterscope::wire::Run;
use std::collections::HashMap;

/// Counts a run as `choice` cuts it, with a register tile of `rows` by `tile`.
pub fn work(run: &Run, choice: &Choice, rows: u32, tile: u32) -> Work {
    let mut all = vec![0.0; Work::KINDS.len()];
    let mut slices = HashMap::new();
    for first in (0..run.count).step_by(choice.slice as usize) {
        let count = choice.slice.min(run.count - first);
        let work = slices.entry(count).or_insert_with(|| {
            let run = Run { schedule: choice.schedule, first, count, ..*run };
            Walk::new(&run, choice, rows, tile).slice().counts()
        });
        all.iter_mut().zip(work).for_each(|(all, one)| *all += *one);
    }
    Work::of(&all)
}

/// What a sweep over the points does on its way.
#[derive(Clone, Copy, PartialEq)]
enum Sweep {
    /// Forward to a norm, whose input is added up.
    Moments(u32),
    /// Forward, then back to a norm, whose gradient is added up.
    Means(u32),
    /// Outputs and gradient.
    Gradient,
}

/// A run on its way through the network.
pub(super) struct Walk<'a> {
    pub(super) run: &'a Run,
    network: Network<'a>,
    options: Options,
    pub(super) panel: u64,
    resident: u64,
    pub(super) rows: u64,
    pub(super) tile: u64,
    products: HashMap<(u8, u32, u32, bool, u64), Work>,
}

impl<'a> Walk<'a> {
    fn new(run: &'a Run, choice: &Choice, rows: u32, tile: u32) -> Self {
        Self {
            run,
            network: Network::Family(run.spec),
            options: run.options(),
            panel: choice.layout.panel,
            resident: choice.plan.resident,
            rows: rows as u64,
            tile: tile as u64,
            products: HashMap::new(),
        }
    }

    fn reverse(&self) -> bool {
        self.options.derivative == Derivative::Reverse
    }

    fn slice(&mut self) -> Work {
        let blocks = self.options.schedule != Schedule::WholeBatch;
        let norms: Vec<u32> =
            (0..self.network.len()).filter(|&i| self.network.layer(i).is_some_and(|layer| layer.is_norm())).collect();
        let mut sweeps = Vec::new();
        if blocks {
            for &norm in &norms {
                let batch = matches!(self.network.layer(norm), Some(Layer::BatchNorm { .. }));
                sweeps.extend(std::iter::repeat_n(Sweep::Moments(norm), if batch { 2 } else { 1 }));
            }
            if self.options.statistics == Statistics::Full {
                sweeps.extend(norms.iter().rev().map(|&norm| Sweep::Means(norm)));
            }
        }
        sweeps.push(Sweep::Gradient);
        let mut total = vec![0.0; Work::KINDS.len()];
        let mut add =
            |work: Work, times: f64| total.iter_mut().zip(work.counts()).for_each(|(all, one)| *all += one * times);
        for sweep in sweeps {
            let points = match sweep {
                Sweep::Gradient if blocks => self.options.count,
                _ => self.options.points,
            } as u64;
            let (whole, rest) = (points / self.resident, points % self.resident);
            if whole > 0 {
                add(self.block(sweep, self.resident), whole as f64);
            }
            if rest > 0 {
                add(self.block(sweep, rest), 1.0);
            }
        }
        Work::of(&total)
    }

    /// One block of `count` points through a sweep.
    fn block(&mut self, sweep: Sweep, count: u64) -> Work {
        let mut work = Work { points: count as f64, ..Work::default() };
        let end = match sweep {
            Sweep::Moments(norm) => norm + 1,
            _ => self.network.len(),
        };
        for i in 0..end {
            self.forward(i, sweep, count, &mut work);
        }
        if self.reverse() && !matches!(sweep, Sweep::Moments(_)) {
            let start = if let Sweep::Means(norm) = sweep { norm } else { 0 };
            for i in (start..self.network.len()).rev() {
                self.backward(i, sweep, count, &mut work);
            }
        }
        work
    }

    fn forward(&mut self, i: u32, sweep: Sweep, count: u64, work: &mut Work) {
        let Some(layer) = self.network.layer(i) else { return };
        let tiles = count.div_ceil(self.tile);
        // Values, and in forward mode the tangents beside them.
        let two = !self.reverse() && !matches!(sweep, Sweep::Moments(_));
        let times = if two { 2.0 } else { 1.0 };
        let elements = (layer.shape().0 as u64 * tiles * self.tile) as f64;
        work.operations += 1.0;
        match layer {
            Layer::Dense(dense) => self.dense(&dense, false, tiles, times, work),
            Layer::Relu { .. } => work.rectified += times * elements,
            Layer::Crelu { .. } => work.doubled += times * elements,
            Layer::Fork { .. } => work.joined += times * elements,
            Layer::Join { .. } => {
                work.joined += times * elements;
                work.checked += times * elements;
            }
            Layer::Centre { width } | Layer::BatchNorm { width, .. } => {
                let batch = matches!(layer, Layer::BatchNorm { .. });
                let valid = (width as u64 * count) as f64;
                if sweep == Sweep::Moments(i) {
                    work.summed += valid;
                    work.sums += width as f64;
                    return;
                }
                if self.options.schedule == Schedule::WholeBatch {
                    let passes = if batch { 2.0 } else { 1.0 };
                    work.summed += passes * valid;
                    work.sums += passes * width as f64;
                }
                let full = self.options.statistics == Statistics::Full;
                work.normalised += elements;
                work.checked += times * elements;
                if full && batch && self.reverse() {
                    work.joined += elements;
                }
                match (two, full) {
                    (true, true) => {
                        work.summed += valid;
                        work.products += if batch { valid } else { 0.0 };
                        work.through += elements;
                    }
                    (true, false) if batch => work.normalised += elements,
                    _ => {}
                }
            }
        }
    }

    fn backward(&mut self, i: u32, sweep: Sweep, count: u64, work: &mut Work) {
        let Some(layer) = self.network.layer(i) else { return };
        let tiles = count.div_ceil(self.tile);
        let elements = (layer.shape().0 as u64 * tiles * self.tile) as f64;
        work.operations += 1.0;
        match layer {
            Layer::Dense(dense) => self.dense(&dense, true, tiles, 1.0, work),
            Layer::Relu { .. } => work.masked += elements,
            Layer::Crelu { .. } => work.doubled += elements,
            // Kept and scaled; or scaled and added.
            Layer::Join { .. } => {
                work.joined += 2.0 * elements;
                work.checked += elements;
            }
            Layer::Fork { .. } => {
                work.joined += elements;
                work.checked += elements;
            }
            Layer::Centre { width } | Layer::BatchNorm { width, .. } => {
                let batch = matches!(layer, Layer::BatchNorm { .. });
                let valid = (width as u64 * count) as f64;
                if sweep == Sweep::Means(i) {
                    work.summed += valid;
                    work.sums += width as f64;
                    return;
                }
                work.checked += elements;
                if self.options.statistics == Statistics::Detached {
                    work.normalised += if batch { elements } else { 0.0 };
                    return;
                }
                if self.options.schedule == Schedule::WholeBatch {
                    work.summed += valid;
                    work.products += if batch { valid } else { 0.0 };
                    work.sums += width as f64;
                }
                if batch {
                    work.through += elements;
                } else {
                    work.normalised += elements;
                }
            }
        }
    }

    fn dense(&mut self, dense: &Dense, transposed: bool, tiles: u64, times: f64, work: &mut Work) {
        let key = (dense.role as u8, dense.fan_in, dense.fan_out, transposed, tiles);
        let one = match self.products.get(&key) {
            Some(one) => *one,
            None => {
                let one = self.product(dense, transposed, tiles);
                self.products.insert(key, one);
                one
            }
        };
        work.groups += times * one.groups;
        work.singles += times * one.singles;
        work.chains += times * one.chains;
        work.tile_panels += times * one.tile_panels;
        work.outputs += times * one.outputs;
        work.panels += one.panels;
        work.weights += one.weights;
        work.weights_as241 += one.weights_as241;
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
    crate::weights::weights_len(&Network::Family(*spec))
}
