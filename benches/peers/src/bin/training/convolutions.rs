//! One convolution as a network of its own, a batch at a time.
use super::pool;
use shatterscope::exec::Isa;
use shatterscope::exec::{Buffers, Executor, Mode, Options};
use shatterscope::graph::{Image, Window};
use shatterscope::internals::kernel::Tiled;
use shatterscope::internals::op::Conv;
use shatterscope::plan::Want;
use shatterscope::random::{Normal, Purpose, Stream};
use shatterscope_engine::{Aligned, Placed, Threads};
use shatterscope_layers::Layer;
use shatterscope_peers::{Contestant, Entry, write};
use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

const BATCH: u32 = 256;

/// (channels in, out, height and width in, stride): of the networks of the paper's last figures on CIFAR-10, with and without CReLU.
const SHAPES: [(u32, u32, u32, u32); 10] = [
    (3, 8, 32, 1),
    (8, 8, 32, 1),
    (8, 16, 32, 2),
    (16, 16, 16, 1),
    (32, 32, 8, 1),
    (64, 64, 4, 1),
    (10, 5, 32, 1),
    (22, 11, 16, 1),
    (44, 22, 8, 1),
    (90, 45, 4, 1),
];

struct Convolution<const R: usize, const T: usize> {
    placed: Placed,
    isa: Isa,
    backward: bool,
    pool: rayon::ThreadPool,
    parameters: Vec<f32>,
    gradient: Vec<f32>,
    values: Aligned,
    scratch: Aligned,
    gathered: Aligned,
    result: Vec<f32>,
}

/// The nodes of the image and of what the convolution makes of it.
const INPUT: u32 = 0;
const OUTPUT: u32 = 1;

impl<const R: usize, const T: usize> Convolution<R, T> {
    fn with<Y: Send>(&mut self, f: impl FnOnce(&mut Executor<'_, Threads, R, T>, &[f32], &mut [f32]) -> Y + Send) -> Y {
        let Self { placed, isa, pool, parameters, gradient, values, scratch, gathered, .. } = self;
        let plan = placed.plan().expect("the layer has been placed");
        let buffers = Buffers { values, tape: &mut [], statistics: &mut [], scratch, gathered };
        let options = Options::new(BATCH).with_isa(*isa);
        pool.install(|| {
            let threads = Threads::new();
            let mut executor = Executor::new(&plan, &threads, options, buffers).expect("the buffers fit");
            f(&mut executor, parameters, gradient)
        })
    }

    /// One pass forward and, where that is the task, backward; how long the first took. The inputs and the gradients of the outputs stay
    /// where they are: nothing takes their place.
    fn pass(&mut self) -> Duration {
        let backward = self.backward;
        self.with(|executor, parameters, gradient| {
            let start = Instant::now();
            let batch = executor.begin(BATCH).expect("the batch fits");
            let forward = batch.forward(parameters, Mode::Probing).expect("the inputs are finite");
            let outputs = forward.run().expect("the outputs are finite");
            let elapsed = start.elapsed();
            if backward {
                gradient.fill(0.0);
                let backward = outputs.backward(parameters, gradient).expect("the gradient fits");
                backward.run().expect("the gradients are finite");
            }
            elapsed
        })
    }
}

/// `[point][unit]`, of tiles.
fn points<const T: usize>(tiles: &[f32], tile_len: usize, units: u32) -> Vec<f32> {
    let units = units as usize;
    (0..BATCH as usize)
        .flat_map(|point| (0..units).map(move |unit| (point, unit)))
        .map(|(point, unit)| tiles[point / T * tile_len + unit * T + point % T])
        .collect()
}

/// The reverse.
fn tiles<const T: usize>(points: &[f32], tiles: &mut [f32], tile_len: usize, units: u32) {
    for (point, values) in points.chunks_exact(units as usize).enumerate() {
        for (unit, value) in values.iter().enumerate() {
            tiles[point / T * tile_len + unit * T + point % T] = *value;
        }
    }
}

impl<const R: usize, const T: usize> Contestant for Convolution<R, T> {
    fn run(&mut self) {
        self.pass();
    }

    /// A backward pass needs a forward pass before it, which is not its task.
    fn timed(&mut self) -> Duration {
        let start = Instant::now();
        let forward = self.pass();
        if self.backward { start.elapsed().saturating_sub(forward) } else { start.elapsed() }
    }

    fn result(&self) -> Vec<f32> {
        self.result.clone()
    }
}

struct Make<'a> {
    conv: Conv,
    isa: Isa,
    backward: bool,
    threads: usize,
    data: [&'a [f32]; 3],
}

impl Tiled for Make<'_> {
    type Output = io::Result<(Box<dyn Contestant>, Vec<f32>)>;

