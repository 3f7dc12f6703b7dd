//! Links for the emulated board with the target that is built for. For a board of your own, give the linker your own `memory.x` instead.
fn main() {
    shatterscope_link::chosen("own-network");
}
