//! Where a step on a device parts from this machine's: both do it again, and say what came of every node.
use super::{Lesson, Model, Spec};
use crate::Result;
use crate::compare::ulp_distance;
use serde::Serialize;
use shatterscope::contract::Digest;
use shatterscope::exec::Isa;
use shatterscope::graph::Node;
use shatterscope::wire::{self, Traced};
use shatterscope_engine::{Batch, Placed, Stage, machine};
use std::fmt;

/// The first element that differs, in the order of the computation.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Difference {
    /// `forward`, `backward` (the gradient of a value) or `update` (a parameter after the step).
    pub pass: &'static str,
    /// Index of the node in the graph, from 0.
    pub node: u32,
    /// Name of the node: `input`, `0.conv`, `1.relu`, ...
    pub name: String,
    /// Unit of the value, or number of the parameter in its node, from 0.
    pub unit: u32,
    /// Example of the batch, from 0; of a parameter 0.
    pub point: u32,
    /// Bits on the device.
    pub device_bits: u32,
    /// Bits here.
    pub host_bits: u32,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { pass, node: _, ref name, unit, point, device_bits, host_bits } = *self;
        write!(f, "{pass}, node {name}, ")?;
        match pass {
            "update" => write!(f, "parameter {unit}")?,
            _ => write!(f, "unit {unit} of point {point}")?,
        }
        let [there, here] = [device_bits, host_bits].map(f32::from_bits);
        write!(f, ": {device_bits:08x} ({there:e}), here {host_bits:08x} ({here:e})")?;
        match ulp_distance(device_bits, host_bits) {
            Some(ulp) => write!(f, ", {ulp} ULP apart"),
            None => Ok(()),
        }
    }
}

/// A step as this machine does it again.
pub(super) struct Again<'a> {
    pub spec: &'a Spec,
    pub placed: &'a Placed,
    pub before: &'a Model,
    pub lesson: &'a Lesson,
    pub isa: Isa,
}

impl Again<'_> {
    /// The hashes that a device says, in its order; the elements of one stage of one node, if asked for.
    pub fn traced(&self, wanted: Option<(Stage, u32)>) -> Result<(Vec<u64>, Vec<u32>)> {
        let mut machine = machine(
            &self.before.layers,
            &self.spec.frozen(&self.before.layers)?,
            self.spec.batch,
            self.isa,
            self.spec.seed,
        )?;
        let (mut model, batch) = (self.before.clone(), tiled(&self.lesson.examples, machine.tile()));
        let (mut hashes, mut values) = (Vec::new(), Vec::new());
        machine.trace(&mut model, &self.spec.settings(), self.lesson.rate, &batch, &mut |stage, node, elements| {
            hashes.push(if elements.is_empty() { 0 } else { Digest::of(elements).hash });
            if wanted == Some((stage, node)) {
                values = elements.iter().map(|x| x.to_bits()).collect();
            }
        })?;
        Ok((hashes, values))
    }

    /// The stage and node of hash i.
    pub fn place(&self, i: usize) -> (Stage, u32) {
        let nodes = self.placed.nodes.len();
        match i.checked_sub(nodes) {
            None => (Stage::Forward, i as u32),
            Some(back) => {
                let stage = if back % 2 == 0 { Stage::Backward } else { Stage::Parameters };
                (stage, (nodes - 1 - back / 2) as u32)
            }
        }
    }

    /// Elements of a stage of a node.
    pub fn len(&self, (stage, node): (Stage, u32)) -> usize {
        let units = |i: u32| self.placed.nodes[i as usize].shape.units().unwrap_or(0) as usize;
        match stage {
            Stage::Forward | Stage::Backward => units(node) * self.lesson.examples.count,
            Stage::Parameters => {
                let facts = self.placed.graph().ok().and_then(|graph| graph.facts(node));
                facts.map_or(0, |facts| facts.parameters_len() as usize)
            }
        }
    }

    /// The first of the elements that differs.
    pub fn first(&self, (stage, node): (Stage, u32), here: &[u32], there: &[u64]) -> Option<Difference> {
        let i = here.iter().zip(there).position(|(here, there)| u64::from(*here) != *there)?;
        let Node { shape, .. } = self.placed.nodes[node as usize];
        let units = shape.units().unwrap_or(1).max(1);
        let (pass, unit, point) = match stage {
            Stage::Forward => ("forward", i as u32 % units, i as u32 / units),
            Stage::Backward => ("backward", i as u32 % units, i as u32 / units),
            Stage::Parameters => ("update", i as u32, 0),
        };
        Some(Difference {
            pass,
            node,
            name: self.placed.names().shown(node),
            unit,
            point,
            device_bits: there[i] as u32,
            host_bits: here[i],
        })
    }
}

/// What a device is asked for.
pub(super) fn asked((stage, node): (Stage, u32)) -> Traced {
    let stage = match stage {
        Stage::Forward => wire::Stage::Forward,
        Stage::Backward => wire::Stage::Backward,
        Stage::Parameters => wire::Stage::Parameters,
    };
    Traced::Values { stage, node }
}

/// Examples `[example][unit]` in tiles, the last one again in lanes that are none.
fn tiled(examples: &Batch, tile: usize) -> Batch {
    let units = examples.inputs.len() / examples.count.max(1);
    let last = examples.count.saturating_sub(1);
    let lanes = |first: usize| (0..tile).map(move |lane| (first + lane).min(last));
    let firsts = (0..examples.count).step_by(tile.max(1));
    let inputs = firsts.clone().flat_map(|first| {
        (0..units).flat_map(move |unit| lanes(first).map(move |point| examples.inputs[point * units + unit]))
    });
    let labels = firsts.flat_map(|first| lanes(first).map(|point| examples.labels[point]));
    Batch { inputs: inputs.collect(), labels: labels.collect(), count: examples.count }
}
