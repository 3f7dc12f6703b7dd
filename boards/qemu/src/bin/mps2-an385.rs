//! Arm MPS2 with AN385: Cortex-M3, floats in software.
#![no_std]
#![no_main]

use shatterscope_platform::{Board, board};

const BOARD: Board =
    Board { name: "mps2-an385", core: "Cortex-M3", fpu: false, clock: 0, flash: 4 << 20, ram: 4 << 20 };

board!(BOARD, rows: 1, tile: 1, arena: 3 << 20, flash: 512 << 10);
