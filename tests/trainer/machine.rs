//! Passes on buffers that hold NaN at first, with guards past what was planned.
use super::workers::Order;
pub use crate::common::bits;
use shatterscope::exec::Isa;
use shatterscope::exec::{self, Batch, Buffers, Executor, Options, Outputs};
use shatterscope::graph::{Graph, Node};
use shatterscope::plan::{Memory, Plan, Storage, Want, place};
use shatterscope::{Error, InvalidSpec};
use shatterscope_layers::{Layer, to_graph};

/// What a forward pass is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Training { step: u32 },
    Probing,
    Inference,
}

/// Layers as a graph with slots.
pub struct Planned {
    nodes: Vec<Node>,
    slots: Vec<u32>,
    want: Want,
    pub memory: Memory,
}

impl Planned {
    pub fn new(layers: &[Layer], want: Want) -> Result<Self, Error> {
        let mut nodes = vec![Node::EMPTY; 3 * layers.len() + 1];
        let len = to_graph(layers, &mut nodes)?.len();
        nodes.truncate(len);
        Self::of(nodes, want)
    }

    /// The same of nodes.
    pub fn of(nodes: Vec<Node>, want: Want) -> Result<Self, Error> {
        let len = nodes.len();
        let (mut slots, mut storages) = (vec![0; len * want.slots()], vec![Storage::EMPTY; len * want.slots()]);
        let memory = place(&Graph::new(&nodes)?, want, &mut storages, &mut slots)?;
        Ok(Self { nodes, slots, want, memory })
    }

    pub fn graph(&self) -> Graph<'_> {
        Graph::new(&self.nodes).unwrap()
    }

    pub fn plan(&self) -> Plan<'_> {
        let plan = Plan::new(&self.graph(), self.want, &self.slots).unwrap();
        assert_eq!(plan.units, self.memory.units);
        plan
    }

    pub fn output(&self) -> u32 {
        self.nodes.len() as u32 - 1
    }

    pub fn units(&self, node: u32) -> usize {
        self.nodes[node as usize].shape.units().unwrap() as usize
    }

    /// Units in and out.
    pub fn ends(&self) -> (usize, usize) {
        (self.units(0), self.units(self.output()))
    }
}

/// Why a list or one of its nodes is refused.
#[track_caller]
pub fn reason(error: Error) -> InvalidSpec {
    match error {
        Error::InvalidSpec(reason) | Error::InvalidNode { reason, .. } => reason,
        other => panic!("{other:?} refuses nothing"),
    }
}

/// Numbers that look random, of both signs, as a function of where they stand.
pub fn value(at: usize) -> f32 {
    let mixed = (at as u32).wrapping_mul(0x9e37_79b9) ^ 0x5bd1_e995;
    let mixed = (mixed ^ mixed >> 15).wrapping_mul(0x2c1b_3c6d);
    (mixed >> 8) as f32 / (1 << 23) as f32 - 1.0
}

pub fn values(n: usize, salt: usize) -> Vec<f32> {
    (0..n).map(|i| value(salt * 1_000_003 + i)).collect()
}

/// How a batch is run; no field may change a bit.
#[derive(Clone, Copy, Debug)]
pub struct How<'a> {
    pub isa: Isa,
    /// The batch in calls.
    pub cuts: &'a [usize],
    /// Elements of scratch beyond the least.
    pub scratch: usize,
    /// Tiles that are gathered at a time.
    pub gathered: usize,
    /// Parameters move by 1/64 of their gradient, at once.
    pub update: bool,
}

impl<'a> How<'a> {
    /// The least buffers, portable instructions.
    pub const fn plain(cuts: &'a [usize]) -> Self {
        Self { isa: Isa::Portable, cuts, scratch: 0, gathered: 1, update: false }
    }
}

/// What there is to be run.
#[derive(Clone, Debug)]
pub struct Task {
    pub layers: Vec<Layer>,
    pub parameters: Vec<f32>,
    pub running: Vec<f32>,
    pub mode: Mode,
    pub seed: u64,
    /// `[point][unit]`
    pub inputs: Vec<f32>,
    /// `[point][unit]`, of the outputs.
    pub seeds: Vec<f32>,
    /// What the parameters' gradients start from.
    pub gradient: Vec<f32>,
}

