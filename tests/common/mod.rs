//! What the tests share: specs as JSON, and one way to run them at any tile, schedule and weight source.
#![allow(dead_code)]
mod golden;

pub use golden::{case_of, goldens};

use shatterscope::Error;
use shatterscope::contract::Digest;
use shatterscope::exec::Isa;
use shatterscope::exec::{self, Buffers, Input, Source};
use shatterscope::graph::Graph;
use shatterscope::internals::weights::Block;
use shatterscope::math::Math;
use shatterscope::plan::{Derivative, Plan, RunOptions, Schedule, Statistics};
use shatterscope::probe::Grid;
use shatterscope::random::Normal;
use shatterscope::spec::{Family, Spec};
use shatterscope::weights::Seeded;
use shatterscope::workers::Serial;

pub fn bits(x: &[f32]) -> Vec<u32> {
    x.iter().map(|x| x.to_bits()).collect()
}

pub fn wide(x: &[f32]) -> Vec<f64> {
    x.iter().map(|&x| f64::from(x)).collect()
}

/// One of each family, with factors that differ from the defaults.
pub fn families() -> [Family; 4] {
    [
        Family::Feedforward,
        Family::Resnet { alpha: 0.9, beta: 0.7 },
        Family::Highway { carry: 0.8, transform: 0.6 },
        Family::Crelu,
    ]
}

/// Everything that fixes the bits of a record.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    pub spec: Spec,
    pub grid: Grid,
    pub statistics: Statistics,
    pub derivative: Derivative,
    pub normal: Normal,
    pub math: Math,
    pub seed: u64,
    pub runs: u32,
}

impl Case {
    pub fn new(spec: Spec, points: u32) -> Self {
        Self {
            spec,
            grid: Grid::new(points),
            statistics: Statistics::Detached,
            derivative: Derivative::Reverse,
            normal: Normal::IrwinHall,
            math: Math::Libm,
            seed: 1,
            runs: 1,
        }
    }

    pub fn seeded(&self, run: u32) -> Seeded {
        Seeded::with(&self.spec, self.seed, run, self.normal, self.math)
    }

    pub fn options(&self, schedule: Schedule) -> RunOptions {
        RunOptions::new(self.grid.points)
            .with_statistics(self.statistics)
            .with_derivative(self.derivative)
            .with_math(self.math)
            .with_schedule(schedule)
    }
}

/// How a case is run; no field may change a bit.
#[derive(Clone, Copy, Debug)]
pub struct How {
    pub schedule: Schedule,
    /// f32 elements of panel beyond the least the source needs.
    pub panel: usize,
    pub budget: u64,
    pub isa: Isa,
}

impl Default for How {
    fn default() -> Self {
        Self { schedule: Schedule::WholeBatch, panel: 1 << 16, budget: u64::MAX, isa: Isa::Portable }
    }
}

/// Outputs and gradient of one run.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    pub outputs: Vec<f32>,
    pub gradient: Vec<f32>,
}

impl Run {
    pub fn bits(&self) -> (Vec<u32>, Vec<u32>) {
        (bits(&self.outputs), bits(&self.gradient))
    }
}

pub fn run<const R: usize, const T: usize>(case: &Case, run: u32, how: How) -> Result<Run, Error> {
    let options = case.options(how.schedule).with_isa(how.isa);
    let seeded = case.seeded(run).with_isa(how.isa);
    run_with::<R, T>(&case.spec, Source::Seeded(&seeded), case.grid.input(), options, how, None)
}

pub fn run_with<const R: usize, const T: usize>(
    spec: &Spec,
    source: Source,
    input: Input,
    options: RunOptions,
    how: How,
    cotangent: Option<&[f32]>,
) -> Result<Run, Error> {
    let plan = Plan::family(spec, options.want())?;
    let lengths = plan.run(&options, T as u32)?;
    let [mut values, mut statistics, mut panel, mut outputs, mut gradient] = [
        lengths.values_len,
        lengths.statistics_len,
        source.panel_len(&plan)? + how.panel as u64,
        lengths.outputs_len,
        lengths.gradient_len,
    ]
    .map(|len| vec![f32::NAN; len as usize]);
    let mut tape = vec![0xa5; lengths.tape_len as usize];
    let buffers = Buffers {
        values: &mut values,
        tape: &mut tape,
        statistics: &mut statistics,
        scratch: &mut panel,
        gathered: &mut [],
    };
    let mut run =
        exec::Run::<_, R, T>::new(&plan, source, &Serial, input, options, buffers, &mut outputs, &mut gradient)?;
    if let Some(cotangent) = cotangent {
        run = run.with_cotangent(cotangent)?;
    }
    while !run.step(how.budget)?.is_done() {}
    assert_eq!(run.multiply_adds(), lengths.multiply_adds, "the plan counts what is done: {spec:?} {options:?}");
    Ok(Run { outputs, gradient })
}

pub fn record<const R: usize, const T: usize>(case: &Case, how: How) -> Result<Digest, Error> {
    let digests: Result<Vec<_>, Error> =
        (0..case.runs).map(|r| Ok(Digest::of(&run::<R, T>(case, r, how)?.gradient))).collect();
    Ok(Digest::of_runs(digests?))
}

/// All parameters of a network, drawn once: (weight [out][in], bias) by layer.
pub fn draw(spec: &Spec, seeded: &Seeded) -> Vec<(Vec<f32>, Vec<f32>)> {
    let graph = Graph::family(spec).unwrap();
    (0..graph.len() as u32)
        .filter_map(|i| seeded.dense_of(&graph, i))
        .map(|dense| {
            let block = Block { transposed: false, rows: 0..dense.fan_out, columns: 0..dense.fan_in };
            let mut panel = vec![0.0; block.len() + seeded.panel_len(&dense) as usize];
            seeded.fill::<1>(&dense, &block, &mut panel);
            panel.truncate(block.len());
            let bias = (0..if dense.bias { dense.fan_out } else { 0 }).map(|i| seeded.bias(&dense, i)).collect();
            (panel, bias)
        })
        .collect()
}

/// The same in the order of [`Source::Stored`].
pub fn parameters(drawn: &[(Vec<f32>, Vec<f32>)]) -> Vec<f32> {
    drawn.iter().flat_map(|(weight, bias)| weight.iter().chain(bias)).copied().collect()
}

pub fn run_stored<const R: usize, const T: usize>(case: &Case, r: u32, how: How) -> Result<Run, Error> {
    let stored = parameters(&draw(&case.spec, &case.seeded(r)));
    let options = case.options(how.schedule).with_isa(how.isa);
    run_with::<R, T>(&case.spec, Source::Stored(&stored), case.grid.input(), options, how, None)
}
