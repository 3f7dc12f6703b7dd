//! What the tests share: specs as JSON, and one way to run them at any tile, schedule and weight source.
#![allow(dead_code)]
mod golden;

pub use golden::{case_of, goldens};

use shatterscope::Error;
use shatterscope::contract::Digest;
use shatterscope::kernel::Isa;
use shatterscope::math::Math;
use shatterscope::network::{
    Block, Buffers, Derivative, Executor, Layer, Network, Options, Parameters, Schedule, Seeded, Serial, Spec,
    Statistics, Stored, Weights,
};
use shatterscope::probe::Grid;
use shatterscope::random::Normal;

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

    pub fn options(&self, schedule: Schedule) -> Options {
        Options {
            statistics: self.statistics,
            derivative: self.derivative,
            math: self.math,
            schedule,
            ..Options::new(self.grid.points)
        }
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
        let bits = |x: &[f32]| x.iter().map(|x| x.to_bits()).collect();
        (bits(&self.outputs), bits(&self.gradient))
    }
}

pub fn run<const R: usize, const T: usize>(case: &Case, run: u32, how: How) -> Result<Run, Error> {
    let options = Options { isa: how.isa, ..case.options(how.schedule) };
    run_with::<_, R, T>(
        Network::Family(case.spec),
        &case.seeded(run).with_isa(how.isa),
        case.grid.input(),
        options,
        how,
        None,
    )
}

pub fn run_with<W: Weights, const R: usize, const T: usize>(
    network: Network,
    weights: &W,
    input: shatterscope::network::Input,
    options: Options,
    how: How,
    seed: Option<&[f32]>,
) -> Result<Run, Error> {
    let plan = network.plan(&options, T as u32)?;
    let need = dense_layers(network).iter().map(|dense| weights.panel_len(dense)).max().unwrap_or(1);
    let mut activations = vec![f32::NAN; plan.activations_len as usize];
    let mut tape = vec![0xa5; plan.tape_len as usize];
    let mut statistics = vec![f32::NAN; plan.statistics_len as usize];
    let mut normalised = vec![f32::NAN; plan.normalised_len as usize];
    let mut panel = vec![f32::NAN; need as usize + how.panel];
    let mut outputs = vec![f32::NAN; plan.outputs_len as usize];
    let mut gradient = vec![f32::NAN; plan.gradient_len as usize];
    let mut executor = Executor::<_, _, R, T>::new(
        network,
        weights,
        &Serial,
        input,
        options,
        Buffers {
            activations: &mut activations,
            tape: &mut tape,
            statistics: &mut statistics,
            normalised: &mut normalised,
            panel: &mut panel,
        },
        &mut outputs,
        &mut gradient,
    )?;
    if let Some(seed) = seed {
        executor = executor.with_seed(seed)?;
    }
    while !executor.step(how.budget)?.is_done() {}
    assert_eq!(executor.multiply_adds(), plan.multiply_adds, "the plan counts what is done: {network:?} {options:?}");
    Ok(Run { outputs, gradient })
}

pub fn record<const R: usize, const T: usize>(case: &Case, how: How) -> Result<Digest, Error> {
    let digests: Result<Vec<_>, Error> =
        (0..case.runs).map(|r| Ok(Digest::of(&run::<R, T>(case, r, how)?.gradient))).collect();
    Ok(Digest::of_runs(digests?))
}

pub fn dense_layers(network: Network) -> Vec<shatterscope::network::Dense> {
    (0..network.len())
        .filter_map(|i| match network.layer(i) {
            Some(Layer::Dense(dense)) => Some(dense),
            _ => None,
        })
        .collect()
}

/// All parameters of a network, drawn once: (weight [out][in], bias) by layer.
pub fn draw<W: Weights>(network: Network, weights: &W) -> Vec<(Vec<f32>, Vec<f32>)> {
    dense_layers(network)
        .iter()
        .map(|dense| {
            let block = Block { transposed: false, rows: 0..dense.fan_out, columns: 0..dense.fan_in };
            let mut panel = vec![0.0; block.len() + weights.panel_len(dense) as usize];
            weights.fill::<1>(dense, &block, &mut panel);
            panel.truncate(block.len());
            let bias = (0..if dense.bias { dense.fan_out } else { 0 }).map(|i| weights.bias(dense, i)).collect();
            (panel, bias)
        })
        .collect()
}

pub fn parameters(drawn: &[(Vec<f32>, Vec<f32>)]) -> Vec<Parameters<'_>> {
    drawn.iter().map(|(weight, bias)| Parameters { weight, bias }).collect()
}

pub fn run_stored<const R: usize, const T: usize>(case: &Case, r: u32, how: How) -> Result<Run, Error> {
    let network = Network::Family(case.spec);
    let drawn = draw(network, &case.seeded(r));
    let parameters = parameters(&drawn);
    let stored = Stored::new(&network, &parameters)?;
    let options = Options { isa: how.isa, ..case.options(how.schedule) };
    run_with::<_, R, T>(network, &stored, case.grid.input(), options, how, None)
}
