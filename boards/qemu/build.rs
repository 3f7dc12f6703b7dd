//! Each program is linked with its own memory map. Link arguments stand here and not in a configuration: RUSTFLAGS in the
//! environment would replace those.
use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() {
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it"));
    for entry in fs::read_dir("memory").expect("the maps stand in memory/") {
        let path = entry.expect("the folder can be read").path();
        let board = path.file_stem().expect("a map has a name").to_string_lossy().into_owned();
        let folder = out.join(&board);
        fs::create_dir_all(&folder).expect("cargo's folder can be written");
        fs::copy(&path, folder.join("memory.x")).expect("cargo's folder can be written");
        link(&board, &folder);
    }
    println!("cargo:rerun-if-changed=memory");
    println!("cargo:rerun-if-changed=build.rs");
}

fn link(board: &str, folder: &Path) {
    let add = |argument: &str| println!("cargo:rustc-link-arg-bin={board}={argument}");
    add(&format!("-L{}", folder.display()));
    match board {
        "aarch64" => {
            add("-Timage.ld");
            add("-Tmemory.x");
        }
        board if board.starts_with("riscv") => {
            add("-Tmemory.x");
            add("-Tlink.x");
        }
        _ => {
            add("-Tlink.x");
            // Without it the linker aligns the image to pages that the chip does not have.
            add("--nmagic");
        }
    }
}
