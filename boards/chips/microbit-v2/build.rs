//! The memory map, the linker scripts and the constants.
fn main() {
    shatterscope_link::chip(&[]);
}
