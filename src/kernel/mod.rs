//! The dense arithmetic on tiles `[unit][T]` of T independent points.
//!
//! [`naive`](crate::op::naive) is the definition. The faster kernels must equal it bit for bit, which they do because speed comes only
//! from lanes that are independent outputs: no chain is ever split. [`portable`] is safe Rust for every target; where a
//! processor has registers of lanes, `tile` is written once for all of them, and an [`Isa`] chooses at run time. The file of an instruction
//! set has its facts and its kernels (`set::InstructionSet`); a line of the table in `isa.rs` adds the set.
// Documented under `internals`, which is hidden.
#![allow(rustdoc::broken_intra_doc_links)]
// Where no registers of lanes are known, what is written on them is compiled all the same, and not used.
#![cfg_attr(not(lanes), allow(dead_code))]

mod adam;
mod chain;
mod chain_rows;
mod channel;
mod conv;
#[cfg(registers = "cortex_m")]
mod cortex_m;
mod descend;
mod draw;
mod finite;
#[cfg(feature = "int8")]
mod int8;
mod interleave;
mod isa;
mod lanes;
#[cfg(registers = "neon")]
mod neon;
mod nest;
mod nest_along;
pub mod portable;
mod relu;
mod set;
mod soft_float;
mod tile;
mod units;
#[cfg(registers = "wasm")]
mod wasm;
mod weight_gradient;
mod words;
#[cfg(registers = "x86")]
mod x86;

pub(crate) use adam::{Adam, STEP as ADAM_STEP, adam};
pub(crate) use chain::chain_matrix_ahead;
pub use chain::{Matrix, chain, chain_matrix};
pub(crate) use chain_rows::chain_rows;
pub(crate) use channel::{add_channel, add_unit, term};
pub(crate) use conv::grouped_conv_gather;
pub use conv::{conv_backward_input, conv_forward, conv_gather, conv_pack, conv_weight_gradient};
pub use conv::{grouped_conv_backward_input, grouped_conv_forward, grouped_conv_pack};
pub use descend::descend;
pub(crate) use draw::Series;
pub use draw::{Along, Scale, draw};
pub use finite::all_finite;
#[cfg(feature = "int8")]
pub use int8::*;
pub(crate) use interleave::{Steps, interleave};
pub use isa::{Isa, Tiled};
pub use nest::{Nest, nest, nest_rows};
pub(crate) use relu::{crelu_backward, crelu_forward};
pub use relu::{relu_backward, relu_forward};
pub use set::Tile;
pub(crate) use units::{ABREAST, red16_abreast, shift_and_scale};
pub use weight_gradient::weight_gradient;

/// Where element (row, column) of a block stands in its panel, see [`chain`].
#[inline]
pub const fn panel_index<const R: usize>(rows: usize, columns: usize, row: usize, column: usize) -> usize {
    let (group, lane) = (row / R, row % R);
    // Nothing wraps for an element of a panel that is there; of another one the index means nothing.
    if group.wrapping_add(1).wrapping_mul(R) <= rows {
        group.wrapping_mul(R).wrapping_mul(columns).wrapping_add(column.wrapping_mul(R)).wrapping_add(lane)
    } else {
        row.wrapping_mul(columns).wrapping_add(column)
    }
}

/// The rounding mode, flush-to-zero and default-NaN bits of the floating-point control register; all zero is right.
pub(crate) fn control_bits() -> u32 {
    use set::InstructionSet;
    isa::dispatch!(Isa::BASE, Set => Set::control_bits(), otherwise: 0)
}
