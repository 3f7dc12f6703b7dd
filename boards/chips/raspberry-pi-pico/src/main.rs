//! The firmware; board.toml has what is special about this board.
#![no_std]
#![no_main]

use shatterscope_rp_support::{entry, facts, serve};

facts!();

#[entry]
fn main() -> ! {
    serve::<_, _, { facts::FLASH }>(facts::setup())
}
