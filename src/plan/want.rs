/// What a graph is planned for; it decides what the forward pass saves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Want {
    /// The outputs.
    Output,
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
        !matches!(self, Want::Output)
    }

    /// Whether parameters get gradients.
    pub const fn parameters(self) -> bool {
        matches!(self, Want::Gradients | Want::ParameterGradient)
    }

    /// Whether inputs get gradients.
    pub const fn inputs(self) -> bool {
        matches!(self, Want::Gradients | Want::InputGradient)
    }
}
