//! What an answer to a run must look like, from the request alone.
use super::{Identity, LinkError};
use shatterscope::NonFinite;
use shatterscope::Pass;
use shatterscope::graph::{Graph, Node};
use shatterscope::plan::{Derivative, Plan};
use shatterscope::wire::{Done, Part, Run};

/// More ticks than this no clock has counted: 2^56 at 4 GHz are half a year.
const TICKS: u64 = 1 << 56;

/// What a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Expected {
    /// Elements of the answer; None for a request that must be refused.
    pub elements: Option<usize>,
    /// Multiply-adds of the run.
    pub multiply_adds: u64,
    /// Number of the last layer.
    layers: u32,
    /// Bytes that runs may use on the device.
    arena: u32,
    /// Bytes of memory that the device has; 0 where it does not say.
    ram: u32,
}

impl Expected {
    /// Of a request to a device.
    pub fn of(run: &Run, device: &Identity) -> Self {
        let Identity { tile, arena, ram, .. } = *device;
        let options = run.options();
        let planned =
            Plan::family(&run.spec, options.want()).and_then(|plan| Ok((*plan.graph(), plan.run(&options, tile)?)));
        let Ok((graph, lengths)) = planned else {
            return Self { elements: None, multiply_adds: 0, layers: 0, arena, ram };
        };
        let elements = match run.part {
            // Networks on the wire have one input and one output: an element a point.
            Part::Gradient | Part::Outputs => Some(u64::from(run.count)),
            Part::Digests { first, count } => nodes(&graph, first, count).map(|count| 2 * count),
            Part::Profile { first, count } => nodes(&graph, first, count).map(|count| 1 + 2 * count),
            Part::Values { pass, node } => graph
                .node(node)
                .map(|node| u64::from(run.count) * u64::from(units_shown(&graph, &node, pass, run.derivative))),
        };
        let elements = elements.and_then(|elements| usize::try_from(elements).ok());
        let layers = run.spec.depth.saturating_add(1);
        Self { elements, multiply_adds: lengths.multiply_adds, layers, arena, ram }
    }

    /// Refuses a place of NaN or infinity that is not in the network.
    pub fn check_fault(&self, fault: &NonFinite) -> Result<(), LinkError> {
        match fault.layer {
            layer if (1..=self.layers).contains(&layer) => Ok(()),
            layer => Err(LinkError::Lie(format!("NaN or infinity in layer {layer} of a network of {}", self.layers))),
        }
    }

    /// Refuses the end of an answer that is not as long as what was asked for, or costs that no device has.
    pub fn check_done(&self, asked: usize, done: &Done) -> Result<(), LinkError> {
        if self.elements.is_none() {
            return Err(LinkError::Lie("a result of a request that cannot be run".to_owned()));
        }
        check_elements(asked, done)?;
        if done.arena > self.arena || done.panel > done.arena {
            return Err(LinkError::Lie(format!(
                "the run used {} B of memory, {} B of them for weights, and the device has {} B",
                done.arena, done.panel, self.arena
            )));
        }
        check_stack(done.stack, self.ram)?;
        check_ticks(done.ticks)
    }
}

/// Nodes asked for, if the network has them.
fn nodes(graph: &Graph, first: u32, count: u32) -> Option<u64> {
    let end = first.checked_add(count)?;
    (end as usize <= graph.len()).then_some(u64::from(count))
}

/// Units of what a run shows of a node for each point: of its value or tangent, or of the gradient of its first operand. Of an input
/// nothing is shown.
pub fn units_shown(graph: &Graph, node: &Node, pass: Pass, derivative: Derivative) -> u32 {
    let shown = match (node.is_input(), pass, derivative) {
        (true, ..) => None,
        (false, Pass::Backward, Derivative::Reverse) => graph.node(node.x),
        _ => Some(*node),
    };
    shown.and_then(|node| node.shape.units()).unwrap_or(0)
}

/// Refuses an answer that says another number of elements than was asked for.
pub(super) fn check_elements(asked: usize, done: &Done) -> Result<(), LinkError> {
    if done.elements as usize == asked {
        return Ok(());
    }
    Err(LinkError::Lie(format!("an answer of {} elements, {asked} were asked for", done.elements)))
}

/// Refuses a stack that is larger than the memory of the device, where it says how much it has.
pub(super) fn check_stack(stack: Option<u32>, ram: u32) -> Result<(), LinkError> {
    match stack {
        Some(stack) if ram > 0 && stack > ram => {
            Err(LinkError::Lie(format!("{stack} B of stack were in use, and the device has {ram} B of memory")))
        }
        _ => Ok(()),
    }
}

/// Refuses times of operations that are no part of a run's time: the name of the kernel, then ticks. A clock counts each tick once.
pub(super) fn check_profile(elements: &[u64], run: Option<u64>) -> Result<(), LinkError> {
    let ticks = elements.get(1..).unwrap_or_default();
    ticks.iter().try_for_each(|&ticks| check_ticks(Some(ticks)))?;
    let all = ticks.iter().fold(0u64, |all, &ticks| all.saturating_add(ticks));
    match run {
        Some(run) if all > run => {
            Err(LinkError::Lie(format!("its operations took {all} ticks, and the whole run {run}")))
        }
        _ => Ok(()),
    }
}

/// Refuses a time that no clock has counted.
pub(super) fn check_ticks(ticks: Option<u64>) -> Result<(), LinkError> {
    match ticks {
        Some(ticks) if ticks > TICKS => Err(LinkError::Lie(format!("a time of {ticks} ticks"))),
        _ => Ok(()),
    }
}

/// Refuses values that are not finite: a device reports those as a fault instead. `place` names an element.
pub(super) fn check_finite(bits: &[u32], place: impl Fn(usize) -> String) -> Result<(), LinkError> {
    match bits.iter().position(|&bits| !f32::from_bits(bits).is_finite()) {
        Some(i) => Err(LinkError::NonFinite { place: place(i), bits: bits[i] }),
        None => Ok(()),
    }
}
