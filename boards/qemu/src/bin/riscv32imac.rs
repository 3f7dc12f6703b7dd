//! QEMU virt, RV32IMAC: floats in software.
#![no_std]
#![no_main]

use shatterscope_platform::{Board, board};

const BOARD: Board = Board { name: "riscv32imac", core: "RV32IMAC", fpu: false, clock: 0, flash: 0, ram: 16 << 20 };

board!(BOARD, rows: 1, tile: 1, arena: 8 << 20, flash: 512 << 10);
