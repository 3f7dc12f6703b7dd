use core::fmt;

/// A buffer of the caller's, by its role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
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
    /// The cotangent of the outputs (reverse mode) or the tangent of the inputs (forward mode).
    Cotangent,
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
    /// Targets: `[point][output]` of a session, `[class][lane]` of a loss.
    Targets,
    /// The loss of each point.
    Loss,
    /// What an optimiser keeps of each parameter.
    State,
    /// One memory for all buffers of a pass or a run.
    Arena,
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

/// Forward or backward pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Pass {
    /// Values and, in forward mode, tangents.
    Forward,
    /// Gradients of reverse mode.
    Backward,
}

/// The layer where NaN or infinity first occurred: the lowest layer forward, the highest layer backward.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct NonFinite {
    /// Forward faults go before backward ones.
    pub pass: Pass,
    /// The address of the node: in the paper's networks the layer (the stem is 1, the readout depth + 1), in `Layers` and, by default, in a `Builder`
    /// the number of the node.
    pub layer: u32,
}

/// The reason why a spec, a graph, a plan or options are invalid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum InvalidSpec {
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
    /// An average pool has no padding and at most 2^24 taps, a max pool at most 256; a dilated pool sees some of the image at every position, and
    /// has at most 2^24 taps for averages, 2^16 for maxima.
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
    /// It belongs to a feature of the crate that is not enabled.
    Feature,
    /// Operations on bytes have operands of bytes, all others operands of f32.
    Type,
    /// Values of bytes have no gradients, none go through them, and they run in tiles of one point.
    Int8,
}

/// A setting of training that is out of its range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum InvalidConfig {
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
///
/// ```
/// use shatterscope::exec::{Model, Options, Session};
/// use shatterscope::{Buffer, Error, NonFinite, Pass, InvalidSpec, InvalidConfig};
///
/// shatterscope::network! {
///     static NET: Output = input(2).dense(1);
/// }
/// let mut arena = [0.0; NET.arena_len(1, 1)];
/// let mut session = Session::new(&NET, Options::new(1), &mut arena)?;
/// let mut predict = |parameters: &[f32]| session.predict(Model::new(parameters), &[1.0, 2.0], &mut [0.0]);
///
/// let short = predict(&[1.0, 2.0]);
/// assert_eq!(short, Err(Error::TooShort { buffer: Buffer::Parameters, need: 3, have: 2 }));
/// let overflow = predict(&[3e38, 3e38, 0.0]);
/// assert_eq!(overflow, Err(Error::NonFinite(NonFinite { pass: Pass::Forward, layer: 1 })));
///
/// // What is to be done about it, in words.
/// let help = |error: Error| match error {
///     Error::InvalidSpec(reason) | Error::InvalidNode { reason, .. } => reason.reason(),
///     Error::InvalidConfig(InvalidConfig::Rate) => "give another learning rate",
///     _ => "see the message",
/// };
/// assert_eq!(help(Error::InvalidSpec(InvalidSpec::Points)), "points must be between 1 and 16777216");
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Error {
    /// The spec, the options or the schedule cannot be run.
    InvalidSpec(InvalidSpec),
    /// A node of a graph is refused.
    InvalidNode {
        /// Its number.
        node: u32,
        /// Why.
        reason: InvalidSpec,
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
    /// A buffer of the caller's has more than there are points for: labels or targets that belong to other inputs.
    TooLong {
        /// Which one.
        buffer: Buffer,
        /// What the points have.
        need: u64,
        /// What was given.
        have: u64,
    },
    /// A stored weight, bias or input is NaN or infinite.
    InvalidValue {
        /// Which tensor.
        buffer: Buffer,
        /// Layer of the tensor, 0 for inputs and series.
        layer: u32,
        /// Index of the element.
        index: u64,
    },
    /// NaN or infinity arose during the run; there is no result.
    NonFinite(NonFinite),
    /// Inputs that are not whole points.
    PartialPoint {
        /// Number of inputs.
        inputs: u64,
        /// Inputs of a point.
        each: u64,
    },
    /// No points, or more than the batch that was planned.
    Batch {
        /// Number of points.
        points: u64,
        /// The most points of a batch.
        most: u64,
    },
    /// The loss of a point is NaN or infinite; no parameter has changed.
    Loss {
        /// The point.
        point: u64,
    },
    /// A setting of training is out of its range.
    InvalidConfig(InvalidConfig),
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

impl InvalidSpec {
    /// The requirement that is not met, in words.
    pub const fn reason(&self) -> &'static str {
        match self {
            InvalidSpec::Depth => "depth must be at least 1 and below 2^24: give a depth from 1 to 16777215",
            InvalidSpec::Width => "width must be between 1 and 1048576",
            InvalidSpec::Points => "points must be between 1 and 16777216",
            InvalidSpec::Scale => "a gain, standard deviation or scale is not a finite number of the allowed sign",
            InvalidSpec::UnitCircle => "carry^2 + transform^2 must be 1: give one of them and leave out the other",
            InvalidSpec::Eps => "eps must be finite and not negative",
            InvalidSpec::Grid => "the ends of the grid and their distance must be finite",
            InvalidSpec::LooksLinear => {
                "looks-linear belongs to the family crelu without norm: use --family crelu --norm none"
            }
            InvalidSpec::Slice => "the slice of points is empty or reaches past the grid",
            InvalidSpec::Layers => {
                "the layers do not fit each other: every layer has at least one unit, widths follow, and every fork has one join"
            }
            InvalidSpec::Lag => "lags must be below the number of points",
            InvalidSpec::TooLarge => "the network needs more elements than can be counted",
            InvalidSpec::Tile => "the tile width must be between 1 and 64, rows at least 1",
            InvalidSpec::Window => {
                "the window does not fit the image: it must be no larger than the image with its padding, and needs taps, a stride, and padding below its size"
            }
            InvalidSpec::Pool => {
                "an average pool takes no padding and at most 2^24 taps, a max pool at most 256 taps; a dilated pool must see some of the image at every position, and takes at most 2^24 taps for averages, 65536 for maxima"
            }
            InvalidSpec::Rate => "a dropout rate must be at least 0 and below 1",
            InvalidSpec::Pairs => "looks-linear with plain ReLUs pairs units: widths and channels must be even",
            InvalidSpec::Operand => "its operands must be nodes before it, and inputs must come first",
            InvalidSpec::Shape => {
                "its shape is not what the operation makes of its operands: both operands of an addition have the same shape"
            }
            InvalidSpec::LastUse => "the last use of its value is another node, or nothing uses it",
            InvalidSpec::Operation => "its operation is unknown to this version, or damaged",
            InvalidSpec::Slot => "its value overlaps another one that is still needed",
            InvalidSpec::Inputs => "the number of inputs must be between 1 and 1048576",
            InvalidSpec::Plan => "the plan is of another graph or other slots: plan this one",
            InvalidSpec::Ends => "a graph that is trained has one output, and on a device one input",
            InvalidSpec::Want => "the plan keeps nothing for these gradients: plan the graph with what is wanted of it",
            InvalidSpec::Feature => {
                "it is not compiled in: enable the crate's feature conv (convolutions, pools, shortcuts), models, int8, norm, train or micromath"
            }
            InvalidSpec::Type => "its operands are bytes where it takes numbers, or numbers where it takes bytes",
            InvalidSpec::Int8 => {
                "the network has values of bytes, which have no gradients and run in tiles of one point: plan it for outputs alone"
            }
        }
    }
}

impl fmt::Display for InvalidSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.reason())
    }
}

