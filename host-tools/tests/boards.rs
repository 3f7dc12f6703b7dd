//! What needs firmware, emulators or a browser, in a program of its own: `cargo xtask test` builds and runs it, and plain `cargo test`
//! does not. A test here is ignored, with what it needs.
mod browser;
#[cfg(feature = "probe")]
mod chips;
mod common;
mod emulated;
mod flash;
mod images;
mod own_network;
mod recompute;
mod stacks;
mod taught;
