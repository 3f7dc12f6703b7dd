//! For the build scripts of boards: makes linker scripts and constants from `board.toml`. Link arguments are given here and not in a
//! configuration: RUSTFLAGS in the environment would replace those.
//!
//! A function that fails ends the build script with one line, which cargo shows.
pub use shatterscope_board_facts::Board;

use shatterscope_board_facts::{FILE, read};
use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::{env, fs};

/// Links the programs of a chip's package, after cortex-m-rt's and defmt's scripts with these, and writes `board.rs`, its constants.
/// `sections.x` in the package's folder, if there is one, follows the memory map.
pub fn chip(scripts: &[&str]) {
    let board = read(&PathBuf::from(variable("CARGO_MANIFEST_DIR"))).unwrap_or_else(|error| fail(&error));
    if variable("CARGO_PKG_NAME") != board.name {
        fail(&format!("the package of boards/chips/{} must have the name of its folder", board.name));
    }
    if variable("TARGET") != board.target {
        fail(&format!("{} is built for {}, not for {}", board.name, board.target, variable("TARGET")));
    }
    let sections = match fs::read_to_string("sections.x") {
        Ok(text) => {
            println!("cargo:rerun-if-changed=sections.x");
            format!("\n{text}")
        }
        Err(_) => String::new(),
    };
    write("memory.x", &(board.memory_map(0) + &sections));
    write("board.rs", &board.constants());
    println!("cargo:rustc-link-search={}", variable("OUT_DIR"));
    for argument in board.link_arguments().iter().chain(&["-Tdefmt.x"]).chain(scripts) {
        println!("cargo:rustc-link-arg-bins={argument}");
    }
    for file in [FILE, "build.rs"] {
        println!("cargo:rerun-if-changed={file}");
    }
}

/// Links the program of each emulated board with its map, and writes its constants, `NAME.rs`.
pub fn emulated() {
    for board in &boards() {
        write(&format!("{}.rs", board.name), &board.constants());
        link(board, &board.name, 0);
    }
    for path in ["src/bin", "build.rs"] {
        println!("cargo:rerun-if-changed={path}");
    }
}

/// Links a program for the emulated board that `SHATTERSCOPE_BOARD` names, or the first one with the target that is built for, which it
/// returns. For the desktop it does nothing.
pub fn chosen(program: &str) -> Option<Board> {
    chosen_with_stack(program, 0)
}

/// As [`chosen`], with a stack of at least so many bytes.
pub fn chosen_with_stack(program: &str, stack: u64) -> Option<Board> {
    println!("cargo:rerun-if-env-changed=SHATTERSCOPE_BOARD");
    println!("cargo:rerun-if-changed=build.rs");
    let target = variable("TARGET");
    if !target.contains("-none") {
        return None;
    }
    let named = env::var("SHATTERSCOPE_BOARD").ok();
    let fits = |board: &Board| board.target == target && named.as_ref().is_none_or(|name| board.name == *name);
    let Some(board) = boards().into_iter().find(fits) else {
        fail(&match named {
            Some(name) => {
                format!("SHATTERSCOPE_BOARD={name}: no emulated board with the target {target} has this name")
            }
            None => format!("no emulated board has the target {target}"),
        })
    };
    link(&board, program, stack);
    println!("cargo:rerun-if-changed={}", board.folder.join(FILE).display());
    Some(board)
}

/// Bytes below the stack that are locked on every emulated board with the target that is built for.
pub fn guard() -> u64 {
    println!("cargo:rerun-if-changed=build.rs");
    let target = variable("TARGET");
    let boards = boards();
    let mut guards: Vec<_> = boards
        .iter()
        .filter(|board| board.target == target)
        .flat_map(|board| {
            println!("cargo:rerun-if-changed={}", board.folder.join(FILE).display());
            board.ram.iter().map(|ram| ram.guard).filter(|guard| *guard > 0)
        })
        .collect();
    guards.dedup();
    match guards[..] {
        [] => 0,
        [guard] => guard,
        _ => fail(&format!("the boards with the target {target} have guards of different lengths")),
    }
}

/// One program, with the map of a board.
fn link(board: &Board, program: &str, stack: u64) {
    let folder = write(&format!("{}/memory.x", board.name), &board.memory_map(stack));
    println!("cargo:rustc-link-arg-bin={program}=-L{}", folder.display());
    for argument in board.link_arguments() {
        println!("cargo:rustc-link-arg-bin={program}={argument}");
    }
}

/// The emulated boards.
fn boards() -> Vec<Board> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."));
    shatterscope_board_facts::emulated(folder).unwrap_or_else(|error| fail(&error))
}

/// Writes a file below cargo's folder for this build; the folder that holds it.
fn write(name: &str, text: &str) -> PathBuf {
    let file = PathBuf::from(variable("OUT_DIR")).join(name);
    let folder = file.parent().unwrap_or(Path::new(".")).to_owned();
    if let Err(error) = fs::create_dir_all(&folder).and_then(|()| fs::write(&file, text)) {
        fail(&format!("{}: {error}", file.display()));
    }
    folder
}

fn variable(name: &str) -> String {
    env::var(name).unwrap_or_else(|_| fail(&format!("cargo sets {name}: this runs in a build script")))
}

/// Ends the build script with one line.
pub fn fail(reason: &dyn Display) -> ! {
    println!("cargo::error={reason}");
    std::process::exit(1)
}