impl fmt::Display for InvalidConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            InvalidConfig::Classes => "there must be at least one class",
            InvalidConfig::Batch => "there must be between 1 and 16777216 examples",
            InvalidConfig::Optimiser => "momentum and betas must be at least 0 and below 1, eps above 0 and finite",
            InvalidConfig::Decay => "weight decay must be finite and not negative",
            InvalidConfig::Rate => "the learning rate must be finite and not negative",
            InvalidConfig::Decrease => {
                "steps of the learning rate must ascend from epoch 1, factors be above 0, thresholds not negative"
            }
            InvalidConfig::Limit => "the limit of gradients must be finite and above 0",
        })
    }
}

impl Error {
    /// What went wrong, without numbers: for messages of the compiler.
    pub const fn reason(&self) -> &'static str {
        match self {
            Error::InvalidSpec(reason) | Error::InvalidNode { reason, .. } => reason.reason(),
            Error::NoNode { .. } => "a forward pass cannot stop at this node",
            Error::TooShort { .. } => "a buffer is too short, or there are more nodes than have room",
            Error::TooLong { .. } => "there are more labels or targets than points",
            Error::InvalidValue { .. } => "a stored value is NaN or infinite",
            Error::NonFinite(_) => "NaN or infinity arose during the run",
            Error::PartialPoint { .. } => "the inputs are not whole points",
            Error::Batch { .. } => "a batch has at least one point, and at most as many as were planned",
            Error::Loss { .. } => "the loss of a point is NaN or infinite",
            Error::InvalidConfig(_) => "a setting of training is out of its range",
            Error::Label { .. } => "a label is not the number of a class",
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::InvalidSpec(reason) => reason.fmt(f),
            Error::InvalidNode { node, reason } => write!(f, "node {node} of the graph is refused: {reason}"),
            Error::NoNode { node, next, nodes } if node < nodes => {
                write!(f, "node {node} has been computed already: node {next} comes next")
            }
            Error::NoNode { node, nodes, .. } => {
                write!(f, "node {node} does not exist: the graph has {nodes} nodes, counted from 0")
            }
            Error::TooShort { buffer, need, have } => {
                write!(f, "the buffer {buffer:?} is too short: {need} elements needed, {have} given")?;
                f.write_str(match buffer {
                    Buffer::Arena => "; Plan::arena_len and RunLengths::arena_len are its length",
                    Buffer::Running => "; give the running statistics of batch norms with Model::with_running",
                    _ => "",
                })
            }
            Error::TooLong { buffer, need, have } => {
                write!(
                    f,
                    "{buffer:?} has {have} elements, and the points of the batch have {need}: give as many as points"
                )
            }
            Error::InvalidValue { buffer, layer, index } => write!(
                f,
                "element {index} of {buffer:?} (layer {layer}) is NaN or infinite: stored values must be finite"
            ),
            Error::NonFinite(NonFinite { pass, layer }) => write!(
                f,
                "NaN or infinity in the {} pass, first at layer {layer}: the numbers leave the range of f32; lower the depth, the gain, beta or the learning rate",
                match pass {
                    Pass::Forward => "forward",
                    Pass::Backward => "backward",
                }
            ),
            Error::PartialPoint { inputs, each } => {
                write!(f, "{inputs} inputs are not a whole number of points of {each} inputs, at least one")
            }
            Error::Batch { points, most } => {
                write!(
                    f,
                    "{points} points do not fit a batch of 1 to {most}: give Options::new a larger batch, or fewer points"
                )
            }
            Error::Loss { point } => write!(f, "the loss of point {point} is NaN or infinite: lower the learning rate"),
            Error::InvalidConfig(setting) => setting.fmt(f),
            Error::Label { point, label, classes } => {
                write!(f, "the label {label} of point {point} is none of the {classes} classes: labels count from 0")
            }
        }
    }
}

impl core::error::Error for Error {}
