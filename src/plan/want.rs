/// The computation that a plan supports; it decides what the forward pass saves.
// The order makes most of the questions below a single comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Want {
    /// The outputs.
    Output,
    /// The outputs and their tangents, which are stored in a second buffer with the same slots.
    Tangent,
    /// The gradients of the inputs, with the statistics of norms as constants: norms save nothing.
    DetachedGradient,
    /// The gradients of the inputs.
    InputGradient,
    /// The gradients of the parameters and of the inputs.
    Gradients,
    /// The gradients of the parameters: the backward pass ends at the first node with parameters.
    ParameterGradient,
}

impl Want {
    /// Slots of a node: its value; with gradients, what its operation saves, and the gradient of the value.
    pub const fn slots(self) -> usize {
        if self.backward() { 3 } else { 1 }
    }

    /// Whether there is a backward pass.
    pub const fn backward(self) -> bool {
        self as u8 > Want::Tangent as u8
    }

    /// Whether parameters get gradients.
    pub const fn parameters(self) -> bool {
        self as u8 >= Want::Gradients as u8
    }

    /// Whether inputs get gradients.
    pub const fn inputs(self) -> bool {
        matches!(self, Want::DetachedGradient | Want::InputGradient | Want::Gradients)
    }

    /// Whether the statistics of norms are constants in the backward pass.
    pub const fn detached(self) -> bool {
        matches!(self, Want::DetachedGradient)
    }
}
