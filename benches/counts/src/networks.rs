//! What the executor makes of it: each kind of operation both ways, and whole gradients.
use crate::count;
use shatterscope::contract::Digest;
use shatterscope::kernel::Isa;
use shatterscope::network::{
    Block, Buffers, Executor, Layer, Network, Norm, Observer, Options, Parameters, Plan, Seeded, Seen, Serial, Spec,
    Statistics, Stored, Weights,
};
use shatterscope::probe::Grid;
use shatterscope::{Error, Pass};

/// Buffers of exactly the planned lengths.
struct Memory {
    activations: Vec<f32>,
    tape: Vec<u8>,
    statistics: Vec<f32>,
    normalised: Vec<f32>,
    panel: Vec<f32>,
    outputs: Vec<f32>,
    gradient: Vec<f32>,
}

impl Memory {
    fn new(plan: &Plan, width: usize) -> Self {
        Self {
            activations: vec![0.0; plan.activations_len as usize + 16],
            tape: vec![0; plan.tape_len as usize],
            statistics: vec![0.0; plan.statistics_len as usize],
            normalised: vec![0.0; plan.normalised_len as usize],
            panel: vec![0.0; width * width],
            outputs: vec![0.0; plan.outputs_len as usize],
            gradient: vec![0.0; plan.gradient_len as usize],
        }
    }

    fn executor<'a, W: Weights, const R: usize, const T: usize>(
        &'a mut self,
        network: Network<'a>,
        weights: &'a W,
        options: Options,
    ) -> Result<Executor<'a, W, Serial, R, T>, Error> {
        let first = self.activations.as_ptr().align_offset(64);
        let buffers = Buffers {
            activations: self.activations.get_mut(first..).unwrap_or_default(),
            tape: &mut self.tape,
            statistics: &mut self.statistics,
            normalised: &mut self.normalised,
            panel: &mut self.panel,
        };
        let input = Grid::new(options.points).input();
        Executor::new(network, weights, &Serial, input, options, buffers, &mut self.outputs, &mut self.gradient)
    }
}

/// Sees which operation a step was.
#[derive(Default)]
struct Last(Option<(u32, Pass)>);

impl Observer for Last {
    fn see(&mut self, seen: &Seen<'_>) {
        self.0 = Some((seen.operation, seen.pass));
    }
}

/// Steps through a network of three layers with each norm: one region an operation and direction, of the second layer.
pub fn units<const R: usize, const T: usize>(isa: Isa) {
    for (norm, statistics) in
        [(Norm::Centre, Statistics::Detached), (Norm::Batch, Statistics::Detached), (Norm::Batch, Statistics::Full)]
    {
        let spec = Spec::feedforward(3, 48).with_norm(norm);
        let network = Network::Family(spec);
        let options = Options { isa, statistics, ..Options::new(64) };
        let plan = network.plan(&options, T as u32).expect("the spec runs");
        let mut memory = Memory::new(&plan, 48);
        let seeded = Seeded::new(&spec, 1, 0).with_isa(isa);
        let mut executor = memory.executor::<_, R, T>(network, &seeded, options).expect("the buffers fit");
        let operations =
            (0..network.len()).map(|i| (i, "forward")).chain((0..network.len()).rev().map(|i| (i, "backward")));
        for (i, way) in operations {
            let name = match network.layer(i) {
                Some(Layer::Relu { .. }) if norm == Norm::Centre => "rectifier",
                Some(Layer::Centre { .. }) => "centring",
                Some(Layer::BatchNorm { .. }) if statistics == Statistics::Full => "batch norm, full",
                Some(Layer::BatchNorm { .. }) => "batch norm, detached",
                _ => "",
            };
            let mut last = Last::default();
            let mut step = || executor.step_observed(1, &mut last).map(|_| ()).expect("the network is finite");
            // The first norm and the first rectifier behind it.
            if !name.is_empty() && matches!(i, 1 | 2) {
                count(&format!("{name} of 48 x 64, {way}"), step);
            } else {
                step();
                // A dense layer may take several panels.
                while last.0.is_none() {
                    executor.step_observed(1, &mut last).expect("the network is finite");
                }
            }
            let pass = if way == "forward" { Pass::Forward } else { Pass::Backward };
            assert_eq!(last.0, Some((i, pass)), "a step is an operation");
        }
    }
}

/// Whole gradients, weights given and drawn.
pub fn whole<const R: usize, const T: usize>(isa: Isa) {
    for (name, norm) in [("24 x 50", Norm::None), ("24 x 50, batch norm", Norm::Batch)] {
        let spec = Spec::feedforward(24, 50).with_norm(norm);
        let network = Network::Family(spec);
        let options = Options { isa, ..Options::new(64) };
        let plan = network.plan(&options, T as u32).expect("the spec runs");
        let mut memory = Memory::new(&plan, 50);
        let seeded = Seeded::new(&spec, 1, 0).with_isa(isa);
        let drawn = drawn(&network, &seeded);
        let parameters: Vec<Parameters> = drawn.iter().map(|(weight, bias)| Parameters { weight, bias }).collect();
        let stored = Stored::new(&network, &parameters).expect("finite weights");
        count(&format!("gradient of {name} at 64 points, weights given"), || {
            let executor = memory.executor::<_, R, T>(network, &stored, options);
            executor.and_then(|mut executor| executor.run()).expect("the network runs");
        });
        let given = Digest::of(&memory.gradient);
        count(&format!("gradient of {name} at 64 points, weights drawn"), || {
            let executor = memory.executor::<_, R, T>(network, &seeded, options);
            executor.and_then(|mut executor| executor.run()).expect("the network runs");
        });
        assert_eq!(given, Digest::of(&memory.gradient), "both sources give the same bits");
    }
}

fn drawn(network: &Network, seeded: &Seeded) -> Vec<(Vec<f32>, Vec<f32>)> {
    let dense = (0..network.len()).filter_map(|i| match network.layer(i) {
        Some(Layer::Dense(dense)) => Some(dense),
        _ => None,
    });
    dense
        .map(|dense| {
            let block = Block { transposed: false, rows: 0..dense.fan_out, columns: 0..dense.fan_in };
            let mut weight = vec![0.0; block.len()];
            seeded.fill::<1>(&dense, &block, &mut weight);
            let biases = if dense.bias { dense.fan_out } else { 0 };
            (weight, (0..biases).map(|row| seeded.bias(&dense, row)).collect())
        })
        .collect()
}