    fn with<const R: usize, const T: usize>(self) -> Self::Output {
        let layers = [Layer::Conv { conv: self.conv, bias: true }];
        let placed = Placed::of_layers(&layers, Want::Gradients).map_err(io::Error::other)?;
        let plan = placed.plan().map_err(io::Error::other)?;
        let too_large = || io::Error::other("the batch is too large");
        let zeros = |len: u64| Aligned::zeros(len).map_err(io::Error::other);
        let [x, parameters, g] = self.data;
        let [inputs, outputs] = [0, 1].map(|node: usize| placed.nodes[node].shape.units().unwrap_or(0));
        let mut one = Convolution::<R, T> {
            isa: self.isa,
            backward: self.backward,
            pool: pool(self.threads)?,
            parameters: parameters.to_vec(),
            gradient: vec![0.0; plan.parameters_len as usize],
            values: zeros(plan.values_len(BATCH, T as u32).ok_or_else(too_large)?)?,
            scratch: zeros(plan.scratch_best.max(plan.scratch_len))?,
            gathered: zeros(2 * plan.gathered_len(T as u32))?,
            result: Vec::new(),
            placed,
        };
        let backward = self.backward;
        let result = one.with(|executor, parameters, gradient| {
            let mut batch = executor.begin(BATCH).expect("the batch fits");
            let (to, tile_len) = batch.input(INPUT).expect("an input");
            tiles::<T>(x, to, tile_len, inputs);
            let forward = batch.forward(parameters, Mode::Probing).expect("the inputs are finite");
            let mut passed = forward.run().expect("the outputs are finite");
            let (values, to, tile_len) = passed.output_and_gradient(OUTPUT).expect("an output");
            let of_outputs = points::<T>(values, tile_len, outputs);
            tiles::<T>(g, to, tile_len, outputs);
            if !backward {
                return of_outputs;
            }
            let passed = passed.backward(parameters, gradient).expect("the gradient fits");
            let passed = passed.run().expect("the gradients are finite");
            let (of_inputs, tile_len) = passed.input(INPUT).expect("the gradient of an input");
            let mut result = points::<T>(of_inputs, tile_len, inputs);
            result.extend(&*gradient);
            result
        });
        one.result = result.clone();
        Ok((Box::new(one), result))
    }
}

fn values(len: usize, column: u32, scale: f32) -> Vec<f32> {
    let stream = Stream::new(1, 0, Purpose::Weight, 1, Normal::IrwinHall);
    (0..len as u32).map(|row| scale * stream.value(row, column)).collect()
}

/// Writes inputs, parameters and gradients of each shape, and enters both directions.
pub fn entries(data: &Path, isa: Isa, references: &mut HashMap<String, Vec<f32>>) -> io::Result<Vec<Entry>> {
    let mut entries = Vec::new();
    for (inputs, outputs, size, stride) in SHAPES {
        let input = Image { channels: inputs, height: size, width: size };
        let conv = Conv { input, channels: outputs, window: Window::half_padded(3, stride) };
        let small = || io::Error::other("an image is too small");
        let output = conv.output().ok_or_else(small)?;
        let units = [input, output].map(|image| image.units().unwrap_or(0) as usize * BATCH as usize);
        let weights = conv.weights().ok_or_else(small)?;
        let x = values(units[0], 0, 1.0);
        let parameters = values(weights as usize + outputs as usize, 1, (2.0 / (9.0 * inputs as f32)).sqrt());
        let g = values(units[1], 2, 1e-3);
        let name = format!("conv-{inputs}-{outputs}-{size}-{stride}");
        for (what, values) in [("x", &x), ("w", &parameters), ("g", &g)] {
            write(&data.join(format!("{name}-{what}.f32")), values)?;
        }
        let operations = 2 * weights * output.plane() * u64::from(BATCH);
        for (backward, direction) in [(false, "forward"), (true, "backward")] {
            for threads in [1, 2] {
                let task = format!("{name}-{direction}-{threads}");
                let strided = if stride > 1 { format!(", stride {stride}") } else { String::new() };
                let what = format!("{inputs} -> {outputs}, {size} x {size}{strided}, {direction}");
                println!("task\t{task}\t{}\t{what}", if backward { 2 * operations } else { operations });
                let make = Make { conv, isa, backward, threads, data: [&x, &parameters, &g] };
                let (contestant, result) = isa.tiled(BATCH, make)?;
                references.insert(task.clone(), result);
                entries.push(Entry { task, name: "ours".into(), contestant });
            }
        }
    }
    Ok(entries)
}
