//! Names what stable Rust's `cfg` does not say of a target: which registers the kernels may use, the Thumb instructions of the M profile, and
//! floats in software.
use std::env;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rustc-check-cfg=cfg(registers, values(none(), \"x86\", \"neon\", \"wasm\", \"cortex_m\"))");
    println!("cargo:rustc-check-cfg=cfg(lanes)");
    println!("cargo:rustc-check-cfg=cfg(thumb, values(none(), \"v6m\", \"v7m\"))");
    println!("cargo:rustc-check-cfg=cfg(dsp, values(none(), \"always\", \"detected\"))");
    println!("cargo:rustc-check-cfg=cfg(soft_float)");
    let target = env::var("TARGET").unwrap_or_default();
    let is = |names: &[&str]| names.iter().any(|name| target.starts_with(name));
    // What a later architecture adds to one of these two is not used.
    let (v6m, v7m) = (is(&["thumbv6m-", "thumbv8m.base-"]), is(&["thumbv7m-", "thumbv7em-", "thumbv8m.main-"]));
    if v6m || v7m {
        println!("cargo:rustc-cfg=thumb");
        println!("cargo:rustc-cfg=thumb=\"{}\"", if v6m { "v6m" } else { "v7m" });
    }
    // Products of halfwords: Armv7E-M has them, cores of Armv8-M may have them.
    for (prefix, presence) in [("thumbv7em-", "always"), ("thumbv8m.main-", "detected")] {
        if is(&[prefix]) {
            println!("cargo:rustc-cfg=dsp");
            println!("cargo:rustc-cfg=dsp=\"{presence}\"");
        }
    }
    let variable = |name: &str| env::var(format!("CARGO_CFG_TARGET_{name}")).unwrap_or_default();
    let (arch, order, features) = (variable("ARCH"), variable("ENDIAN"), variable("FEATURE"));
    let has = |feature: &str| features.split(',').any(|other| other == feature);
    // An architecture's name is not enough: kernels for x86-64 and AArch64 also exist without vector registers, and the A profile of
    // Arm reads other instructions than the M profile, whose kernels are written in Thumb.
    let registers = match arch.as_str() {
        "x86_64" if has("sse2") => "x86",
        // The lanes are loaded and compared in the order of a little-endian core.
        "aarch64" if has("neon") && order == "little" => "neon",
        // WebAssembly has no detection at run time: a module with these instructions is another build.
        "wasm32" if has("simd128") => "wasm",
        "arm" if v7m && target.ends_with("hf") => "cortex_m",
        _ => "",
    };
    if !registers.is_empty() {
        println!("cargo:rustc-cfg=registers=\"{registers}\"");
    }
    // Registers of lanes, for which kernels are written once; those of Cortex-M are whole kernels by hand.
    if !matches!(registers, "" | "cortex_m") {
        println!("cargo:rustc-cfg=lanes");
    }
    let riscv = is(&["riscv32i-", "riscv32im-", "riscv32imc-", "riscv32imac-", "riscv64imac-"]);
    let without_vectors = arch == "x86_64" && !has("sse2") || arch == "aarch64" && !has("neon");
    if riscv || without_vectors || (v6m || v7m) && !target.ends_with("hf") {
        println!("cargo:rustc-cfg=soft_float");
    }
}
