//! Links for the emulated board that has the core.
use std::path::PathBuf;
use std::{env, fs};

fn main() {
    let target = env::var("TARGET").unwrap_or_default();
    let (board, scripts): (_, &[&str]) = match target.as_str() {
        "thumbv6m-none-eabi" => ("microbit", &["-Tlink.x", "--nmagic"]),
        "thumbv7m-none-eabi" => ("mps2-an385", &["-Tlink.x", "--nmagic"]),
        "riscv32imac-unknown-none-elf" => ("riscv32imac", &["-Tmemory.x", "-Tlink.x"]),
        other => panic!("no emulated board without an FPU has the core {other}"),
    };
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
