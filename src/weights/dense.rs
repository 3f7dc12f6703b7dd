/// What a dense layer is in its network; part of the address of its weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Role {
    /// From the input.
    Stem,
    /// Between layers.
    Hidden,
    /// To the output.
    Readout,
}

/// The shape and address of an affine map `y = W x + bias`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Dense {
    /// What it is.
    pub role: Role,
    /// Layer, counted from 1 and below 2^24.
    pub layer: u32,
    /// Inputs.
    pub fan_in: u32,
    /// Outputs.
    pub fan_out: u32,
    /// Taps of a convolution, whose matrix at one place is `[c_out][c_in * taps]`; 1 of a dense layer.
    pub taps: u32,
    /// Whether it has a bias.
    pub bias: bool,
}
