//! Links for the emulated board with the target that is built for. For a board of your own, give the linker your own `memory.x` instead.
//! The network is `src/network.rs`, or the file that `SHATTERSCOPE_NETWORK` names.
use std::path::PathBuf;
use std::{env, fs};

fn main() {
    shatterscope_link::chosen("trained-network");
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it"));
    let network = env::var("SHATTERSCOPE_NETWORK").unwrap_or("src/network.rs".to_owned());
    let path = fs::canonicalize(&network).expect("the network that `shatterscope pack` wrote");
    let module = format!("#[rustfmt::skip]\n#[path = {path:?}]\nmod network;\n");
    fs::write(out.join("network_module.rs"), module).expect("cargo made the folder");
    println!("cargo:rerun-if-env-changed=SHATTERSCOPE_NETWORK");
    println!("cargo:rerun-if-changed={network}");
}
