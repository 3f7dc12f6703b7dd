//! The same graph on a device, whose outputs must be this machine's, bit for bit.
use super::{Examples, Placed, Prediction};
use crate::device::counter::Counter;
use crate::device::link::{Identity, Link, LinkError, Mended, Standing, Watched, Words};
use crate::{Failure, Result};
use serde::Serialize;
use shatterscope::contract::Digest;
use shatterscope::wire::{Load, Loaded, Predict, Store, words_digest};
use shatterscope_firmware::Work;

/// What inference takes on a device.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// As `--target` has it.
    pub target: String,
    /// The device.
    pub device: Identity,
    /// Bytes of the arena in use.
    pub arena_bytes: u32,
    /// Bytes of the arena with the smallest scratch.
    pub least_bytes: u32,
    /// Bytes of it that the values take.
    pub value_bytes: u32,
    /// Most bytes of stack ever in use.
    pub stack_bytes: Option<u32>,
    /// Instructions of an example on average, where something counts them.
    pub instructions: Option<u64>,
    /// Ticks of an example on average, where the device has a clock.
    pub ticks: Option<u64>,
    /// Faults of the line that were mended.
    pub mended: Mended,
}

/// A graph that is loaded on a device.
pub struct Remote {
    link: Link,
    counter: Option<Counter>,
    target: String,
    placed: Placed,
    load: Load,
    loaded: Loaded,
    /// Multiply-adds of an example.
    multiply_adds: u64,
    examples: u64,
    stack: Option<u32>,
    ticks: Option<u64>,
    instructions: u64,
}

impl Remote {
    /// Sends graph and parameters.
    ///
    /// # Errors
    /// A device that has too little memory, or refuses the graph; a line that loses what is sent again and again.
    pub fn new(
        (mut link, counter): (Link, Option<Counter>),
        target: String,
        placed: &Placed,
        (parameters, running): (&[f32], &[f32]),
        batch: u32,
        ram: u32,
    ) -> Result<Self> {
        let named = |error: String| Failure::failed(format!("{target}: {error}"));
        let words = placed.words();
        let digest = words_digest(words.iter().copied());
        let load = Load { session: 1, nodes: placed.nodes.len() as u32, digest, batch, ram };
        let nodes = Words { store: Store::Nodes, words: &words };
        let refused = |error: LinkError| named(error.about(placed));
        let mut loaded = link.load(&load, nodes).map_err(refused)?;
        let lens = (parameters.len(), running.len());
        let own = Digest::of_bits(&[parameters, running].concat());
        if (loaded.parameters as usize, loaded.running as usize) != lens {
            let (parameters, running) = (loaded.parameters, loaded.running);
            return Err(named(format!(
                "has {parameters} parameters and {running} running statistics for this graph, here {} and {}",
                lens.0, lens.1
            )));
        }
        let bits = |values: &[f32]| values.iter().map(|x| x.to_bits()).collect::<Vec<u32>>();
        let (parameters, running) = (bits(parameters), bits(running));
        for _ in 0..3 {
            if loaded.digest == own {
                break;
            }
            let at = Standing { session: load.session, step: 0 };
            link.put(at, Words { store: Store::Parameters, words: &parameters })?;
            link.put(at, Words { store: Store::Running, words: &running })?;
            loaded = link.loaded(&load).map_err(refused)?;
        }
        if loaded.digest != own {
            return Err(named("the parameters do not arrive whole".to_owned()));
        }
        let (examples, stack, ticks, instructions) = (0, None, Some(0), 0);
        let multiply_adds = Work::of(&placed.plan()?, 1).total;
        let placed = placed.clone();
        Ok(Self { link, counter, target, placed, load, loaded, multiply_adds, examples, stack, ticks, instructions })
    }

    /// Has all examples computed, batch by batch: the outputs must be those of this machine.
    ///
    /// # Errors
    /// The first output that differs, with its example and its class, or its unit in the value of another node; a device that does not answer.
    pub fn predict(&mut self, examples: &Examples, here: &Prediction, mut done: impl FnMut(u64)) -> Result<()> {
        let all = examples.labels.len().max(1);
        let (units, classes) = (examples.inputs.len() / all, here.outputs.len() / all);
        let batch = self.load.batch as usize;
        let parts = examples.inputs.chunks(units * batch).zip(here.outputs.chunks(classes * batch));
        for (i, (inputs, outputs)) in parts.enumerate() {
            let words: Vec<u32> = inputs.iter().map(|x| x.to_bits()).collect();
            let count = (inputs.len() / units) as u32;
            let predict = Predict { session: self.load.session, count, inputs: words_digest(words.iter().copied()) };
            let first = i * batch;
            let named = |error: String| Failure::failed(format!("{}: example {}: {error}", self.target, first + 1));
            let inputs = Words { store: Store::Inputs, words: &words };
            let watched = Watched {
                multiply_adds: self.multiply_adds.saturating_mul(count.into()),
                every: self.link.identity().report_every(),
                progress: &mut |_, _| true,
            };
            let predicted =
                self.link.predict(&predict, inputs, watched).map_err(|error| named(error.about(&self.placed)))?;
            if predicted.digest != Digest::of_bits(outputs) {
                return Err(self.difference(first, classes, outputs, here));
            }
            self.stack = self.stack.max(predicted.stack);
            self.ticks = self.ticks.zip(predicted.ticks).map(|(sum, ticks): (u64, u64)| sum.saturating_add(ticks));
            if let Some(counter) = &mut self.counter {
                self.instructions += counter.regions()?.iter().map(|region| region.instructions).sum::<u64>();
            }
            self.examples += u64::from(count);
            done(u64::from(count));
        }
        Ok(())
    }

    /// The first output of a batch that differs.
    fn difference(&mut self, first: usize, units: usize, here: &[f32], all: &Prediction) -> Failure {
        let there = match self.link.words(self.load.session, Store::Outputs, here.len() as u32) {
            Ok(there) => there,
            Err(error) => return error.into(),
        };
        let bits = here.iter().map(|x| x.to_bits());
        let place = bits.zip(&there).position(|(here, there)| here != *there);
        let target = &self.target;
        let unit = |unit: usize| match all.correct {
            Some(_) => format!("class {unit}"),
            None => format!("unit {unit} of node {}", self.placed.names().shown(self.load.nodes - 1)),
        };
        Failure::failed(match place {
            Some(i) => format!(
                "{target}: the first difference: example {}, {}: {:08x} ({:e}), here {:08x} ({:e})",
                first + i / units + 1,
                unit(i % units),
                there[i],
                f32::from_bits(there[i]),
                here[i].to_bits(),
                here[i]
            ),
            None => format!("{target}: another digest than its own outputs of example {} have", first + 1),
        })
    }

    /// What it took.
    pub fn report(&self) -> Report {
        let each = |sum: u64| sum / self.examples.max(1);
        Report {
            target: self.target.clone(),
            device: self.link.identity().clone(),
            arena_bytes: self.loaded.arena,
            least_bytes: self.loaded.least,
            value_bytes: self.loaded.values.saturating_mul(4),
            stack_bytes: self.stack,
            instructions: (self.instructions > 0).then(|| each(self.instructions)),
            ticks: self.ticks.map(each),
            mended: self.link.mended(),
        }
    }
}
