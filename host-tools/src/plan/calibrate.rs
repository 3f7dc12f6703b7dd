//! Fits the prices of work to counted instructions.
use super::kinds::Work;
use super::tables::Costs;
use super::work::work_of;
use super::zeros::Zeros;
use crate::compare::Entry;
use crate::device::board::{Board, emulated};
use crate::device::fit::request;
use crate::device::place::{Counting, OpenTarget, Settings, emulated_place};
use crate::engine::Engine;
use crate::output::say;
use crate::spec::Overrides;
use crate::{Failure, Result};
use rayon::prelude::*;
use shatterscope::plan::Schedule;
use shatterscope::wire::{Part, Run};

/// Specs of 10^5 to some 10^6 multiply-adds, in which each kind of work weighs something somewhere: schedule, and what
/// differs from 3 layers of 40 units at 40 points.
const SPECS: [(Option<Schedule>, &str); 24] = {
    const WHOLE: Option<Schedule> = Some(Schedule::WholeBatch);
    const FOUR: Option<Schedule> = Some(Schedule::Blocks { resident: 4 });
    const EIGHT: Option<Schedule> = Some(Schedule::Blocks { resident: 8 });
    const TWENTY: Option<Schedule> = Some(Schedule::Blocks { resident: 20 });
    [
        (WHOLE, ""),
        (FOUR, ""),
        (TWENTY, "width = 61\npoints = 60"),
        (WHOLE, "width = 150\npoints = 32"),
        (FOUR, "width = 100\npoints = 8"),
        (WHOLE, "depth = 30\nwidth = 16"),
        (EIGHT, "bias_std = 0.1\nwidth = 33"),
        (WHOLE, "normal = 'as241'"),
        (FOUR, "normal = 'as241'"),
        (WHOLE, "norm = 'centre'"),
        (EIGHT, "norm = 'centre'"),
        (EIGHT, "norm = 'centre'\nstatistics = 'full'"),
        (WHOLE, "norm = 'centre'\nstatistics = 'full'\ndepth = 10\nwidth = 20"),
        (WHOLE, "norm = 'batch'\ndepth = 10\nwidth = 20"),
        (TWENTY, "norm = 'batch'"),
        (WHOLE, "norm = 'batch'\nstatistics = 'full'"),
        (WHOLE, "family = 'resnet'\ndepth = 12\nwidth = 20"),
        (FOUR, "family = 'resnet'\nnorm = 'batch'\nwidth = 24"),
        (WHOLE, "family = 'highway'\nderivative = 'forward'"),
        (WHOLE, "family = 'resnet'\nnorm = 'batch'\nstatistics = 'full'\nderivative = 'forward'"),
        (WHOLE, "family = 'crelu'"),
        (TWENTY, "family = 'crelu'\ninit = 'looks-linear'\nwidth = 24"),
        (WHOLE, "init = 'orthogonal'"),
        (EIGHT, "init = 'orthogonal'\nwidth = 24\nnormal = 'as241'"),
    ]
};

/// So many points of 100 units under limits of memory that leave a panel of a few rows, of one, and of a part of one: few
/// points, for which drawing is most of the work, and many.
const LIMITS: [(u32, u32); 6] = [(4, 13_600), (4, 12_700), (4, 12_200), (60, 60_300), (60, 59_700), (60, 59_200)];

/// One run to fit prices to.
#[derive(Debug)]
pub struct Sample {
    /// Spec and schedule.
    pub entry: Entry,
    /// Limit of memory; 0 for none.
    pub ram: u32,
}

/// The specs that prices are fitted to.
///
/// # Errors
/// None in practice: a test resolves them.
pub fn samples() -> Result<Vec<Sample>> {
    let sample = |schedule: Option<Schedule>, text: &str, ram: u32| {
        let given: Overrides = toml::from_str(text).map_err(|error| Failure::failed(error.to_string()))?;
        let spec = Overrides {
            depth: given.depth.or(Some(3)),
            width: given.width.or(Some(40)),
            points: given.points.or(Some(40)),
            runs: Some(1),
            ..given
        };
        Ok(Sample { entry: Entry { name: None, spec: spec.resolve()?, schedule }, ram })
    };
    let all = SPECS.iter().map(|&(schedule, text)| sample(schedule, text, 0));
    let limited = LIMITS.iter().map(|&(points, ram)| {
        // The four are a block of the forty points that a sample has by itself.
        let text = format!("width = 100\npoints = {}", points.max(40));
        sample(Some(Schedule::Blocks { resident: points }), &text, ram)
    });
    all.chain(limited).collect()
}

