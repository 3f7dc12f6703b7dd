//! BBC micro:bit: Cortex-M0, floats in software, 16 KiB of memory; eight registers, so the tile is one value.
#![no_std]
#![no_main]

use shatterscope_platform::{Board, board};

const BOARD: Board =
    Board { name: "microbit", core: "Cortex-M0", fpu: false, clock: 0, flash: 256 << 10, ram: 16 << 10 };

board!(BOARD, rows: 1, tile: 1, arena: 11_368);
