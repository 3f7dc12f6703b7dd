//! The firmware; board.toml has what is special about this board.
#![no_std]
#![no_main]

shatterscope_qemu_support::board!();
