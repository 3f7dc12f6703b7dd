//! A place to run: this machine or a device, with the same three questions to each.
mod host;
mod remote;
mod start;

pub use remote::Remote;
pub use start::{Counting, Settings, emulated_place, in_emulator, open, open_link};

use super::link::{Identity, Mended};
use crate::device::profile::Profile;
use crate::spec::Spec;
use crate::{Failure, Result};
use shatterscope::contract::Digest;
use shatterscope::{NonFinite, Pass};

/// How a run ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// Its results, bits.
    Results {
        /// df/dx, what the digest of the contract is of.
        gradient: Vec<u32>,
        /// f. The gradient of a network without norm sees of the way forward only which units are on: a forward pass
        /// that rounds wrongly shows here first.
        outputs: Vec<u32>,
    },
    /// NaN or infinity arose: no result, but where it arose is part of the contract.
    NonFinite(NonFinite),
}

impl Outcome {
    /// The digest of the gradient.
    pub fn digest(&self) -> Option<Digest> {
        match self {
            Outcome::Results { gradient, .. } => Some(digest_of(gradient)),
            Outcome::NonFinite(_) => None,
        }
    }

    /// The digest of the outputs.
    pub fn outputs_digest(&self) -> Option<Digest> {
        match self {
            Outcome::Results { outputs, .. } => Some(digest_of(outputs)),
            Outcome::NonFinite(_) => None,
        }
    }
}

fn digest_of(bits: &[u32]) -> Digest {
    let mut digest = Digest::new();
    bits.iter().for_each(|&bits| digest.push(f32::from_bits(bits)));
    digest
}

/// What a run came to and cost.
#[derive(Clone, Debug, PartialEq)]
pub struct Measured {
    /// Its result.
    pub outcome: Outcome,
    /// Instructions of the executor, where something counts them.
    pub instructions: Option<u64>,
    /// Ticks of the device's clock, where it has one.
    pub ticks: Option<u64>,
    /// Most bytes of stack ever in use.
    pub stack: Option<u32>,
    /// Bytes of the arena used, the panel included.
    pub arena: Option<u32>,
    /// Seconds on the wall, the line included.
    pub seconds: f64,
}

/// The failure of a profile on this machine.
pub fn no_counter() -> Failure {
    Failure::usage("this machine has no counter: `device profile` is for devices, `cargo bench` times the host")
}

/// A place to run.
pub trait OpenTarget {
    /// What it says of itself; None for this machine.
    fn identity(&self) -> Option<&Identity> {
        None
    }

    /// What went wrong on the line and was mended.
    fn mended(&self) -> Mended {
        Mended::default()
    }

    /// Whether it does not answer any more, so that further runs would fail as the last one did.
    fn is_lost(&self) -> bool {
        false
    }

    /// The schedule of runs of this spec, as `--schedule` takes it; None for this machine.
    ///
    /// # Errors
    /// None fits.
    fn schedule(&self, _spec: &Spec) -> Result<Option<String>> {
        Ok(None)
    }

    /// What each node of one run takes.
    ///
    /// # Errors
    /// The place cannot run it, or nothing there can say it.
    fn profile(&mut self, _spec: &Spec, _run: u32) -> Result<Profile> {
        Err(no_counter())
    }

    /// Gradient and outputs of one run.
    ///
    /// # Errors
    /// The place cannot run it.
    fn gradient(&mut self, spec: &Spec, run: u32) -> Result<Measured>;

    /// For every node the digests of its value and of the gradient of its first operand, or of its tangent; of inputs those of no elements.
    ///
    /// # Errors
    /// The place cannot run it.
    fn digests(&mut self, spec: &Spec, run: u32) -> Result<Vec<[u64; 2]>>;

    /// The value of one node, or the gradient of its first operand or its tangent, `[point][unit]`, bits.
    ///
    /// # Errors
    /// The place cannot run it.
    fn values(&mut self, spec: &Spec, run: u32, pass: Pass, node: u32) -> Result<Vec<u32>>;
}
