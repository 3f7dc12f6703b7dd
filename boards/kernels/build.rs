//! Links for an emulated board; where operands of 100 x 100 take other memory than the firmware, with a map of its own.
use std::env;

fn main() {
    shatterscope_link::chosen(&["memory", "../qemu/memory"], "kernels");
    let target = env::var("TARGET").unwrap_or_default();
    if ["thumbv6m-none-eabi", "thumbv7m-none-eabi", "riscv32imac-unknown-none-elf"].contains(&target.as_str()) {
        println!("cargo:rustc-cfg=soft_float");
    }
}
