//! Arm MPS2 with AN505: Cortex-M33, in the secure world.
#![no_std]
#![no_main]

use shatterscope_platform::{Board, board};

const BOARD: Board =
    Board { name: "mps2-an505", core: "Cortex-M33", fpu: true, clock: 0, flash: 4 << 20, ram: 4 << 20 };

board!(BOARD, rows: 4, tile: 4, arena: 3 << 20, flash: 512 << 10);
