//! Names the architectures that lack or have a counter of cycles.
fn main() {
    let target = std::env::var("TARGET").unwrap_or_default();
    println!("cargo:rustc-check-cfg=cfg(armv6m, armv7em)");
    if target.starts_with("thumbv6m") {
        println!("cargo:rustc-cfg=armv6m");
    }
    if target.starts_with("thumbv7em") {
        println!("cargo:rustc-cfg=armv7em");
    }
    println!("cargo:rerun-if-changed=build.rs");
}
