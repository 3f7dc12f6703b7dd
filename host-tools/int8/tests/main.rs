//! All tests of this package in one program.
mod cases;
mod roundings;
mod vectors;
