//! A network that was trained on the desktop: what it makes of the test digits, the same bits on every core.
#![no_std]
#![no_main]

// The module `network`, as `shatterscope pack --checkpoint` wrote it. Without the choice of build.rs: `mod network;`.
include!(concat!(env!("OUT_DIR"), "/network_module.rs"));
mod run;

use semihosting::{println, process::exit};
use shatterscope_qemu_support::entry;

entry!({
    match run::run() {
        Ok((correct, digest)) => {
            println!("arena    {} B", 4 * (network::VALUES_LEN + network::SCRATCH_LEN));
            println!("correct  {correct}");
            println!("digest   {digest}");
            exit(0)
        }
        Err(error) => {
            println!("{error}");
            exit(1)
        }
    }
});
