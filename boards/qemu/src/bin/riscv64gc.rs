//! QEMU virt, RV64GC.
#![no_std]
#![no_main]

use shatterscope_platform::{Board, board};

const BOARD: Board = Board { name: "riscv64gc", core: "RV64GC", fpu: true, clock: 0, flash: 0, ram: 16 << 20 };

board!(BOARD, rows: 4, tile: 4, arena: 8 << 20, flash: 512 << 10);
