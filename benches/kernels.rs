//! The dense kernel at the paper's size, the reduction, and the random numbers.
#![allow(missing_docs)] // criterion's macros make undocumented functions
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use shatterscope::contract::Digest;
use shatterscope::contract::Red16;
use shatterscope::exec::Isa;
use shatterscope::internals::kernel::{Along, Matrix, Tiled, chain, chain_matrix, draw, weight_gradient};
use shatterscope::internals::op::naive;
use shatterscope::random::{Normal, Purpose, Stream};
use std::hint::black_box;

const WIDTH: usize = 200;
const POINTS: usize = 256;

fn values(len: usize, column: u32) -> Vec<f32> {
    let stream = Stream::new(1, 0, Purpose::Weight, 1, Normal::IrwinHall);
    (0..len as u32).map(|row| stream.value(row, column)).collect()
}

/// Registers of 64 bytes are loaded fastest from where lines of the cache begin.
fn aligned(store: &mut [f32], len: usize) -> &mut [f32] {
    let first = store.as_ptr().align_offset(64);
    &mut store[first..first + len]
}

/// The product of 200 x 200 by 200 x 256, tile by tile as the executor does it; its digest stands beside the time.
fn tiles<const R: usize, const T: usize>(c: &mut Criterion, name: &str, isa: Isa) {
    let weight = values(WIDTH * WIDTH, 0);
    let x = values(WIDTH * POINTS, 1);
    let mut panel = vec![0.0; weight.len()];
    for (i, row) in weight.chunks(WIDTH).enumerate() {
        for (k, w) in row.iter().enumerate() {
            panel[shatterscope::internals::kernel::panel_index::<R>(WIDTH, WIDTH, i, k)] = *w;
        }
    }
    // [tile][unit][T] from [unit][point].
    let mut store = [vec![0.0f32; WIDTH * POINTS + 16], vec![0.0f32; WIDTH * POINTS + 16]];
    let [inputs, outputs] = store.each_mut().map(|store| aligned(store, WIDTH * POINTS).as_chunks_mut::<T>().0);
    for (unit, row) in x.chunks(POINTS).enumerate() {
        for (p, x) in row.iter().enumerate() {
            inputs[p / T * WIDTH + unit][p % T] = *x;
        }
    }
    let run = |outputs: &mut [[f32; T]]| {
        outputs.fill([0.0; T]);
        for (x, y) in inputs.chunks(WIDTH).zip(outputs.chunks_mut(WIDTH)) {
            chain::<R, T>(isa, black_box(&panel), x, y);
        }
    };
    run(outputs);
    let mut digest = Digest::new();
    for unit in 0..WIDTH {
        for p in 0..POINTS {
            digest.push(outputs[p / T * WIDTH + unit][p % T]);
        }
    }
    let mut group = c.benchmark_group("dense 200x200 by 200x256");
    group.throughput(Throughput::Elements((WIDTH * WIDTH * POINTS) as u64));
    group.bench_function(BenchmarkId::new(name, digest), |b| b.iter(|| run(black_box(outputs))));
    for (how, transposed) in [("where it stands", false), ("transposed", true)] {
        let matrix = Matrix { data: &weight, stride: WIDTH, transposed };
        group.bench_function(format!("{name}, {how}"), |b| {
            b.iter(|| {
                outputs.as_flattened_mut().fill(0.0);
                for (x, y) in inputs.chunks(WIDTH).zip(outputs.chunks_mut(WIDTH)) {
                    chain_matrix::<R, T>(isa, black_box(matrix), x, y);
                }
            })
        });
    }
}

struct Tiles<'a>(&'a mut Criterion, Isa);

impl Tiled for Tiles<'_> {
    type Output = ();
    const NARROW: bool = false;

    fn with<const R: usize, const T: usize>(self) {
        tiles::<R, T>(self.0, &format!("{} {R}x{T}", self.1.name()), self.1);
    }
}

fn dense(c: &mut Criterion) {
    tiles::<1, 1>(c, "portable 1x1", Isa::Portable);
    for isa in Isa::ALL.into_iter().filter(|isa| isa.is_available()) {
        isa.tiled(POINTS as u32, Tiles(c, isa));
    }
    let (weight, x) = (values(WIDTH * WIDTH, 0), values(WIDTH * POINTS, 1));
    let mut y = vec![0.0; WIDTH * POINTS];
    naive::dense(&weight, &[], WIDTH, POINTS, &x, &mut y);
    let mut group = c.benchmark_group("dense 200x200 by 200x256");
    group.sample_size(20).throughput(Throughput::Elements((WIDTH * WIDTH * POINTS) as u64));
    group.bench_function(BenchmarkId::new("naive", Digest::of(&y)), |b| {
        b.iter(|| naive::dense(black_box(&weight), &[], WIDTH, POINTS, &x, &mut y))
    });
}

fn weight_gradients(c: &mut Criterion) {
    let (x, g) = (values(WIDTH * POINTS, 1), values(WIDTH * POINTS, 3));
    let mut group = c.benchmark_group("weight gradient 200x256 by 256x200");
    group.throughput(Throughput::Elements((WIDTH * WIDTH * POINTS) as u64));
    for isa in Isa::ALL.into_iter().filter(|isa| isa.is_available()) {
        let run = |y: &mut [f32]| {
            y.fill(0.0);
            weight_gradient(isa, (WIDTH, WIDTH, POINTS), black_box(&x), black_box(&g), y);
        };
        let mut y = vec![0.0; WIDTH * WIDTH];
        run(&mut y);
        group.bench_function(BenchmarkId::new(format!("{isa:?}"), Digest::of(&y)), |b| b.iter(|| run(&mut y)));
    }
}

fn reductions(c: &mut Criterion) {
    let series = values(POINTS, 2);
    c.bench_function("RED16 of 256", |b| b.iter(|| Red16::sum(black_box(&series).iter().copied())));
}

fn draws(c: &mut Criterion) {
    let mut group = c.benchmark_group("1024 weights");
    group.throughput(Throughput::Elements(1024));
    let stream = Stream::new(1, 0, Purpose::Weight, 1, Normal::IrwinHall);
    let mut weights = vec![0.0; 1024];
    for isa in Isa::ALL.into_iter().filter(|isa| isa.is_available()) {
        draw(isa, &stream, (0, 0), Along::Row, 0.1, &mut weights);
        group.bench_function(BenchmarkId::new(format!("{isa:?}"), Digest::of(&weights)), |b| {
            b.iter(|| draw(isa, black_box(&stream), (0, 0), Along::Row, 0.1, &mut weights))
        });
    }
}

fn normals(c: &mut Criterion) {
    let mut group = c.benchmark_group("1000 normals");
    group.throughput(Throughput::Elements(1000));
    for (name, normal) in [("irwin-hall", Normal::IrwinHall), ("as241", Normal::As241)] {
        let stream = Stream::new(1, 0, Purpose::Weight, 1, normal);
        group.bench_function(name, |b| {
            b.iter(|| (0..1000).fold(0.0f32, |sum, column| sum + stream.value(0, black_box(column))))
        });
    }
}

criterion_group!(kernels, dense, weight_gradients, reductions, draws, normals);
criterion_main!(kernels);