impl Task {
    pub fn new(layers: &[Layer], points: usize, mode: Mode) -> Self {
        let planned = Planned::new(layers, Want::Output).unwrap();
        let (plan, (inputs, outputs)) = (planned.plan(), planned.ends());
        let variances = |i: usize, x: f32| if i.is_multiple_of(2) { x } else { x * x + 0.25 };
        Self {
            layers: layers.to_vec(),
            parameters: values(plan.parameters_len as usize, 1).iter().map(|x| x * 0.4).collect(),
            // Means and variances alternate in runs; all are above zero, so that each can be either.
            running: values(plan.running_len as usize, 2)
                .iter()
                .enumerate()
                .map(|(i, x)| variances(i, *x) + 1.5)
                .collect(),
            mode,
            seed: 7,
            inputs: values(inputs * points, 3),
            seeds: values(outputs * points, 4),
            gradient: vec![0.0; plan.parameters_len as usize],
        }
    }

    /// The mode with these running statistics.
    pub fn mode<'r>(&self, running: &'r mut [f32]) -> exec::Mode<'r> {
        match self.mode {
            Mode::Training { step } => exec::Mode::Training { seed: self.seed, step, running },
            Mode::Probing => exec::Mode::Probing,
            Mode::Inference => exec::Mode::Inference { running },
        }
    }
}

/// What came of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// `[point][unit]`
    pub outputs: Vec<u32>,
    pub input_gradient: Vec<u32>,
    /// Of the parameters; where they were updated, the parameters.
    pub gradient: Vec<u32>,
    pub running: Vec<u32>,
}

const GUARDS: usize = 7;

/// A buffer of NaN, followed by guard elements that must not be written.
fn guarded(len: u64) -> Vec<f32> {
    let mut buffer = vec![f32::NAN; len as usize];
    buffer.extend([12345.0; GUARDS]);
    buffer
}

#[track_caller]
fn guards(buffer: &[f32], what: &str) {
    assert_eq!(buffer[buffer.len() - GUARDS..], [12345.0; GUARDS], "{what} past its planned length");
}

/// The buffers of a plan.
pub struct Room {
    pub values: Vec<f32>,
    pub tape: Vec<u8>,
    pub statistics: Vec<f32>,
    pub scratch: Vec<f32>,
    pub gathered: Vec<f32>,
}

impl Room {
    /// For so many points in tiles of T, with scratch for steps of plain descent where the plan allows it.
    pub fn new<const T: usize>(plan: &Plan, points: usize, scratch: usize, gathered: usize) -> Self {
        let alone = points == 1 && T == 1 && plan.want() == Want::ParameterGradient;
        let least = if alone { plan.descent_scratch[0] } else { plan.scratch_len };
        let (points, tile) = (points as u32, T as u32);
        let mut tape = vec![0xa5; plan.tape_len(points, tile).unwrap() as usize];
        tape.extend([0x5a; GUARDS]);
        Self {
            values: guarded(plan.values_len(points, tile).unwrap()),
            tape,
            statistics: guarded(plan.statistics_len()),
            scratch: vec![f32::NAN; least as usize + scratch],
            gathered: vec![f32::NAN; plan.gathered_len(tile) as usize * gathered + gathered % 3],
        }
    }

    pub fn buffers(&mut self) -> Buffers<'_> {
        Buffers {
            values: &mut self.values,
            tape: &mut self.tape,
            statistics: &mut self.statistics,
            scratch: &mut self.scratch,
            gathered: &mut self.gathered,
        }
    }

    #[track_caller]
    pub fn check(&self) {
        guards(&self.values, "values");
        guards(&self.statistics, "statistics");
        assert_eq!(self.tape[self.tape.len() - GUARDS..], [0x5a; GUARDS], "tape past its planned length");
    }
}

/// Writes an input of a call, the last point again in lanes that are none.
pub fn load<const R: usize, const T: usize>(
    batch: &mut Batch<'_, '_, Order, R, T>,
    node: u32,
    (first, count): (usize, usize),
    inputs: &[f32],
) {
    let (x, tile_len) = batch.input(node).unwrap();
    let units = tile_len / T;
    assert_eq!(x.len(), count.div_ceil(T) * tile_len);
    for (i, tile) in x.chunks_exact_mut(tile_len).enumerate() {
        for lane in 0..T {
            let point = first + (i * T + lane).min(count - 1);
            for unit in 0..units {
                tile[unit * T + lane] = inputs[point * units + unit];
            }
        }
    }
}

