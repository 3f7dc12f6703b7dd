//! Each program is linked with its board's memory map.
fn main() {
    shatterscope_link::emulated();
}
