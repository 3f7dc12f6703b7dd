//! Names what stable Rust's `cfg` does not say of a target: the Thumb instructions, and floats in software.
use std::env;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rustc-check-cfg=cfg(thumb, values(none(), \"v6m\", \"v7m\"))");
    println!("cargo:rustc-check-cfg=cfg(soft_float)");
    let target = env::var("TARGET").unwrap_or_default();
    let is = |names: &[&str]| names.iter().any(|name| target.starts_with(name));
    if is(&["thumbv6m-"]) {
        println!("cargo:rustc-cfg=thumb=\"v6m\"");
    } else if is(&["thumbv7m-", "thumbv7em-", "thumbv8m.main-"]) {
        println!("cargo:rustc-cfg=thumb=\"v7m\"");
    }
    let thumb = is(&["thumbv6m-", "thumbv7m-", "thumbv7em-", "thumbv8m.main-"]) && !target.ends_with("hf");
    if thumb || is(&["riscv32i-", "riscv32im-", "riscv32imc-", "riscv32imac-"]) {
        println!("cargo:rustc-cfg=soft_float");
    }
}
