//! How a run is cut to the memory of a device: the schedule, and the slices of points.
use crate::spec::Spec;
use crate::{Failure, Result};
use shatterscope::graph::Graph;
use shatterscope::plan::{Plan, RunLengths, Schedule};
use shatterscope::spec::Norm;
use shatterscope::weights::Seeded;
use shatterscope::wire::{Part, Run};
use shatterscope_firmware::{Layout, Short, layout};

/// The least panel worth having: so many weights, or the whole matrix.
const PANEL: u64 = 32;

/// What a multiply-add costs where rows go through one at a time, in multiply-adds of a full register tile: each loads its
/// point and its weight for itself.
const SINGLE: f64 = 2.0;

/// What a schedule takes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Choice {
    /// The order of work.
    pub schedule: Schedule,
    /// Points of one request.
    pub slice: u32,
    /// Of one request.
    pub lengths: RunLengths,
    /// Of one request.
    pub layout: Layout,
    /// Multiply-adds of all requests.
    pub multiply_adds: u64,
    /// Weights drawn in all requests.
    pub weights: u64,
    /// Whether the panel holds as many rows as the register tile has, of the widest layer.
    pub full_rows: bool,
}

impl Choice {
    /// Work in multiply-adds of a full register tile, roughly: for cores whose instructions nobody has counted.
    pub fn cost(&self, fpu: bool) -> f64 {
        let each = if self.full_rows { 1.0 } else { SINGLE };
        let draw = if fpu { 40.0 } else { 6.0 };
        each * self.multiply_adds as f64 + draw * self.weights as f64
    }
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
    /// Rows of the register tile.
    pub rows: u32,
    /// Points of the register tile.
    pub tile: u32,
    /// Bytes of memory that the whole firmware may use; 0 for all.
    pub ram: u32,
}

/// The request for the gradient of all points of a run.
///
/// # Errors
/// Several inputs: requests carry a grid.
pub fn request(spec: &Spec, run: u32, ram: u32) -> Result<Run> {
    spec.one_input("a device")?;
    let grid = spec.grid();
    Ok(Run {
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
    })
}

impl Room {
    /// Every schedule that was looked at: the whole batch, then the most resident points beside a panel that fills the
    /// register tile, then the most of all.
    pub fn schedules(&self, run: &Run) -> Vec<(Schedule, std::result::Result<Choice, Unfit>)> {
        let mut all = vec![(Schedule::WholeBatch, self.choice(run, Schedule::WholeBatch, run.count))];
        let matrix = matrices(run).map(|(rows, columns)| rows * columns).max().unwrap_or(1);
        let tile_rows = self.rows as u64 * widest(run);
        for panel in [tile_rows, PANEL] {
            let (schedule, blocks) = match self.blocks(run, panel.min(matrix)) {
                Ok(choice) => (choice.schedule, Ok(choice)),
                Err(unfit) => (Schedule::Blocks { resident: self.tile }, Err(unfit)),
            };
            if !all.iter().any(|(known, _)| *known == schedule) {
                all.push((schedule, blocks));
            }
        }
        all
    }

    /// The schedule of the least `cost`.
    ///
    /// # Errors
    /// Nothing fits: what the smallest schedule needs.
    pub fn choose(&self, run: &Run, cost: impl Fn(&Choice) -> f64) -> Result<Choice> {
        let schedules = self.schedules(run);
        let fits = schedules.iter().filter_map(|(_, choice)| choice.as_ref().ok());
        if let Some(best) = fits.min_by(|a, b| cost(a).total_cmp(&cost(b))) {
            return Ok(*best);
        }
        Err(match schedules.last() {
            Some((_, Err(Unfit::Short(short)))) => Failure::failed(format!(
                "the run does not fit: the smallest schedule needs {} B of memory for runs, {} B are there; fewer points or a narrower network need less",
                short.need, short.have
            )),
            Some((_, Err(Unfit::Refused(error)))) => (*error).into(),
            _ => Failure::failed("no schedule fits"),
        })
    }

    /// A given schedule with so many points in one request.
    ///
    /// # Errors
    /// It does not fit, or is refused.
    pub fn choice(&self, run: &Run, schedule: Schedule, slice: u32) -> std::result::Result<Choice, Unfit> {
        let one = Run { schedule, count: slice, ..*run };
        let (lengths, layout) = layout(&one, self.tile, self.words).map_err(Unfit::Refused)?;
        let layout = layout.map_err(Unfit::Short)?;
        let all = Run { schedule, ..*run };
        // With as many points as there are blocks of them, a multiply-add is a weight drawn.
        let blocks = |points: u32| (points as u64).div_ceil(lengths.resident.max(1)) as u32;
        let drawn = Run { points: blocks(run.points), first: 0, count: blocks(run.count), ..all };
        let work = |run: &Run| multiply_adds(run).map_err(Unfit::Refused);
        let full_rows = self.rows == 1 || layout.panel >= self.rows as u64 * widest(run);
        Ok(Choice { schedule, slice, lengths, layout, multiply_adds: work(&all)?, weights: work(&drawn)?, full_rows })
    }

    /// The most resident points that fit beside a panel of so many weights; one tile of them where that is too long. Without
    /// a norm the points go through in slices, if that lets more be resident.
    fn blocks(&self, run: &Run, panel: u64) -> std::result::Result<Choice, Unfit> {
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
        let wide = |choice: &Choice| choice.layout.panel >= panel;
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

fn multiply_adds(run: &Run) -> std::result::Result<u64, shatterscope::Error> {
    let options = run.options();
    Ok(Plan::family(&run.spec, options.want())?.run(&options, 1)?.multiply_adds)
}

/// Rows and columns of the dense layers, those of identical blocks once.
fn matrices(run: &Run) -> impl Iterator<Item = (u64, u64)> {
    let seeded = Seeded::new(&run.spec, run.seed, run.run);
    let dense = move |graph: Graph<'_>, i| {
        seeded.dense_of(&graph, i).map(|dense| (u64::from(dense.fan_out), u64::from(dense.fan_in)))
    };
    Graph::family(&run.spec).into_iter().flat_map(move |graph| graph.distinct().filter_map(move |i| dense(graph, i)))
}

/// Columns of the widest product, either way.
fn widest(run: &Run) -> u64 {
    matrices(run).map(|(rows, columns)| rows.max(columns)).max().unwrap_or(1)
}
