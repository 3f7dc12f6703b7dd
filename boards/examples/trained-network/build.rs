//! Takes the memory map of an emulated board with the core that is built for, and the network: `src/network.rs`, or the file that
//! `SHATTERSCOPE_NETWORK` names.
use std::path::PathBuf;
use std::{env, fs};

fn main() {
    let target = env::var("TARGET").unwrap_or_default();
    let (board, scripts): (_, &[&str]) = match target.as_str() {
        "thumbv6m-none-eabi" => ("microbit", &["-Tlink.x", "--nmagic"]),
        "thumbv7em-none-eabihf" => ("mps2-an386", &["-Tlink.x", "--nmagic"]),
        other => panic!("no memory map for {other}: add one to build.rs"),
    };
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it"));
    let map = format!("../../qemu/memory/{board}.x");
    fs::copy(&map, out.join("memory.x")).expect("the memory map is in boards/qemu/memory");
    let network = env::var("SHATTERSCOPE_NETWORK").unwrap_or("src/network.rs".to_owned());
    let path = fs::canonicalize(&network).expect("the network that `shatterscope pack` wrote");
    let module = format!("#[rustfmt::skip]\n#[path = {path:?}]\nmod network;\n");
    fs::write(out.join("network_module.rs"), module).expect("cargo made the folder");
    println!("cargo:rustc-link-search={}", out.display());
    for script in scripts {
        println!("cargo:rustc-link-arg-bins={script}");
    }
    println!("cargo:rerun-if-env-changed=SHATTERSCOPE_NETWORK");
    for file in [map.as_str(), network.as_str(), "build.rs"] {
        println!("cargo:rerun-if-changed={file}");
    }
}
