//! A network of your own: its values, its gradient, and their digest, the same bits on every core.
#![no_std]
#![no_main]

// As `shatterscope pack` wrote it.
#[rustfmt::skip]
mod network;
mod run;

use semihosting::{println, process::exit};
use shatterscope::contract::Digest;
use shatterscope_qemu_support::entry;

entry!({
    match run::run(&run::INPUTS) {
        Ok((outputs, gradient)) => {
            println!("outputs  {outputs:?}");
            println!("gradient {gradient:?}");
            println!("digest   {}", Digest::of_runs([Digest::of(&outputs), Digest::of(&gradient)]));
            exit(0)
        }
        Err(error) => {
            println!("{error}");
            exit(1)
        }
    }
});
