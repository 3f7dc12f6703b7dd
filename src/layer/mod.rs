//! One file an operation: `x_forward`, `x_backward`, as plain loops in the order of the contract.
//!
//! Tiles are `[unit][T]`, T points beside each other; T = 1 with `[point]` series is the plain case. Input gradients
//! overwrite, parameter gradients accumulate, point by point and then call by call, so that any cut of the points gives
//! the same bits.
mod batch_norm;
mod centre;
pub(crate) mod channel_norm;
pub(crate) mod conv;
pub(crate) mod crelu;
pub(crate) mod dense;
pub(crate) mod dropout;
mod image;
pub(crate) mod join;
mod places;
pub(crate) mod pool;
pub(crate) mod prelu;
mod relu;
mod series;
pub(crate) mod shortcut;

use crate::error::{Buffer, Error};

pub use batch_norm::{
    Affine, Moments, batch_norm_backward_detached, batch_norm_backward_full, batch_norm_backward_parameters,
    batch_norm_forward, batch_norm_moments,
};
pub use centre::{centre_backward_full, centre_forward};
pub use channel_norm::{
    Running, batch_norm_inference, channel_norm_backward_full, channel_norm_backward_parameters, channel_norm_moments,
};
pub use conv::{conv_backward_input, conv_backward_parameters, conv_forward};
pub(crate) use crelu::crelu_values;
pub use crelu::{crelu_backward, crelu_forward, crelu_tangent};
pub use dense::{dense_backward_input, dense_backward_parameters, dense_forward};
pub use dropout::{Dropout, dropout_backward, dropout_forward};
pub use image::{Conv, Image, Pool, Shortcut, Window};
pub use join::{join_backward_branch, join_backward_input, join_forward};
pub use pool::{average_pool_backward, average_pool_forward, max_pool_backward, max_pool_forward, max_pool_tangent};
pub(crate) use pool::{max_pool_tangents, max_pool_values};
pub use prelu::{prelu_backward_input, prelu_backward_parameters, prelu_forward};
pub(crate) use prelu::{prelu_in_place, prelu_term};
pub(crate) use relu::relu_values;
pub use relu::{relu, relu_backward, relu_forward, relu_tangent};
pub(crate) use series::{Tiles, points_of};
pub use shortcut::{shortcut_backward, shortcut_forward};

fn long_enough(buffer: Buffer, have: usize, need: Option<usize>) -> Result<(), Error> {
    match need {
        Some(need) if have >= need => Ok(()),
        need => Err(Error::TooShort { buffer, need: need.unwrap_or(usize::MAX) as u64, have: have as u64 }),
    }
}

/// Bytes of tape that a rectifier of this many units keeps for a tile of T points: one bit a unit and point.
pub const fn tape_bytes(units: u64, tile: u64) -> Option<u64> {
    match units.checked_mul(tile) {
        Some(bits) => Some(bits.div_ceil(8)),
        None => None,
    }
}

pub(crate) use batch_norm::{inverse_deviation, through_batch};
