//! The gradient of the paper's networks at 256 points on one thread, weights given and weights drawn.
#![allow(missing_docs)] // criterion's macros make undocumented functions
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use shatterscope::contract::Digest;
use shatterscope::kernel::{Isa, Tiled};
use shatterscope::network::{
    Block, Buffers, Executor, Layer, Network, Norm, Options, Parameters, Seeded, Serial, Spec, Stored, Weights,
};
use shatterscope::probe::Grid;
use std::hint::black_box;

const POINTS: u32 = 256;

struct Memory {
    activations: Vec<f32>,
    tape: Vec<u8>,
    statistics: Vec<f32>,
    panel: Vec<f32>,
    outputs: Vec<f32>,
    gradient: Vec<f32>,
}

fn gradient<W: Weights, const R: usize, const T: usize>(
    network: Network,
    weights: &W,
    options: Options,
    memory: &mut Memory,
) -> Digest {
    let buffers = Buffers {
        activations: &mut memory.activations,
        tape: &mut memory.tape,
        statistics: &mut memory.statistics,
        normalised: &mut [],
        panel: &mut memory.panel,
    };
    Executor::<_, _, R, T>::new(
        network,
        weights,
        &Serial,
        Grid::new(POINTS).input(),
        options,
        buffers,
        &mut memory.outputs,
        &mut memory.gradient,
    )
    .and_then(|mut executor| executor.run())
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
    let network = Network::Family(spec);
    let options = Options { isa, ..Options::new(POINTS) };
    let plan = network.plan(&options, T as u32).expect("the spec runs");
    let mut memory = Memory {
        activations: vec![0.0; plan.activations_len as usize],
        tape: vec![0; plan.tape_len as usize],
        statistics: vec![0.0; plan.statistics_len as usize],
        panel: vec![0.0; (spec.width * spec.width) as usize],
        outputs: vec![0.0; plan.outputs_len as usize],
        gradient: vec![0.0; plan.gradient_len as usize],
    };
    let seeded = Seeded::new(&spec, 1, 0).with_isa(isa);
    let drawn: Vec<(Vec<f32>, Vec<f32>)> = (0..network.len())
        .filter_map(|i| match network.layer(i) {
            Some(Layer::Dense(dense)) => Some(dense),
            _ => None,
        })
        .map(|dense| {
            let block = Block { transposed: false, rows: 0..dense.fan_out, columns: 0..dense.fan_in };
            let mut weight = vec![0.0; block.len()];
            seeded.fill::<1>(&dense, &block, &mut weight);
            let biases = if dense.bias { dense.fan_out } else { 0 };
            (weight, (0..biases).map(|row| seeded.bias(&dense, row)).collect())
        })
        .collect();
    let parameters: Vec<Parameters> = drawn.iter().map(|(weight, bias)| Parameters { weight, bias }).collect();
    let stored = Stored::new(&network, &parameters).expect("finite weights");
    let digest = gradient::<_, R, T>(network, &stored, options, &mut memory);
    assert_eq!(digest, gradient::<_, R, T>(network, &seeded, options, &mut memory), "both sources give the same bits");
    let mut group = c.benchmark_group(format!("gradient, {name}"));
    group.sample_size(20).throughput(Throughput::Elements(plan.multiply_adds));
    group.bench_function(BenchmarkId::new("weights given", digest), |b| {
        b.iter(|| gradient::<_, R, T>(network, black_box(&stored), options, &mut memory))
    });
    group.bench_function(BenchmarkId::new("weights drawn", digest), |b| {
        b.iter(|| gradient::<_, R, T>(network, black_box(&seeded), options, &mut memory))
    });
}

fn networks(c: &mut Criterion) {
    let centred = |depth| Spec::feedforward(depth, 200).with_norm(Norm::Centre);
    for (name, spec) in [("24 x 200, centred", centred(24)), ("50 x 200, plain", Spec::feedforward(50, 200))] {
        for isa in Isa::ALL.into_iter().filter(|isa| isa.is_available() && *isa != Isa::SoftFloat) {
            let name = format!("{name}, {isa:?}");
            isa.tiled(POINTS, Bench { c, name: &name, spec, isa });
        }
    }
}

criterion_group!(benches, networks);
criterion_main!(benches);
