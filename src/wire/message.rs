use super::{
    Get, Load, Loaded, Predict, Predicted, Put, Ready, Restore, Run, Save, Saved, StepRequest, StepResult, Trace, Train,
};
use crate::contract::Digest;
use crate::error::{InvalidConfig, InvalidSpec, NonFinite};
use serde::{Deserialize, Serialize};

/// All that is ever said. Variants are only ever appended.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Message<'a> {
    /// Who is there: asked by the host without facts, answered with them. A device also says it when it starts, under
    /// request 0.
    #[serde(borrow)]
    Hello(Hello<'a>),
    /// Compute a part of a run.
    Run(Run),
    /// Some elements of the part, from element `first` on: little-endian, 4 bytes a value, 8 bytes a digest.
    Value {
        /// Index of the first element among those of the request.
        first: u32,
        /// At most [`VALUE_BYTES`](super::VALUE_BYTES) bytes.
        bytes: &'a [u8],
    },
    /// Multiply-adds done so far, and all of them.
    Progress {
        /// So far.
        done: u64,
        /// All.
        of: u64,
    },
    /// The part is complete.
    Done(Done),
    /// The request is not served; the device goes on serving others.
    Refused {
        /// The reason.
        why: Why,
        /// Where it is a matter of size: what was asked for, bytes; otherwise 0.
        need: u64,
        /// What there is.
        have: u64,
    },
    /// End the run at hand at its next step.
    Cancel,
    /// Get ready to train.
    Train(Train),
    /// A training is ready.
    Ready(Ready),
    /// Words of a training, from the host.
    Put(Put<'a>),
    /// Words of a training are asked for.
    Get(Get),
    /// Do a step.
    StepRequest(StepRequest),
    /// A step is done.
    StepResult(StepResult),
    /// Keep the state in flash.
    Save(Save),
    /// Take up the state that lies in flash.
    Restore(Restore),
    /// It is done.
    Saved(Saved),
    /// Get ready to run a graph.
    Load(Load),
    /// A graph is ready.
    Loaded(Loaded),
    /// Run a forward pass.
    Predict(Predict),
    /// The result of a forward pass.
    Predicted(Predicted),
    /// Do a step and say what came of every node: the answer is `Value`s and `Done`.
    Trace(Trace),
}

/// Who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Hello<'a> {
    /// [`VERSION`](super::VERSION) of the wire format.
    pub wire: u32,
    /// Contract id of the core.
    pub contract: &'a str,
    /// Commit that it was built from.
    pub commit: &'a str,
    /// Compiler that built it.
    pub compiler: &'a str,
    /// The device; None from a host.
    #[serde(borrow)]
    pub facts: Option<Facts<'a>>,
}

/// What a device is.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Facts<'a> {
    /// Name of the board.
    pub board: &'a str,
    /// Name of the core.
    pub core: &'a str,
    /// Floats in hardware.
    pub fpu: bool,
    /// Ticks of its clock a second; 0 where it has none.
    pub clock: u32,
    /// Bytes of flash.
    pub flash: u32,
    /// Bytes of memory.
    pub ram: u32,
    /// Bytes of memory that runs may use.
    pub arena: u32,
    /// Rows of weights of the register tile, R.
    pub rows: u32,
    /// Points of the register tile, T.
    pub tile: u32,
    /// Failed checks of the self-test, bit i for the i-th of [`Check`](crate::self_test::Check); 0 is good.
    pub failed_checks: u32,
}

/// How a part ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Done {
    /// Elements of the part.
    pub elements: u32,
    /// Digest of the elements.
    pub digest: Digest,
    /// Bytes of the arena that the run used, the panel of weights included.
    pub arena: u32,
    /// Bytes of the panel of weights.
    pub panel: u32,
    /// Most bytes of stack ever in use, where the device can say.
    pub stack: Option<u32>,
    /// Ticks of the device's clock that the executor took, where it can say.
    pub ticks: Option<u64>,
}

/// Why a request is refused. Variants are only ever appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Why {
    /// The spec, the schedule or the slice cannot be run.
    Network(InvalidSpec),
    /// The memory does not hold it: `need` and `have` in bytes.
    Memory,
    /// NaN or infinity arose in the run.
    NonFinite(NonFinite),
    /// The ends of the grid are not finite.
    Input,
    /// The device failed its self-test.
    SelfTest,
    /// The host speaks another contract.
    Contract,
    /// The host asked for the end.
    Cancelled,
    /// A frame came in that cannot be read: `need` is the code of [`Broken`](super::Broken).
    Frame,
    /// Operations `first` and on are not all in the network: `need` is the one past the last asked for.
    Operation,
    /// A setting of training is out of its range.
    Config(InvalidConfig),
    /// The graph has more nodes than a device takes: `need` is their number, `have` the most.
    Layers,
    /// No training of this number is going on.
    Session,
    /// The training stands elsewhere: `need` is the step asked for, `have` the steps done.
    Step,
    /// The examples are not those that the step names: they are to be put again.
    Examples,
    /// A label is no class: `need` is the label, `have` the number of classes.
    Label,
    /// The loss is NaN or infinite.
    Loss,
    /// Words past the end of a store, or of one that is not given back: `have` is its length.
    Store,
    /// The device has no flash for a state.
    NoFlash,
    /// The flash failed; where it is too small, `need` and `have` in bytes of a slot.
    Flash,
    /// No whole state of this training lies in the flash.
    Unsaved,
    /// The stack has run out of its memory: nothing that the device computes until its next reset is worth anything.
    Stack,
    /// A node of the graph is refused: `need` is its number.
    Node(InvalidSpec),
    /// The nodes are not those that the request names: they are to be put again.
    Nodes,
}
