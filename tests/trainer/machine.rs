//! A trainer on buffers that hold NaN at first, with guards past what was planned.
use super::workers::Order;
use shatterscope::Error;
use shatterscope::kernel::Isa;
use shatterscope::train::{Buffers, Layer, Mode, Options, Place, Plan, Trainer, plan};

/// Numbers that look random, of both signs, as a function of where they stand.
pub fn value(at: usize) -> f32 {
    let mixed = (at as u32).wrapping_mul(0x9e37_79b9) ^ 0x5bd1_e995;
    let mixed = (mixed ^ mixed >> 15).wrapping_mul(0x2c1b_3c6d);
    (mixed >> 8) as f32 / (1 << 23) as f32 - 1.0
}

pub fn values(n: usize, salt: usize) -> Vec<f32> {
    (0..n).map(|i| value(salt * 1_000_003 + i)).collect()
}

pub fn bits(x: &[f32]) -> Vec<u32> {
    x.iter().map(|x| x.to_bits()).collect()
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
        let plan = plan(layers, points as u32, 1).unwrap();
        let variances = |i: usize, x: f32| if i.is_multiple_of(2) { x } else { x * x + 0.25 };
        Self {
            layers: layers.to_vec(),
            parameters: values(plan.parameters_len as usize, 1).iter().map(|x| x * 0.4).collect(),
            // Means and variances stand in runs; every one is above zero to serve as either.
            running: values(plan.running_len as usize, 2)
                .iter()
                .enumerate()
                .map(|(i, x)| variances(i, *x) + 1.5)
                .collect(),
            mode,
            seed: 7,
            inputs: values(plan.inputs as usize * points, 3),
            seeds: values(plan.outputs as usize * points, 4),
            gradient: vec![0.0; plan.parameters_len as usize],
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
    pub places: Vec<Place>,
    pub activations: Vec<f32>,
    pub tape: Vec<u8>,
    pub gradients: Vec<f32>,
    pub statistics: Vec<f32>,
    pub scratch: Vec<f32>,
    pub gathered: Vec<f32>,
}

impl Room {
    pub fn new(plan: &Plan, scratch: usize, gathered: usize) -> Self {
        let mut tape = vec![0xa5; plan.tape_len as usize];
        tape.extend([0x5a; GUARDS]);
        Self {
            places: vec![Place::default(); plan.places_len as usize + 1],
            activations: guarded(plan.activations_len),
            tape,
            gradients: guarded(plan.gradients_len),
            statistics: guarded(plan.statistics_len),
            scratch: vec![f32::NAN; plan.scratch_len as usize + scratch],
            gathered: vec![f32::NAN; plan.gathered_len as usize * gathered + gathered % 3],
        }
    }

    pub fn buffers(&mut self) -> Buffers<'_> {
        Buffers {
            places: &mut self.places,
            activations: &mut self.activations,
            tape: &mut self.tape,
            gradients: &mut self.gradients,
            statistics: &mut self.statistics,
            scratch: &mut self.scratch,
            gathered: &mut self.gathered,
        }
    }

    #[track_caller]
    pub fn check(&self) {
        guards(&self.activations, "activations");
        guards(&self.gradients, "gradients");
        guards(&self.statistics, "statistics");
        assert_eq!(self.tape[self.tape.len() - GUARDS..], [0x5a; GUARDS], "tape past its planned length");
        assert_eq!(self.places.last(), Some(&Place::default()), "places past their planned length");
    }
}

/// Writes a call's inputs, the last point again in lanes that are none.
pub fn load<const R: usize, const T: usize>(
    trainer: &mut Trainer<'_, Order, R, T>,
    (first, count): (usize, usize),
    inputs: &[f32],
) -> Result<(), Error> {
    let units = trainer.plan().inputs as usize;
    let (x, tile_len) = trainer.begin_at(first as u32, count as u32)?;
    assert_eq!(x.len(), count.div_ceil(T) * tile_len);
    for (i, tile) in x.chunks_exact_mut(tile_len).enumerate() {
        for lane in 0..T {
            let point = first + (i * T + lane).min(count - 1);
            for unit in 0..units {
                tile[unit * T + lane] = inputs[point * units + unit];
            }
        }
    }
    Ok(())
}

/// Writes the gradient of a call's outputs; what stands in lanes that are no points does not matter.
pub fn seed<const R: usize, const T: usize>(
    trainer: &mut Trainer<'_, Order, R, T>,
    (first, count): (usize, usize),
    seeds: &[f32],
) {
    let units = trainer.plan().outputs as usize;
    let (_, g, tile_len) = trainer.outputs_and_gradient();
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

pub fn run<const R: usize, const T: usize>(task: &Task, order: &Order, how: How) -> Result<Outcome, Error> {
    let batch = *how.cuts.iter().max().unwrap();
    let plan = plan(&task.layers, batch as u32, T as u32)?;
    let mut room = Room::new(&plan, how.scratch, how.gathered);
    let (inputs, outputs) = (plan.inputs as usize, plan.outputs as usize);
    let guard = |x: &[f32]| [x, &[12345.0; GUARDS]].concat();
    let (mut parameters, mut running, mut gradient) =
        (guard(&task.parameters), guard(&task.running), guard(&task.gradient));
    let before = parameters.clone();
    let (mut out, mut back) = (Vec::new(), Vec::new());
    let options = Options { batch: batch as u32, isa: how.isa, seed: task.seed };
    let mut trainer = Trainer::<_, R, T>::new(&task.layers, order, options, room.buffers())?;
    assert_eq!(trainer.plan(), &plan);
    let mut first = 0;
    for &count in how.cuts {
        load(&mut trainer, (first, count), &task.inputs)?;
        trainer.forward(&parameters, &mut running, task.mode)?;
        out.extend(by_point::<T>(trainer.outputs(), outputs, count));
        seed(&mut trainer, (first, count), &task.seeds);
        if how.update {
            assert_eq!(how.cuts.len(), 1);
            let mut seen = vec![false; task.parameters.len()];
            trainer.backward_with(&mut parameters, |at, weights, gradient| {
                assert_eq!(weights.len(), gradient.len());
                assert!(!weights.is_empty());
                for (i, (weight, g)) in weights.iter_mut().zip(gradient).enumerate() {
                    assert!(!std::mem::replace(&mut seen[at + i], true), "parameter {} twice", at + i);
                    assert_eq!(*weight, before[at + i]);
                    *weight -= 0.015625 * g;
                }
            })?;
            assert!(seen.iter().all(|seen| *seen), "a parameter was left out");
        } else {
            trainer.backward(&parameters, &mut gradient)?;
        }
        back.extend(by_point::<T>(trainer.input_gradient(), inputs, count));
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
