//! Takes the memory map of the emulated board; put your board's in its place.
use std::path::PathBuf;
use std::{env, fs};

const MAP: &str = "../../qemu/memory/mps2-an386.x";

fn main() {
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it"));
    fs::copy(MAP, out.join("memory.x")).expect("the memory map is in boards/qemu/memory");
    println!("cargo:rustc-link-search={}", out.display());
    for script in ["-Tlink.x", "--nmagic"] {
        println!("cargo:rustc-link-arg-bins={script}");
    }
    for file in [MAP, "build.rs"] {
        println!("cargo:rerun-if-changed={file}");
    }
}
