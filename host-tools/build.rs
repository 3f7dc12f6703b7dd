//! Tells the program where it comes from: commit and target stand in every record.
use std::process::Command;

fn main() {
    let commit = Command::new("git")
        .args(["describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"])
        .output()
        .ok()
        .filter(|output| output.status.success())
        .and_then(|output| String::from_utf8(output.stdout).ok());
    println!("cargo:rustc-env=SHATTERSCOPE_COMMIT={}", commit.as_deref().unwrap_or("unknown").trim());
    println!("cargo:rustc-env=SHATTERSCOPE_TARGET={}", std::env::var("TARGET").unwrap_or_default());
    for path in ["../.git/HEAD", "../.git/index", "../src", "src"] {
        println!("cargo:rerun-if-changed={path}");
    }
}
