//! Models from files: their options, the examples that they are run on, and what is made of their outputs.
mod devices;
mod examples;
mod outputs;
pub mod probe;
mod scaling;
mod source;

pub use devices::{Compared, compare};
pub use examples::{Examples, read};
pub use outputs::{Results, top};
pub use scaling::Scaling;
pub use source::Source;

pub use shatterscope_model::{Network, Port, Scale};
