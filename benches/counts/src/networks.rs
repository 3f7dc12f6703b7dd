//! Runs over points: each kind of operation in both directions, and whole gradients.
use crate::count;
use shatterscope::contract::Digest;
use shatterscope::exec::Isa;
use shatterscope::exec::{Buffers, Observer, Run, Seen, Source};
use shatterscope::graph::Op;
use shatterscope::internals::weights::Block;
use shatterscope::plan::{Plan, RunLengths, RunOptions, Statistics};
use shatterscope::probe::Grid;
use shatterscope::spec::{Norm, Spec};
use shatterscope::weights::Seeded;
use shatterscope::workers::Serial;
use shatterscope::{Error, Pass};

/// Buffers of exactly the planned lengths.
struct Memory {
    values: Vec<f32>,
    tape: Vec<u8>,
    statistics: Vec<f32>,
    panel: Vec<f32>,
    outputs: Vec<f32>,
    gradient: Vec<f32>,
}

impl Memory {
    fn new(lengths: &RunLengths, width: usize) -> Self {
        Self {
            values: vec![0.0; lengths.values_len as usize + 16],
            tape: vec![0; lengths.tape_len as usize],
            statistics: vec![0.0; lengths.statistics_len as usize],
            panel: vec![0.0; width * width],
            outputs: vec![0.0; lengths.outputs_len as usize],
            gradient: vec![0.0; lengths.gradient_len as usize],
        }
    }

    fn start<'a, const R: usize, const T: usize>(
        &'a mut self,
        plan: &'a Plan<'a>,
        source: Source<'a>,
        options: RunOptions,
    ) -> Result<Run<'a, Serial, R, T>, Error> {
        let first = self.values.as_ptr().align_offset(64);
        let buffers = Buffers {
            values: self.values.get_mut(first..).unwrap_or_default(),
            tape: &mut self.tape,
            statistics: &mut self.statistics,
            scratch: &mut self.panel,
            gathered: &mut [],
        };
        let input = Grid::new(options.points).input();
        Run::new(plan, source, &Serial, input, options, buffers, &mut self.outputs, &mut self.gradient)
    }
}

/// Sees which operation a step was.
#[derive(Default)]
struct Last(Option<(u32, Pass)>);

impl Observer for Last {
    fn see(&mut self, seen: &Seen<'_>) {
        self.0 = Some((seen.node, seen.pass));
    }
}

/// Steps through a network of three layers with each norm: one region an operation and direction, of the second layer.
pub fn units<const R: usize, const T: usize>(isa: Isa) {
    for (norm, statistics) in
        [(Norm::Centre, Statistics::Detached), (Norm::Batch, Statistics::Detached), (Norm::Batch, Statistics::Full)]
    {
        let spec = Spec::feedforward(3, 48).with_norm(norm);
        let options = RunOptions::new(64).with_isa(isa).with_statistics(statistics);
        let plan = Plan::family(&spec, options.want()).expect("the spec can be planned");
        let mut memory = Memory::new(&plan.run(&options, T as u32).expect("the spec runs"), 48);
        let seeded = Seeded::new(&spec, 1, 0).with_isa(isa);
        let mut run = memory.start::<R, T>(&plan, Source::Seeded(&seeded), options).expect("the buffers fit");
        let nodes = 1..plan.graph().len() as u32;
        let operations = nodes.clone().map(|i| (i, "forward")).chain(nodes.rev().map(|i| (i, "backward")));
        for (i, way) in operations {
            let name = match plan.graph().node(i).map(|node| node.op) {
                Some(Op::Relu) if norm == Norm::Centre => "ReLU",
                Some(Op::Centre) => "centring",
                Some(Op::Normalise { .. }) if statistics == Statistics::Full => "batch norm, full",
                Some(Op::Normalise { .. }) => "batch norm, detached",
                _ => "",
            };
            let mut last = Last::default();
            let mut step = || run.step_observed(1, &mut last).map(|_| ()).expect("the network is finite");
            // The first norm and the first ReLU behind it.
            if !name.is_empty() && matches!(i, 2 | 3) {
                count(&format!("{name} of 48 x 64, {way}"), step);
            } else {
                step();
                // A dense layer may take several panels.
                while last.0.is_none() {
                    run.step_observed(1, &mut last).expect("the network is finite");
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
        let options = RunOptions::new(64).with_isa(isa);
        let plan = Plan::family(&spec, options.want()).expect("the spec can be planned");
        let mut memory = Memory::new(&plan.run(&options, T as u32).expect("the spec runs"), 50);
        let seeded = Seeded::new(&spec, 1, 0).with_isa(isa);
        let parameters = drawn(&plan, &seeded);
        count(&format!("gradient of {name} at 64 points, weights given"), || {
            let run = memory.start::<R, T>(&plan, Source::Stored(&parameters), options);
            run.and_then(|mut run| run.run()).expect("the network runs");
        });
        let given = Digest::of(&memory.gradient);
        count(&format!("gradient of {name} at 64 points, weights drawn"), || {
            let run = memory.start::<R, T>(&plan, Source::Seeded(&seeded), options);
            run.and_then(|mut run| run.run()).expect("the network runs");
        });
        assert_eq!(given, Digest::of(&memory.gradient), "both sources give the same bits");
    }
}

/// All parameters, in the order of [`Source::Stored`].
fn drawn(plan: &Plan, seeded: &Seeded) -> Vec<f32> {
    let graph = plan.graph();
    let mut parameters = Vec::new();
    for dense in (0..graph.len() as u32).filter_map(|i| seeded.dense_of(graph, i)) {
        let block = Block { transposed: false, rows: 0..dense.fan_out, columns: 0..dense.fan_in };
        let at = parameters.len();
        parameters.resize(at + block.len(), 0.0);
        seeded.fill::<1>(&dense, &block, &mut parameters[at..]);
        let biases = if dense.bias { dense.fan_out } else { 0 };
        parameters.extend((0..biases).map(|row| seeded.bias(&dense, row)));
    }
    parameters
}
