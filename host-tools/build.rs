//! Embeds the facts of all boards, and the commit and target that every record names.
mod embed;

use shatterscope_board_facts::{CHIPS, FILE, MACHINES, all};
use std::path::Path;
use std::process::{Command, exit};
use std::{env, fs};

fn main() {
    let boards = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("boards");
    if let Err(reason) = embedded(&boards) {
        println!("cargo::error={reason}");
        exit(1);
    }
    let commit = Command::new("git")
        .args(["describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"])
        .output()
        .ok()
        .filter(|output| output.status.success())
        .and_then(|output| String::from_utf8(output.stdout).ok());
    println!("cargo:rustc-env=SHATTERSCOPE_COMMIT={}", commit.as_deref().unwrap_or("unknown").trim());
    println!("cargo:rustc-env=SHATTERSCOPE_TARGET={}", env::var("TARGET").unwrap_or_default());
    for path in ["../.git/HEAD", "../.git/index", "../src", "src", "build.rs", "embed.rs"] {
        println!("cargo:rerun-if-changed={path}");
    }
}

/// Writes the table of boards.
fn embedded(boards: &Path) -> Result<(), String> {
    for folder in [CHIPS, MACHINES] {
        println!("cargo:rerun-if-changed=../boards/{folder}");
    }
    let all = all(boards).map_err(|error| error.to_string())?;
    for board in &all {
        println!("cargo:rerun-if-changed={}", board.folder.join(FILE).display());
    }
    let out = Path::new(&env::var_os("OUT_DIR").unwrap_or_default()).join("boards.rs");
    fs::write(&out, embed::table(&all)).map_err(|error| format!("{}: {error}", out.display()))
}
