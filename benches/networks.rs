//! The gradient of the paper's networks at 256 points on one thread, weights given and weights drawn.
#![allow(missing_docs)] // criterion's macros make undocumented functions
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use shatterscope::contract::Digest;
use shatterscope::exec::Isa;
use shatterscope::exec::{Buffers, Run, Source};
use shatterscope::internals::kernel::Tiled;
use shatterscope::internals::weights::Block;
use shatterscope::plan::{Plan, RunOptions};
use shatterscope::probe::Grid;
use shatterscope::spec::{Norm, Spec};
use shatterscope::weights::Seeded;
use shatterscope::workers::Serial;
use std::hint::black_box;

const POINTS: u32 = 256;

struct Memory {
    values: Vec<f32>,
    tape: Vec<u8>,
    statistics: Vec<f32>,
    panel: Vec<f32>,
    outputs: Vec<f32>,
    gradient: Vec<f32>,
}

fn gradient<const R: usize, const T: usize>(
    plan: &Plan,
    source: Source,
    options: RunOptions,
    memory: &mut Memory,
) -> Digest {
    let buffers = Buffers {
        values: &mut memory.values,
        tape: &mut memory.tape,
        statistics: &mut memory.statistics,
        scratch: &mut memory.panel,
        gathered: &mut [],
    };
    let (input, outputs) = (Grid::new(POINTS).input(), &mut memory.outputs);
    Run::<_, R, T>::new(plan, source, &Serial, input, options, buffers, outputs, &mut memory.gradient)
        .and_then(|mut run| run.run())
        .expect("the spec runs");
    Digest::of(&memory.gradient)
}

struct Bench<'a> {
    c: &'a mut Criterion,
    name: &'a str,
    spec: Spec,
    isa: Isa,
}

impl Tiled for Bench<'_> {
    type Output = ();

    fn with<const R: usize, const T: usize>(self) {
        bench::<R, T>(self.c, self.name, self.spec, self.isa);
    }
}

fn bench<const R: usize, const T: usize>(c: &mut Criterion, name: &str, spec: Spec, isa: Isa) {
    let options = RunOptions::new(POINTS).with_isa(isa);
    let plan = Plan::family(&spec, options.want()).expect("the spec can be planned");
    let lengths = plan.run(&options, T as u32).expect("the spec runs");
    let mut memory = Memory {
        values: vec![0.0; lengths.values_len as usize],
        tape: vec![0; lengths.tape_len as usize],
        statistics: vec![0.0; lengths.statistics_len as usize],
        panel: vec![0.0; (spec.width * spec.width) as usize],
        outputs: vec![0.0; lengths.outputs_len as usize],
        gradient: vec![0.0; lengths.gradient_len as usize],
    };
    let seeded = Seeded::new(&spec, 1, 0).with_isa(isa);
    let (drawn, parameters) = (Source::Seeded(&seeded), drawn(&plan, &seeded));
    let given = Source::Stored(&parameters);
    let digest = gradient::<R, T>(&plan, given, options, &mut memory);
    assert_eq!(digest, gradient::<R, T>(&plan, drawn, options, &mut memory), "both sources give the same bits");
    let mut group = c.benchmark_group(format!("gradient, {name}"));
    group.sample_size(20).throughput(Throughput::Elements(lengths.multiply_adds));
    group.bench_function(BenchmarkId::new("weights given", digest), |b| {
        b.iter(|| gradient::<R, T>(&plan, black_box(given), options, &mut memory))
    });
    group.bench_function(BenchmarkId::new("weights drawn", digest), |b| {
        b.iter(|| gradient::<R, T>(&plan, black_box(drawn), options, &mut memory))
    });
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

fn networks(c: &mut Criterion) {
    let centred = |depth| Spec::feedforward(depth, 200).with_norm(Norm::Centre);
    for (name, spec) in [("24 x 200, centred", centred(24)), ("50 x 200, plain", Spec::feedforward(50, 200))] {
        for isa in Isa::ALL.into_iter().filter(|isa| isa.is_available() && !isa.uses_integers()) {
            let name = format!("{name}, {isa:?}");
            isa.tiled(POINTS, Bench { c, name: &name, spec, isa });
        }
    }
}

criterion_group!(benches, networks);
criterion_main!(benches);
