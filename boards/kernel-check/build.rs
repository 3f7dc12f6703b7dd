//! Links for one of the emulated boards: `BOARD=mps3-an547 cargo build --release --target thumbv8m.main-none-eabihf`.
//! Without the variable, for the first that has the core.
use std::path::PathBuf;
use std::{env, fs};

fn main() {
    let target = env::var("TARGET").unwrap_or_default();
    let (first, scripts): (_, &[&str]) = match target.as_str() {
        "thumbv6m-none-eabi" => ("microbit", &["-Tlink.x", "--nmagic"]),
        "thumbv7m-none-eabi" => ("mps2-an385", &["-Tlink.x", "--nmagic"]),
        "thumbv7em-none-eabihf" => ("mps2-an386", &["-Tlink.x", "--nmagic"]),
        "thumbv8m.main-none-eabihf" => ("mps2-an505", &["-Tlink.x", "--nmagic"]),
        "riscv32imac-unknown-none-elf" => ("riscv32imac", &["-Tmemory.x", "-Tlink.x"]),
        "riscv32imafc-unknown-none-elf" => ("riscv32imafc", &["-Tmemory.x", "-Tlink.x"]),
        "riscv64gc-unknown-none-elf" => ("riscv64gc", &["-Tmemory.x", "-Tlink.x"]),
        "aarch64-unknown-none" => ("aarch64", &["-Timage.ld", "-Tmemory.x"]),
        other => panic!("no emulated board has the core {other}"),
    };
    let board = env::var("BOARD").unwrap_or_else(|_| first.to_owned());
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it"));
    let map = format!("../qemu/memory/{board}.x");
    fs::copy(&map, out.join("memory.x")).expect("the map stands beside the emulated boards");
    println!("cargo:rustc-link-search={}", out.display());
    for script in scripts {
        println!("cargo:rustc-link-arg-bins={script}");
    }
    println!("cargo:rerun-if-env-changed=BOARD");
    println!("cargo:rerun-if-changed={map}");
    println!("cargo:rerun-if-changed=build.rs");
}
