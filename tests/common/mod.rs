//! What the tests share: specs as JSON, and one way to run them at any tile, schedule and weight source.
#![allow(dead_code)]

use serde::Deserialize;
use shatterscope::Error;
use shatterscope::contract::Digest;
use shatterscope::kernel::Isa;
use shatterscope::math::Math;
use shatterscope::network::{
    Block, Buffers, Derivative, Executor, Family, Init, Layer, Network, Norm, Options, Parameters, Readout, Schedule,
    Seeded, Serial, Spec, Statistics, Stored, Weights,
};
use shatterscope::probe::{Endpoint, Grid};
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

/// A spec as the golden files write it; what is left out has the default.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GoldenSpec {
    family: String,
    depth: u32,
    width: u32,
    norm: String,
    init: String,
    gain: f64,
    bias_std: f64,
    first_weight_std: f64,
    first_bias_std: f64,
    readout_std: Option<f64>,
    readout: Option<String>,
    alpha: f64,
    beta: f64,
    carry: Option<f64>,
    transform: Option<f64>,
    eps: f64,
    points: u32,
    from: f64,
    to: f64,
    endpoint: String,
    statistics: String,
    runs: u32,
    seed: u64,
    normal: String,
    derivative: String,
    math: String,
}

impl Default for GoldenSpec {
    fn default() -> Self {
        Self {
            family: "feedforward".into(),
            depth: 1,
            width: 1,
            norm: "none".into(),
            init: "he".into(),
            gain: 1.0,
            bias_std: 0.0,
            first_weight_std: 1.0,
            first_bias_std: 1.0,
            readout_std: None,
            readout: None,
            alpha: 1.0,
            beta: 1.0,
            carry: None,
            transform: None,
            eps: 1e-5,
            points: 256,
            from: -2.0,
            to: 2.0,
            endpoint: "exclusive".into(),
            statistics: "detached".into(),
            runs: 1,
            seed: 0,
            normal: "irwin-hall".into(),
            derivative: "reverse".into(),
            math: "libm".into(),
        }
    }
}

impl GoldenSpec {
    pub fn case(&self) -> Case {
        let family = match self.family.as_str() {
            "feedforward" => Family::Feedforward,
            "resnet" => Family::Resnet { alpha: self.alpha as f32, beta: self.beta as f32 },
            "highway" => Family::Highway {
                carry: self.carry.expect("carry") as f32,
                transform: self.transform.expect("transform") as f32,
            },
            "crelu" => Family::Crelu,
            other => panic!("family {other}"),
        };
        let norm = match self.norm.as_str() {
            "none" => Norm::None,
            "centre" => Norm::Centre,
            "batch" => Norm::Batch,
            other => panic!("norm {other}"),
        };
        let mut spec = Spec {
            init: match self.init.as_str() {
                "he" => Init::He,
                "glorot" => Init::Glorot,
                "orthogonal" => Init::Orthogonal,
                "looks-linear" => Init::LooksLinear,
                other => panic!("init {other}"),
            },
            gain: self.gain as f32,
            bias_std: self.bias_std as f32,
            first_weight_std: self.first_weight_std as f32,
            first_bias_std: self.first_bias_std as f32,
            readout_std: self.readout_std.map_or(0.0, |x| x as f32),
            eps: self.eps as f32,
            ..Spec::feedforward(self.depth, self.width).with_family(family).with_norm(norm)
        };
        match self.readout.as_deref() {
            None => {}
            Some("relu") => spec.readout = Readout::Relu,
            Some("linear") => spec.readout = Readout::Linear,
            Some("norm-relu") => spec.readout = Readout::NormRelu,
            Some(other) => panic!("readout {other}"),
        }
        Case {
            spec,
            grid: Grid {
                points: self.points,
                from: self.from as f32,
                to: self.to as f32,
                endpoint: if self.endpoint == "inclusive" { Endpoint::Inclusive } else { Endpoint::Exclusive },
            },
            statistics: if self.statistics == "full" { Statistics::Full } else { Statistics::Detached },
            derivative: if self.derivative == "forward" { Derivative::Forward } else { Derivative::Reverse },
            normal: if self.normal == "as241" { Normal::As241 } else { Normal::IrwinHall },
            math: if self.math == "micromath" { Math::Micromath } else { Math::Libm },
            seed: self.seed,
            runs: self.runs,
        }
    }
}

/// One entry of `goldens.json`.
#[derive(Clone, Debug, Deserialize)]
pub struct Golden {
    pub name: String,
    pub spec: GoldenSpec,
    pub digest: String,
}

pub fn goldens(text: &str) -> Vec<Golden> {
    serde_json::from_str(text).expect("golden file")
}
