//! The memory map of the emulated board that `SHATTERSCOPE_BOARD` names, or of the first one with the core that is built for.
use std::env;
use std::path::Path;

fn main() {
    let target = env::var("TARGET").unwrap_or_default();
    let first = match target.as_str() {
        "thumbv6m-none-eabi" => "microbit",
        "thumbv7m-none-eabi" => "mps2-an385",
        "thumbv7em-none-eabihf" => "mps2-an386",
        "thumbv8m.main-none-eabihf" => "mps2-an505",
        "riscv32imac-unknown-none-elf" => "riscv32imac",
        "riscv32imafc-unknown-none-elf" => "riscv32imafc",
        "riscv64gc-unknown-none-elf" => "riscv64gc",
        "aarch64-unknown-none" => "aarch64",
        // A program for the desktop.
        _ => "",
    };
    let board = env::var("SHATTERSCOPE_BOARD").unwrap_or(first.to_owned());
    if !board.is_empty() && !first.is_empty() {
        let own = Path::new("memory").join(&board).with_extension("x").is_file();
        shatterscope_link::emulated(Path::new(if own { "memory" } else { "../qemu/memory" }), &board, "kernels");
    }
    if ["thumbv6m-none-eabi", "thumbv7m-none-eabi", "riscv32imac-unknown-none-elf"].contains(&target.as_str()) {
        println!("cargo:rustc-cfg=soft_float");
    }
    println!("cargo:rerun-if-changed=memory");
    println!("cargo:rerun-if-env-changed=SHATTERSCOPE_BOARD");
    println!("cargo:rerun-if-changed=build.rs");
}
