//! Arm MPS3 with AN547: Cortex-M55, without its vector floats, which flush subnormals.
#![no_std]
#![no_main]

use shatterscope_platform::{Board, board};

const BOARD: Board =
    Board { name: "mps3-an547", core: "Cortex-M55", fpu: true, clock: 0, flash: 512 << 10, ram: 4 << 20 };

board!(BOARD, rows: 4, tile: 4, arena: 3 << 20, flash: 512 << 10);
