/// Where what belongs to a node begins in what all nodes share, as a pass goes along.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct At {
    /// In the parameters.
    pub parameters: usize,
    /// Channels with running statistics before it.
    pub channels: usize,
    /// In the statistics that norms keep.
    pub kept: usize,
    /// In the tape of a tile.
    pub taped: usize,
}

impl At {
    /// The beginning.
    pub const START: Self = Self { parameters: 0, channels: 0, kept: 0, taped: 0 };
}
