//! What every board's build script does. Link arguments stand here and not in a configuration: RUSTFLAGS in the
//! environment would replace those.
use std::path::{Path, PathBuf};
use std::{env, fs};

/// Links the package's programs with its `memory.x` and these scripts, after cortex-m-rt's and defmt's.
///
/// # Panics
/// Outside a build script, or where `memory.x` cannot be copied: the build ends there.
pub fn with_memory_map(scripts: &[&str]) {
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it"));
    fs::copy("memory.x", out.join("memory.x")).expect("memory.x stands beside the build script");
    println!("cargo:rustc-link-search={}", out.display());
    // Without --nmagic the linker aligns the image to pages that the chip does not have.
    for argument in ["--nmagic", "-Tlink.x", "-Tdefmt.x"].iter().chain(scripts) {
        println!("cargo:rustc-link-arg-bins={argument}");
    }
    println!("cargo:rerun-if-changed=memory.x");
    println!("cargo:rerun-if-changed=build.rs");
}

/// Links one program with the map of an emulated board, `maps/BOARD.x`.
///
/// # Panics
/// Outside a build script, or where the map cannot be copied: the build ends there.
pub fn emulated(maps: &Path, board: &str, program: &str) {
    let folder = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it")).join(board);
    let map = maps.join(board).with_extension("x");
    fs::create_dir_all(&folder).expect("cargo's folder can be written");
    fs::copy(&map, folder.join("memory.x")).expect("a map stands beside the emulated boards");
    let scripts: &[&str] = match board {
        "aarch64" => &["-Timage.ld", "-Tmemory.x"],
        board if board.starts_with("riscv") => &["-Tmemory.x", "-Tlink.x"],
        // Without --nmagic the linker aligns the image to pages that the chip does not have.
        _ => &["-Tlink.x", "--nmagic"],
    };
    println!("cargo:rustc-link-arg-bin={program}=-L{}", folder.display());
    for script in scripts {
        println!("cargo:rustc-link-arg-bin={program}={script}");
    }
    println!("cargo:rerun-if-changed={}", map.display());
}
