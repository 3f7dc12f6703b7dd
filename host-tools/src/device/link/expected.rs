//! What an answer to a run must look like, from the request alone.
use super::{Identity, LinkError};
use shatterscope::Fault;
use shatterscope::Pass;
use shatterscope::network::{Derivative, Network};
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
        let network = Network::Family(run.spec);
        let Ok(plan) = network.plan(&run.options(), tile) else {
            return Self { elements: None, multiply_adds: 0, layers: 0, arena, ram };
        };
        let elements = match run.part {
            // Networks on the wire have one input and one output: an element a point.
            Part::Gradient | Part::Outputs => Some(u64::from(run.count)),
            Part::Digests { first, count } => operations(&network, first, count).map(|count| 2 * count),
            Part::Profile { first, count } => operations(&network, first, count).map(|count| 1 + 2 * count),
            Part::Values { pass, operation } => network.layer(operation).map(|layer| {
                let (units_in, units_out) = layer.shape();
                // A tangent leaves an operation as its value does.
                let backward = pass == Pass::Backward && run.derivative == Derivative::Reverse;
                u64::from(run.count) * u64::from(if backward { units_in } else { units_out })
            }),
        };
        let elements = elements.and_then(|elements| usize::try_from(elements).ok());
        let layers = network.layer_number(network.len().saturating_sub(1));
        Self { elements, multiply_adds: plan.multiply_adds, layers, arena, ram }
    }

    /// Refuses a place of NaN or infinity that is not in the network.
    pub fn check_fault(&self, fault: &Fault) -> Result<(), LinkError> {
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

/// Operations asked for, if the network has them.
fn operations(network: &Network, first: u32, count: u32) -> Option<u64> {
    let end = first.checked_add(count)?;
    (end <= network.len()).then_some(u64::from(count))
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
