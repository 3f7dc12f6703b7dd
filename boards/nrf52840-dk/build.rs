//! The memory map and the linker scripts.
fn main() {
    shatterscope_link::with_memory_map(&[]);
}
