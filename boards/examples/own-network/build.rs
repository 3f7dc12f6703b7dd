//! Takes the memory map of an emulated board with the core that is built for; put your board's in its place.
use std::path::PathBuf;
use std::{env, fs};

fn main() {
    let target = env::var("TARGET").unwrap_or_default();
    let (board, scripts): (_, &[&str]) = match target.as_str() {
        "thumbv6m-none-eabi" => ("microbit", &["-Tlink.x", "--nmagic"]),
        "thumbv7em-none-eabihf" => ("mps2-an386", &["-Tlink.x", "--nmagic"]),
        "riscv32imafc-unknown-none-elf" => ("riscv32imafc", &["-Tmemory.x", "-Tlink.x"]),
        other => panic!("no memory map for {other}: add one to build.rs"),
    };
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it"));
    let map = format!("../../qemu/memory/{board}.x");
    fs::copy(&map, out.join("memory.x")).expect("the map stands beside the emulated boards");
    println!("cargo:rustc-link-search={}", out.display());
    for script in scripts {
        println!("cargo:rustc-link-arg-bins={script}");
    }
    println!("cargo:rerun-if-changed={map}");
    println!("cargo:rerun-if-changed=build.rs");
}
