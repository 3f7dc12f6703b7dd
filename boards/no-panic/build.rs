//! No memory map and no start-up code: the program is linked to be read, not to be run.
fn main() {
    println!("cargo:rustc-link-arg-bins=--gc-sections");
    println!("cargo:rerun-if-changed=build.rs");
}
