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

/// Links one program for the emulated board that `SHATTERSCOPE_BOARD` names, or the first with the core that is built for, with
/// the map that stands first in these folders. For the desktop it does nothing.
///
/// # Panics
/// Outside a build script, or where no emulated board has the core or the name: the build ends there.
pub fn chosen(maps: &[&str], program: &str) {
    println!("cargo:rerun-if-env-changed=SHATTERSCOPE_BOARD");
    println!("cargo:rerun-if-changed=build.rs");
    let target = env::var("TARGET").unwrap_or_default();
    let first = match target.as_str() {
        "thumbv6m-none-eabi" => "microbit",
        "thumbv7m-none-eabi" => "mps2-an385",
        "thumbv7em-none-eabihf" => "mps2-an386",
        "thumbv8m.main-none-eabihf" => "mps2-an505",
        "riscv32imac-unknown-none-elf" => "riscv32imac",
        "riscv32imafc-unknown-none-elf" => "riscv32imafc",
        "riscv64gc-unknown-none-elf" => "riscv64gc",
        "aarch64-unknown-none" => "aarch64",
        other if !other.contains("-none") => return,
        other => panic!("no emulated board has the core {other}"),
    };
    let board = env::var("SHATTERSCOPE_BOARD").unwrap_or_else(|_| first.to_owned());
    let has = |maps: &&&str| Path::new(maps).join(&board).with_extension("x").is_file();
    match maps.iter().find(has) {
        Some(maps) => emulated(Path::new(maps), &board, program),
        None => panic!("{board} has no map in {maps:?}"),
    }
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