/// Writes the gradient of a call's outputs; what stands in lanes that are no points does not matter.
pub fn seed<const R: usize, const T: usize>(
    outputs: &mut Outputs<'_, '_, Order, R, T>,
    node: u32,
    (first, count): (usize, usize),
    seeds: &[f32],
) {
    let (_, g, tile_len) = outputs.output_and_gradient(node).unwrap();
    let units = tile_len / T;
    for (i, tile) in g.chunks_exact_mut(tile_len).take(count.div_ceil(T)).enumerate() {
        for unit in 0..units {
            for lane in 0..T {
                let point = i * T + lane;
                tile[unit * T + lane] = if point < count { seeds[(first + point) * units + unit] } else { f32::NAN };
            }
        }
    }
}

/// The units of the points at hand.
pub fn by_point<const T: usize>((x, tile_len): (&[f32], usize), units: usize, count: usize) -> Vec<f32> {
    (0..count).flat_map(|point| (0..units).map(move |u| x[point / T * tile_len + u * T + point % T])).collect()
}

/// A task's first points forward, with the gradients of the outputs as they are to be.
pub fn forward<'e, 'a, const R: usize, const T: usize>(
    executor: &'e mut Executor<'a, Order, R, T>,
    task: &Task,
    (first, count): (usize, usize),
    parameters: &[f32],
    running: &mut [f32],
) -> Result<Outputs<'e, 'a, Order, R, T>, Error> {
    let mut batch = executor.begin_at(first as u32, count as u32)?;
    load(&mut batch, 0, (first, count), &task.inputs);
    batch.forward(parameters, task.mode(running))?.run()
}

/// All of a task's points forward, and the gradients of the outputs.
pub fn seeded<'e, 'a, const R: usize, const T: usize>(
    executor: &'e mut Executor<'a, Order, R, T>,
    task: &Task,
    (output, points): (u32, usize),
    running: &mut [f32],
) -> Outputs<'e, 'a, Order, R, T> {
    let mut outputs = forward(executor, task, (0, points), &task.parameters, running).unwrap();
    seed(&mut outputs, output, (0, points), &task.seeds);
    outputs
}

pub fn run<const R: usize, const T: usize>(task: &Task, order: &Order, how: How) -> Result<Outcome, Error> {
    let batch = *how.cuts.iter().max().unwrap();
    let planned = Planned::new(&task.layers, Want::Gradients)?;
    let plan = planned.plan();
    let mut room = Room::new::<T>(&plan, batch, how.scratch, how.gathered);
    let ((inputs, outputs), last) = (planned.ends(), planned.output());
    let guard = |x: &[f32]| [x, &[12345.0; GUARDS]].concat();
    let (mut parameters, mut running, mut gradient) =
        (guard(&task.parameters), guard(&task.running), guard(&task.gradient));
    let before = parameters.clone();
    let (mut out, mut back) = (Vec::new(), Vec::new());
    let options = Options::new(batch as u32).with_isa(how.isa);
    let mut executor = Executor::<_, R, T>::new(&plan, order, options, room.buffers())?;
    let mut first = 0;
    for &count in how.cuts {
        let mut passed = forward(&mut executor, task, (first, count), &parameters, &mut running)?;
        out.extend(by_point::<T>(passed.output(last).unwrap(), outputs, count));
        seed(&mut passed, last, (first, count), &task.seeds);
        let gradients = if how.update {
            assert_eq!(how.cuts.len(), 1);
            let mut seen = vec![false; task.parameters.len()];
            let gradients = passed
                .backward_with(&mut parameters, &mut |at, weights, gradient| {
                    assert_eq!(weights.len(), gradient.len());
                    assert!(!weights.is_empty());
                    for (i, (weight, g)) in weights.iter_mut().zip(gradient).enumerate() {
                        assert!(!std::mem::replace(&mut seen[at + i], true), "parameter {} twice", at + i);
                        assert_eq!(*weight, before[at + i]);
                        *weight -= 0.015625 * g;
                    }
                })?
                .run()?;
            assert!(seen.iter().all(|seen| *seen), "a parameter was left out");
            gradients
        } else {
            passed.backward(&parameters, &mut gradient)?.run()?
        };
        back.extend(by_point::<T>(gradients.input(0).unwrap(), inputs, count));
        first += count;
    }
    room.check();
    for (buffer, what) in [(&parameters, "parameters"), (&running, "running"), (&gradient, "gradient")] {
        guards(buffer, what);
    }
    let of_parameters = if how.update { &parameters } else { &gradient };
    Ok(Outcome {
        outputs: bits(&out),
        input_gradient: bits(&back),
        gradient: bits(&of_parameters[..task.parameters.len()]),
        running: bits(&running[..task.running.len()]),
    })
}
