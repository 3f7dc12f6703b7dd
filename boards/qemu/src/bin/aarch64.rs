//! QEMU virt, Cortex-A53 without an operating system.
#![no_std]
#![no_main]

use shatterscope_platform::{Board, board};

const BOARD: Board = Board { name: "aarch64", core: "Cortex-A53", fpu: true, clock: 0, flash: 0, ram: 32 << 20 };

board!(BOARD, rows: 4, tile: 16, arena: 8 << 20, flash: 512 << 10);
