//! What all boards share, apart from any board: the request loop over a byte transport, and what a board brings to it.
//!
//! A `main` fills in a [`device::Device`] and calls [`serve`]. The desktop runs the same loop, in its tests and to answer
//! `plan --board`.
#![no_std]

/// Logs where there is a logger: `log!(level, format, arguments)`.
macro_rules! log {
    ($level:ident, $($words:tt)*) => {
        #[cfg(feature = "defmt")]
        defmt::$level!($($words)*);
    };
}

mod answer;
mod arena;
mod compute;
pub mod device;
mod model;
mod nodes;
mod serve;
mod tap;
mod train;
mod watch;
mod work;

pub use arena::{Layout, Short, layout, training_words};
pub use model::{ModelLayout, model_layout};
pub use serve::{End, serve};
pub use train::{TrainingLayout, training_layout, training_tile};
pub use work::Work;
