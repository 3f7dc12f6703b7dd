//! How much of the memory below the stack is locked, from the boards' facts.
use std::path::Path;
use std::{env, fs};

fn main() {
    let out = env::var("OUT_DIR").unwrap_or_default();
    if let Err(error) = fs::write(Path::new(&out).join("guard.rs"), shatterscope_link::guard().to_string()) {
        shatterscope_link::fail(&error);
    }
}
