use core::fmt;

/// A buffer of the caller's, by its role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Buffer {
    /// [`Buffers::tape`](crate::exec::Buffers)
    Tape,
    /// [`Buffers::statistics`](crate::exec::Buffers)
    Statistics,
    /// A panel of weights: [`Buffers::scratch`](crate::exec::Buffers) of a run.
    Panel,
    /// The inputs of a network, `[point][input]`.
    Inputs,
    /// The outputs of a network, `[point][output]`.
    Outputs,
    /// The gradient, `[point][input]` (reverse mode) or `[point][output]` (forward mode).
    Gradient,
    /// The seed of the derivative, one element an output (reverse) or input (forward) of every point.
    Seed,
    /// A weight matrix, `[out][in]`.
    Weight,
    /// A bias vector, `[out]`.
    Bias,
    /// [`Buffers::scratch`](crate::exec::Buffers)
    Scratch,
    /// [`Buffers::gathered`](crate::exec::Buffers)
    Gathered,
    /// The slots of a plan.
    Slots,
    /// The values of a graph.
    Values,
    /// The nodes of a graph.
    Nodes,
    /// Weights and biases of all layers.
    Parameters,
    /// Running statistics of batch norms.
    Running,
    /// A series over the grid.
    Series,
    /// A result of a statistic.
    Result,
    /// Labels, one a point.
    Labels,
    /// Targets, `[class][points]`.
    Targets,
    /// The loss of each point.
    Loss,
    /// What an optimiser keeps of each parameter.
    State,
}

impl Buffer {
    /// The first `need` elements of a buffer. What is past them is never touched.
    ///
    /// # Errors
    /// [`Error::TooShort`]
    pub(crate) fn first<T>(self, slice: &mut [T], need: u64) -> Result<&mut [T], Error> {
        let have = slice.len() as u64;
        let first = usize::try_from(need).ok().and_then(|need| slice.get_mut(..need));
        first.ok_or(Error::TooShort { buffer: self, need, have })
    }
}

/// The direction in which a run met a value that is not finite.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[cfg_attr(feature = "wire", derive(serde::Serialize, serde::Deserialize))]
pub enum Pass {
    /// Values and, in forward mode, tangents.
    Forward,
    /// Gradients of reverse mode.
    Backward,
}

/// Where a value stood that is not finite: the lowest layer forward, the highest layer backward.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[cfg_attr(feature = "wire", derive(serde::Serialize, serde::Deserialize))]
pub struct Fault {
    /// Forward faults go before backward ones.
    pub pass: Pass,
    /// Layer as in the paper: the stem is 1, the readout is depth + 1.
    pub layer: u32,
}

/// Why a spec or a schedule is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[cfg_attr(feature = "wire", derive(serde::Serialize, serde::Deserialize))]
pub enum Refusal {
    /// Depth is at least 1 (the stem) and below 2^24.
    Depth,
    /// Width is at least 1 and at most 2^20.
    Width,
    /// There is at least one point, and at most 2^24.
    Points,
    /// A standard deviation, gain or scale that is negative or not finite.
    Scale,
    /// carry^2 + transform^2 = 1 to 1e-6.
    UnitCircle,
    /// eps is at least 0 and finite.
    Eps,
    /// The ends of the grid are finite and so is their distance.
    Grid,
    /// Looks-linear belongs to CReLU networks without a norm.
    LooksLinear,
    /// The slice of points is empty or reaches past the grid.
    Slice,
    /// A list of layers whose widths do not follow each other, with joins nested or left open, with dense layers that are not numbered
    /// from 1 to 2^24 - 1, with 2^24 layers or more, or empty.
    Layers,
    /// A lag that is not below the number of points.
    Lag,
    /// More elements than a u64 counts.
    TooLarge,
    /// The tile width is one of 1 to 64, the number of rows a group at least 1.
    Tile,
    /// A window has taps and a stride, fits its image with the padding, and sees the image at every place; images have channels.
    Window,
    /// An average pool has no padding and at most 2^24 taps, a max pool at most 256.
    Pool,
    /// A dropout rate is at least 0 and below 1.
    Rate,
    /// Mirrored pairs of units are of an even number of units.
    Pairs,
    /// An operand of a node is a node before it; inputs come before all other nodes.
    Operand,
    /// The shape of a node is what its operation makes of its operands.
    Shape,
    /// The last use of a value is the last node that has it as an operand; the number of nodes for outputs.
    LastUse,
    /// A node is of an operation that is known, with numbers that it can have.
    Operation,
    /// Slots of values that are needed at the same time do not overlap.
    Slot,
    /// Gradients that the plan was not made for.
    Want,
    /// A device trains graphs with one input and one output.
    Ends,
    /// What was verified is another graph, or other slots.
    Plan,
    /// A family has at least one and at most 2^20 inputs.
    Inputs,
}

/// A setting of training that is out of its range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[cfg_attr(feature = "wire", derive(serde::Serialize, serde::Deserialize))]
pub enum Setting {
    /// There is at least one class.
    Classes,
    /// A batch, and what is shuffled, has at least one and at most 2^24 points.
    Batch,
    /// mu, beta1 and beta2 are at least 0 and below 1, eps is above 0.
    Optimiser,
    /// Weight decay is finite and not negative.
    Decay,
    /// A learning rate is finite and not negative.
    Rate,
    /// Steps of a rate stand at ascending epochs from 1 on, at most [`MAX_STEPS`](crate::train::MAX_STEPS); factors are
    /// finite and above 0, thresholds finite and not negative.
    Decrease,
    /// What gradients are clipped to is finite and above 0.
    Limit,
}

