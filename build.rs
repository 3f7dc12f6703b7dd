//! Names what stable Rust's `cfg` does not say of a target: the Thumb instructions, and floats in software.
use std::env;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rustc-check-cfg=cfg(thumb, values(none(), \"v6m\", \"v7m\"))");
    println!("cargo:rustc-check-cfg=cfg(soft_float)");
    let target = env::var("TARGET").unwrap_or_default();
    let is = |names: &[&str]| names.iter().any(|name| target.starts_with(name));
    // What a later architecture adds to one of these two is not used.
    let (v6m, v7m) = (is(&["thumbv6m-", "thumbv8m.base-"]), is(&["thumbv7m-", "thumbv7em-", "thumbv8m.main-"]));
    if v6m || v7m {
        println!("cargo:rustc-cfg=thumb");
        println!("cargo:rustc-cfg=thumb=\"{}\"", if v6m { "v6m" } else { "v7m" });
    }
    let riscv = is(&["riscv32i-", "riscv32im-", "riscv32imc-", "riscv32imac-", "riscv64imac-"]);
    if riscv || (v6m || v7m) && !target.ends_with("hf") {
        println!("cargo:rustc-cfg=soft_float");
    }
}