/// A count to fit: the work, its instructions, and those of the whole run.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// Work of one operation each way, or of the whole.
    pub work: Work,
    /// Counted.
    pub instructions: f64,
    /// Counted of the run: errors are shares of it.
    pub whole: f64,
}

/// The counts of one spec on an emulated board, operation by operation and then the whole; None where it does not fit there.
///
/// # Errors
/// The board cannot run it.
pub fn measure(
    board: &'static Board,
    Sample { entry, ram }: &Sample,
    settings: &Settings,
    engine: &Engine,
) -> Result<Option<Vec<Row>>> {
    let settings = Settings { schedule: entry.schedule, ram: *ram, count: Counting::Instructions, ..settings.clone() };
    let mut place = emulated_place(board, &settings, engine)?;
    let run = Run { part: Part::Profile { first: 0, count: 0 }, ..request(&entry.spec, 0, settings.ram)? };
    let Ok(choice) = place.choose(&run) else { return Ok(None) };
    let tile = place.identity().map_or((1, 1), |identity| (identity.rows, identity.tile));
    let zeros = Zeros::found(&entry.spec, &run, engine, board)?;
    let profile = place.profile(&entry.spec, 0)?;
    let whole = profile.total.counts.instructions as f64;
    if whole == 0.0 {
        return Err(Failure::failed(format!("{}: nothing was counted", board.name)));
    }
    let work = work_of(&run, &choice, tile, &zeros);
    let mut all = Row { work: Work::default(), instructions: whole, whole };
    let mut rows = Vec::new();
    for (work, spent) in work.iter().flatten().zip(profile.operations.iter().flatten()) {
        all.work += *work;
        rows.push(Row { work: *work, instructions: spent.counts.instructions as f64, whole });
    }
    rows.push(all);
    Ok(Some(rows))
}

/// Fits every emulated board.
///
/// # Errors
/// A board that cannot run.
pub fn calibrate(settings: &Settings, engine: &Engine) -> Result<Costs> {
    let samples = samples()?;
    let boards: Vec<_> = emulated().collect();
    let fitted = boards.par_iter().map(|&board| {
        let (mut rows, mut wholes) = (Vec::new(), Vec::new());
        for sample in &samples {
            if let Some(measured) = measure(board, sample, settings, engine)? {
                wholes.extend(measured.last().map(|whole| (sample, *whole)));
                rows.extend(measured);
            }
        }
        let prices = fit(&rows);
        let off = |row: &Row| (dot(&row.work.counts(), &prices) / row.instructions - 1.0).abs();
        let worst = wholes.iter().max_by(|(_, a), (_, b)| off(a).total_cmp(&off(b)));
        if let Some((sample, row)) = worst {
            let (spec, schedule) = (sample.entry.spec.describe(), sample.entry.schedule);
            let (name, worst) = (board.name, 100.0 * off(row));
            let specs = wholes.len();
            say(&format!("{name}: {specs} specs, off by at most {worst:.1}% ({spec}, {schedule:?})"));
        }
        Ok((board, prices))
    });
    Ok(Costs::of(fitted.collect::<Result<Vec<_>>>()?))
}

/// Prices, none negative, with the least sum of squared errors, each as a share of its run: coordinate descent on the normal
/// equations.
pub fn fit(rows: &[Row]) -> Vec<f64> {
    let n = Work::KINDS.len();
    let mut gram = vec![vec![0.0; n]; n];
    let mut target = vec![0.0; n];
    for row in rows {
        let scaled: Vec<f64> = row.work.counts().iter().map(|count| count / row.whole).collect();
        for i in (0..n).filter(|&i| scaled[i] != 0.0) {
            target[i] += scaled[i] * row.instructions / row.whole;
            for j in 0..n {
                gram[i][j] += scaled[i] * scaled[j];
            }
        }
    }
    let mut prices = vec![0.0; n];
    for _ in 0..200_000 {
        let mut moved = 0.0f64;
        for i in 0..n {
            if gram[i][i] == 0.0 {
                continue;
            }
            let step = (target[i] - dot(&gram[i], &prices)) / gram[i][i];
            let next = (prices[i] + step).max(0.0);
            moved = moved.max((next - prices[i]).abs() * gram[i][i].sqrt());
            prices[i] = next;
        }
        if moved < 1e-9 {
            break;
        }
    }
    prices
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}
