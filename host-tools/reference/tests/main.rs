//! One program for all tests of the reference.
mod trees;
mod values;
