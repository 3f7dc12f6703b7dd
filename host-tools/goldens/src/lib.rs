//! Goldens and vectors (`tests/goldens.rs`) as a program that builds in seconds.
//!
//! `cargo test -p shatterscope-goldens --test goldens`, with `--profile` or `--target` for another compiler's work.
