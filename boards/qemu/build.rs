//! Each program is linked with its own memory map.
use std::fs;
use std::path::Path;

fn main() {
    for entry in fs::read_dir("memory").expect("the maps stand in memory/") {
        let path = entry.expect("the folder can be read").path();
        let board = path.file_stem().expect("a map has a name").to_string_lossy();
        shatterscope_link::emulated(Path::new("memory"), &board, &board);
    }
    println!("cargo:rerun-if-changed=memory");
    println!("cargo:rerun-if-changed=build.rs");
}
