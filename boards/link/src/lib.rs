//! What every board's build script does. Link arguments stand here and not in a configuration: RUSTFLAGS in the
//! environment would replace those.
use std::env;
use std::path::PathBuf;

/// Links the package's programs with its `memory.x` and these scripts, after cortex-m-rt's and defmt's.
///
/// # Panics
/// Outside a build script, or where `memory.x` cannot be copied: the build ends there.
pub fn with_memory_map(scripts: &[&str]) {
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it"));
    std::fs::copy("memory.x", out.join("memory.x")).expect("memory.x stands beside the build script");
    println!("cargo:rustc-link-search={}", out.display());
    // Without --nmagic the linker aligns the image to pages that the chip does not have.
    for argument in ["--nmagic", "-Tlink.x", "-Tdefmt.x"].iter().chain(scripts) {
        println!("cargo:rustc-link-arg-bins={argument}");
    }
    println!("cargo:rerun-if-changed=memory.x");
    println!("cargo:rerun-if-changed=build.rs");
}
