//! The goldens and vectors alone, for `host-tools/goldens`: builds in seconds, for any profile and any target with a
//! standard library.
mod bits;
mod common;
#[cfg(feature = "tiles")]
mod tiles;
mod vectors;
