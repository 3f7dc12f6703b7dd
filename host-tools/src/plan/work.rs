//! How often a run does each kind of work: the executor's units counted, without running them.
use super::kinds::Work;
use super::zeros::Zeros;
use crate::device::fit::Choice;
use shatterscope::Pass;
use shatterscope::network::{Dense, Derivative, Layer, Network, Options, Role, Schedule, Spec, Statistics};
use shatterscope::wire::Run;
use std::collections::HashMap;

/// Counts a run as `choice` cuts it, with a register tile of `rows` by `tile`: each operation, forward and backward. As in a
/// profile, loading points counts to the first operation.
pub fn work_of(run: &Run, choice: &Choice, (rows, tile): (u32, u32), zeros: &Zeros) -> Vec<[Work; 2]> {
    let mut all = vec![[Work::default(); 2]; Network::Family(run.spec).len() as usize];
    let slice = choice.slice.max(1);
    for (count, times) in [(slice, run.count / slice), (run.count % slice, 1)] {
        if count > 0 && times > 0 {
            let run = Run { schedule: choice.schedule, count, ..*run };
            add(&mut all, &Walk::new(&run, choice, (rows, tile), zeros).slice(), f64::from(times));
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

/// What a sweep over the points does on its way.
#[derive(Clone, Copy, PartialEq)]
enum Sweep {
    /// Forward to a norm, whose input is added up: for the mean, or for the deviation.
    Moments { norm: u32, second: bool },
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
    zeros: &'a Zeros,
    products: HashMap<(u8, u32, u32, bool, u64), Work>,
}

impl<'a> Walk<'a> {
    fn new(run: &'a Run, choice: &Choice, (rows, tile): (u32, u32), zeros: &'a Zeros) -> Self {
        Self {
            run,
            network: Network::Family(run.spec),
            options: run.options(),
            panel: choice.layout.panel,
            resident: choice.plan.resident,
            rows: rows as u64,
            tile: tile as u64,
            zeros,
            products: HashMap::new(),
        }
    }

    fn reverse(&self) -> bool {
        self.options.derivative == Derivative::Reverse
    }

    fn slice(&mut self) -> Vec<[Work; 2]> {
        let blocks = self.options.schedule != Schedule::WholeBatch;
        let norms: Vec<u32> =
            (0..self.network.len()).filter(|&i| self.network.layer(i).is_some_and(|layer| layer.is_norm())).collect();
        let mut sweeps = Vec::new();
        if blocks {
            for &norm in &norms {
                sweeps.push(Sweep::Moments { norm, second: false });
                if matches!(self.network.layer(norm), Some(Layer::BatchNorm { .. })) {
                    sweeps.push(Sweep::Moments { norm, second: true });
                }
            }
            if self.options.statistics == Statistics::Full {
                sweeps.extend(norms.iter().rev().map(|&norm| Sweep::Means(norm)));
            }
        }
        sweeps.push(Sweep::Gradient);
        let mut total = vec![[Work::default(); 2]; self.network.len() as usize];
        for sweep in sweeps {
            let points = match sweep {
                Sweep::Gradient if blocks => self.options.count,
                _ => self.options.points,
            } as u64;
            let (whole, rest) = (points / self.resident, points % self.resident);
            if whole > 0 {
                add(&mut total, &self.block(sweep, self.resident), whole as f64);
            }
            if rest > 0 {
                add(&mut total, &self.block(sweep, rest), 1.0);
            }
            // At the end of the sweep, before the first operation of the next.
            let (Sweep::Moments { norm, .. } | Sweep::Means(norm)) = sweep else { continue };
            let width = self.network.layer(norm).map_or(0, |layer| layer.shape().0) as f64;
            let roots = if matches!(sweep, Sweep::Moments { second: true, .. }) { width } else { 0.0 };
            total[0][0] += Work { folded: width, roots, ..Work::default() };
        }
        total
    }

    /// One block of `count` points through a sweep.
    fn block(&mut self, sweep: Sweep, count: u64) -> Vec<[Work; 2]> {
        let mut all = vec![[Work::default(); 2]; self.network.len() as usize];
        all[0][0].points = count as f64;
        let end = match sweep {
            Sweep::Moments { norm, .. } => norm + 1,
            _ => self.network.len(),
        };
        for i in 0..end {
            self.forward(i, sweep, count, &mut all[i as usize][0]);
        }
        if self.reverse() && !matches!(sweep, Sweep::Moments { .. }) {
            let start = if let Sweep::Means(norm) = sweep { norm } else { 0 };
            for i in (start..self.network.len()).rev() {
                self.backward(i, sweep, count, &mut all[i as usize][1]);
            }
        }
        all
    }

    fn forward(&mut self, i: u32, sweep: Sweep, count: u64, work: &mut Work) {
        let Some(layer) = self.network.layer(i) else { return };
        let tiles = count.div_ceil(self.tile);
        // Values, and in forward mode the tangents beside them; norms and products leave those alone in other sweeps.
        let times = if self.reverse() { 1.0 } else { 2.0 };
        let two = !self.reverse() && !matches!(sweep, Sweep::Moments { .. });
        let elements = (layer.shape().0 as u64 * tiles * self.tile) as f64;
        work.operations += 1.0;
        match layer {
            Layer::Dense(dense) => {
                let passes: &[Pass] = if two { &[Pass::Forward, Pass::Backward] } else { &[Pass::Forward] };
                let zeros = passes.iter().map(|&pass| self.zeros.share(i.checked_sub(1), pass)).collect::<Vec<_>>();
                // What a rectifier makes zero has a tangent of zero.
                let left_out = self.zeros.left_out(i.checked_sub(1), Pass::Forward, dense.fan_in, self.at_once(count));
                self.dense(&dense, false, tiles, (&zeros, left_out), work);
            }
            Layer::Relu { .. } if self.reverse() => work.rectified += elements,
            Layer::Relu { .. } => work.tangents += elements,
            Layer::Crelu { .. } if self.reverse() => work.doubled += elements,
            Layer::Crelu { .. } => work.doubled_tangents += elements,
            Layer::Fork { .. } => work.copied += times * elements,
            Layer::Join { .. } => {
                work.joined += times * elements;
                work.checked += if two { 2.0 } else { 1.0 } * elements;
            }
            Layer::Centre { width } | Layer::BatchNorm { width, .. } => {
                let batch = matches!(layer, Layer::BatchNorm { .. });
                let (width, valid) = (width as f64, (width as u64 * count) as f64);
                if let Sweep::Moments { norm, second } = sweep
                    && norm == i
                {
                    *(if second { &mut work.squared } else { &mut work.summed }) += valid;
                    work.continued += width;
                    return;
                }
                if self.options.schedule == Schedule::WholeBatch {
                    work.summed += valid;
                    work.sums += width;
                    if batch {
                        work.squared += valid;
                        work.roots += width;
                    }
                }
                let full = self.options.statistics == Statistics::Full;
                *(if batch { &mut work.normalised } else { &mut work.centred }) += elements;
                work.checked += if two && (batch || full) { 2.0 } else { 1.0 } * elements;
                if full && batch && self.reverse() {
                    work.copied += elements;
                }
                match (two, full) {
                    (true, true) => {
                        work.summed += valid;
                        work.sums += width;
                        work.products += if batch { valid } else { 0.0 };
                        *(if batch { &mut work.through } else { &mut work.centred }) += elements;
                    }
                    (true, false) if batch => work.scaled += elements,
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
            Layer::Dense(dense) => {
                let zeros = self.zeros.share(Some(i + 1), Pass::Backward);
                let left_out = self.zeros.left_out(Some(i + 1), Pass::Backward, dense.fan_out, self.at_once(count));
                self.dense(&dense, true, tiles, (&[zeros], left_out), work);
            }
            Layer::Relu { .. } => work.masked += elements,
            Layer::Crelu { .. } => work.halved += elements,
            Layer::Join { .. } => {
                work.copied += elements;
                work.scaled += elements;
                work.checked += elements;
            }
            Layer::Fork { .. } => {
                work.added += elements;
                work.checked += elements;
            }
            Layer::Centre { width } | Layer::BatchNorm { width, .. } => {
                let batch = matches!(layer, Layer::BatchNorm { .. });
                let (width, valid) = (width as f64, (width as u64 * count) as f64);
                if sweep == Sweep::Means(i) {
                    work.summed += valid;
                    work.continued += width;
                    return;
                }
                if self.options.statistics == Statistics::Detached {
                    // Detached centring is the identity.
                    if batch {
                        work.scaled += elements;
                        work.checked += elements;
                    }
                    return;
                }
                work.checked += elements;
                if self.options.schedule == Schedule::WholeBatch {
                    work.summed += valid;
                    work.products += if batch { valid } else { 0.0 };
                    work.sums += if batch { 2.0 } else { 1.0 } * width;
                }
                *(if batch { &mut work.through } else { &mut work.centred }) += elements;
            }
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
    crate::weights::weights_len(&Network::Family(*spec))
}
