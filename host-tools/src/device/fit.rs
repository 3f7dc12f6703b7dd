//! How a run is cut to the memory of a device: the schedule, and the slices of points.
use crate::spec::Spec;
use crate::{Failure, Result};
use shatterscope::network::{Network, Norm, Plan, Schedule};
use shatterscope::wire::{Part, Run};
use shatterscope_firmware::{Layout, Short, layout};

/// A panel of so many weights, or the whole matrix, before more points are made resident.
const PANEL: u64 = 32;

/// What a schedule takes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Choice {
    /// The order of work.
    pub schedule: Schedule,
    /// Points of one request.
    pub slice: u32,
    /// Of one request.
    pub plan: Plan,
    /// Of one request.
    pub layout: Layout,
    /// Multiply-adds of all requests.
    pub multiply_adds: u64,
    /// Weights drawn in all requests.
    pub weights: u64,
}

/// A schedule that does not fit, or that the core refuses.
#[derive(Clone, Debug, PartialEq)]
pub enum Unfit {
    /// Bytes needed and there.
    Short(Short),
    /// The core's reason.
    Refused(shatterscope::Error),
}

/// What there is to fit into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// Words of 4 bytes of the arena.
    pub words: u64,
    /// Points of the register tile.
    pub tile: u32,
    /// Bytes of memory that the whole firmware may use; 0 for all.
    pub ram: u32,
}

/// The request for the gradient of all points of a run.
pub fn request(spec: &Spec, run: u32, ram: u32) -> Run {
    let grid = spec.grid();
    Run {
        spec: spec.network(),
        seed: spec.seed,
        run,
        normal: spec.normal.core(),
        math: spec.math.core(),
        points: spec.points,
        from: grid.from,
        step: grid.step(),
        first: 0,
        count: spec.points,
        derivative: spec.derivative.core(),
        statistics: spec.statistics.map(|mode| mode.core()).unwrap_or_default(),
        schedule: Schedule::WholeBatch,
        part: Part::Gradient,
        ram,
        report_every: 0,
    }
}

impl Room {
    /// Every schedule that was looked at, the whole batch first, then the most resident points that fit.
    pub fn schedules(&self, run: &Run) -> Vec<(Schedule, std::result::Result<Choice, Unfit>)> {
        let whole = (Schedule::WholeBatch, self.choice(run, Schedule::WholeBatch, run.count));
        let blocks = match self.blocks(run) {
            Ok(choice) => (choice.schedule, Ok(choice)),
            Err(unfit) => (Schedule::Blocks { resident: self.tile }, Err(unfit)),
        };
        vec![whole, blocks]
    }

    /// The schedule with the least work: `draw` is the cost of drawing a weight, in multiply-adds.
    ///
    /// # Errors
    /// Nothing fits: what the smallest schedule needs.
    pub fn choose(&self, run: &Run, draw: f64) -> Result<Choice> {
        let schedules = self.schedules(run);
        let cost = |choice: &Choice| choice.multiply_adds as f64 + draw * choice.weights as f64;
        let fits = schedules.iter().filter_map(|(_, choice)| choice.as_ref().ok());
        if let Some(best) = fits.min_by(|a, b| cost(a).total_cmp(&cost(b))) {
            return Ok(*best);
        }
        Err(match schedules.last() {
            Some((_, Err(Unfit::Short(short)))) => Failure::failed(format!(
                "the run does not fit: the smallest schedule needs {} B of memory for runs, {} B are there; fewer points or a narrower network need less",
                short.need, short.have
            )),
            Some((_, Err(Unfit::Refused(error)))) => match &schedules[0].1 {
                Err(Unfit::Short(short)) => Failure::failed(format!(
                    "the whole batch needs {} B of memory for runs, {} B are there, and {error}",
                    short.need, short.have
                )),
                _ => (*error).into(),
            },
            _ => Failure::failed("no schedule fits"),
        })
    }

    /// A given schedule with so many points in one request.
    ///
    /// # Errors
    /// It does not fit, or is refused.
    pub fn choice(&self, run: &Run, schedule: Schedule, slice: u32) -> std::result::Result<Choice, Unfit> {
        let one = Run { schedule, count: slice, ..*run };
        let (plan, layout) = layout(&one, self.tile, self.words).map_err(Unfit::Refused)?;
        let layout = layout.map_err(Unfit::Short)?;
        let network = Network::Family(run.spec);
        let all = Run { schedule, ..*run };
        // With as many points as there are blocks of them, a multiply-add is a weight drawn.
        let blocks = |points: u32| (points as u64).div_ceil(plan.resident.max(1)) as u32;
        let drawn = Run { points: blocks(run.points), first: 0, count: blocks(run.count), ..all };
        let work = |run: &Run| network.plan(&run.options(), 1).map(|plan| plan.multiply_adds).map_err(Unfit::Refused);
        Ok(Choice { schedule, slice, plan, layout, multiply_adds: work(&all)?, weights: work(&drawn)? })
    }

    /// The most resident points that fit. Without a norm the points go through in slices, if that lets more be resident.
    fn blocks(&self, run: &Run) -> std::result::Result<Choice, Unfit> {
        let slices = run.spec.norm == Norm::None;
        let attempt = |resident: u32| {
            let schedule = Schedule::Blocks { resident };
            let whole = self.choice(run, schedule, run.count);
            match whole {
                Err(Unfit::Short(_)) if slices => {
                    let mut slice = run.count;
                    while slice > resident {
                        slice = (slice / 2).next_multiple_of(resident).min(slice - 1).max(resident);
                        if let Ok(choice) = self.choice(run, schedule, slice) {
                            return Ok(choice);
                        }
                    }
                    whole
                }
                whole => whole,
            }
        };
        let wide = |choice: &Choice| choice.layout.panel >= PANEL.min(full_panel(run));
        let most = run.count.next_multiple_of(self.tile);
        // The layout grows with the resident points: halve the interval until it is one tile wide.
        let (mut low, mut high) = (1, most / self.tile + 1);
        let mut best = attempt(self.tile)?;
        while low + 1 < high {
            let middle = low + (high - low) / 2;
            match attempt(middle * self.tile) {
                Ok(choice) if wide(&choice) => (low, best) = (middle, choice),
                _ => high = middle,
            }
        }
        Ok(best)
    }
}

/// Elements of the largest matrix.
fn full_panel(run: &Run) -> u64 {
    let network = Network::Family(run.spec);
    crate::weights::dense_layers(&network)
        .iter()
        .map(|dense| dense.fan_in as u64 * dense.fan_out as u64)
        .max()
        .unwrap_or(1)
}