/// Everything that can go wrong in the core.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Error {
    /// The spec, the options or the schedule cannot be run.
    Refused(Refusal),
    /// A node of a graph is refused.
    Node {
        /// Its number.
        node: u32,
        /// Why.
        refusal: Refusal,
    },
    /// A forward pass cannot stop at this node, because it does not exist or an earlier call went past it.
    NoNode {
        /// Its number.
        node: u32,
        /// The node that comes next.
        next: u32,
        /// Number of nodes.
        nodes: u32,
    },
    /// A buffer of the caller's is shorter than the plan says, lengths in elements.
    TooShort {
        /// Which one.
        buffer: Buffer,
        /// What the plan asks for.
        need: u64,
        /// What was given.
        have: u64,
    },
    /// A stored weight, bias or input is NaN or infinite.
    NotFinite {
        /// Which tensor.
        buffer: Buffer,
        /// Layer of the tensor, 0 for inputs and series.
        layer: u32,
        /// Index of the element.
        index: u64,
    },
    /// NaN or infinity arose during the run; there is no result.
    NonFinite(Fault),
    /// A setting of training is out of its range.
    Setting(Setting),
    /// A label that is not the number of a class.
    Label {
        /// The point.
        point: u64,
        /// Its label.
        label: u32,
        /// How many classes there are.
        classes: u64,
    },
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Refusal::Depth => "depth must be at least 1 and below 2^24: give a depth from 1 to 16777215",
            Refusal::Width => "width must be between 1 and 1048576",
            Refusal::Points => "points must be between 1 and 16777216",
            Refusal::Scale => "a gain, standard deviation or scale is not a finite number of the allowed sign",
            Refusal::UnitCircle => "carry^2 + transform^2 must be 1: give one of them and leave out the other",
            Refusal::Eps => "eps must be finite and not negative",
            Refusal::Grid => "the ends of the grid and their distance must be finite",
            Refusal::LooksLinear => {
                "looks-linear belongs to the family crelu without norm: use --family crelu --norm none"
            }
            Refusal::Slice => "the slice of points is empty or reaches past the grid",
            Refusal::Layers => {
                "the layers do not fit each other: widths must follow, every fork needs one join, joins do not nest, dense layers are numbered from 1"
            }
            Refusal::Lag => "lags must be below the number of points",
            Refusal::TooLarge => "the network needs more elements than can be counted",
            Refusal::Tile => "the tile width must be between 1 and 64, rows at least 1",
            Refusal::Window => {
                "the window does not fit the image: it needs taps, a stride, padding below its size, and an image that is not empty"
            }
            Refusal::Pool => "an average pool takes no padding and at most 2^24 taps, a max pool at most 256 taps",
            Refusal::Rate => "a dropout rate must be at least 0 and below 1",
            Refusal::Pairs => "looks-linear with plain rectifiers pairs units: widths and channels must be even",
            Refusal::Operand => "its operands must be nodes before it, and inputs must come first",
            Refusal::Shape => "its shape is not what the operation makes of its operands",
            Refusal::LastUse => "the last use of its value is another node, or nothing uses it",
            Refusal::Operation => "its operation is unknown to this version, or damaged",
            Refusal::Slot => "its value overlaps another one that is still needed",
            Refusal::Inputs => "the number of inputs must be between 1 and 1048576",
            Refusal::Plan => "the plan is of another graph or other slots: plan this one",
            Refusal::Ends => "a device trains graphs with one input and one output",
            Refusal::Want => "the plan keeps nothing for these gradients: plan the graph with what is wanted of it",
        })
    }
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Setting::Classes => "there must be at least one class",
            Setting::Batch => "there must be between 1 and 16777216 examples",
            Setting::Optimiser => "momentum and betas must be at least 0 and below 1, eps above 0 and finite",
            Setting::Decay => "weight decay must be finite and not negative",
            Setting::Rate => "the learning rate must be finite and not negative",
            Setting::Decrease => {
                "steps of the learning rate must ascend from epoch 1, factors be above 0, thresholds not negative"
            }
            Setting::Limit => "the limit of gradients must be finite and above 0",
        })
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Refused(refusal) => refusal.fmt(f),
            Error::Node { node, refusal } => write!(f, "node {node} of the graph is refused: {refusal}"),
            Error::NoNode { node, next, nodes } if node < nodes => {
                write!(f, "node {node} has been computed already: node {next} comes next")
            }
            Error::NoNode { node, nodes, .. } => {
                write!(f, "node {node} does not exist: the graph has {nodes} nodes, counted from 0")
            }
            Error::TooShort { buffer, need, have } => {
                write!(f, "the buffer {buffer:?} is too short: {need} elements needed, {have} given")
            }
            Error::NotFinite { buffer, layer, index } => write!(
                f,
                "element {index} of {buffer:?} (layer {layer}) is NaN or infinite: stored values must be finite"
            ),
            Error::NonFinite(Fault { pass, layer }) => write!(
                f,
                "NaN or infinity in the {} pass, first at layer {layer}: the numbers leave the range of f32; lower the depth, the gain or beta",
                match pass {
                    Pass::Forward => "forward",
                    Pass::Backward => "backward",
                }
            ),
            Error::Setting(setting) => setting.fmt(f),
            Error::Label { point, label, classes } => {
                write!(f, "the label {label} of point {point} is none of the {classes} classes: labels count from 0")
            }
        }
    }
}

impl core::error::Error for Error {}
