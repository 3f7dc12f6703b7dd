//! Takes the memory map of an emulated board with the core that is built for.
use std::path::PathBuf;
use std::{env, fs};

fn main() {
    let target = env::var("TARGET").unwrap_or_default();
    let board = match target.as_str() {
        "thumbv6m-none-eabi" => "microbit",
        "thumbv7m-none-eabi" => "mps2-an385",
        "thumbv7em-none-eabihf" => "mps2-an386",
        "thumbv8m.main-none-eabihf" => "mps2-an505",
        "riscv32imac-unknown-none-elf" => "riscv32imac",
        "riscv32imafc-unknown-none-elf" => "riscv32imafc",
        "riscv64gc-unknown-none-elf" => "riscv64gc",
        other => panic!("no memory map for {other}: add one to build.rs"),
    };
    let scripts = if board.starts_with("riscv") { ["-Tmemory.x", "-Tlink.x"] } else { ["-Tlink.x", "--nmagic"] };
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it"));
    let map = format!("../qemu/memory/{board}.x");
    fs::copy(&map, out.join("memory.x")).expect("the map stands beside the emulated boards");
    println!("cargo:rustc-link-search={}", out.display());
    for script in scripts {
        println!("cargo:rustc-link-arg-bins={script}");
    }
    println!("cargo:rerun-if-changed={map}");
    println!("cargo:rerun-if-changed=build.rs");
}
