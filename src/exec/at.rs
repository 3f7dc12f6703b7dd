/// The offsets of the current node in the buffers that all nodes share. A pass moves them node by node.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct At {
    /// Offset in the parameters.
    pub parameters: usize,
    /// Number of channels with running statistics before the node.
    pub channels: usize,
    /// Offset in the statistics that each norm keeps.
    pub kept: usize,
    /// Offset in the tape of a tile.
    pub taped: usize,
}

impl At {
    /// The offsets of the first node.
    pub const START: Self = Self { parameters: 0, channels: 0, kept: 0, taped: 0 };
}
