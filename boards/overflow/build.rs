//! `SHATTERSCOPE_BOARD=mps2-an386 cargo build --release --target thumbv7em-none-eabihf`.
fn main() {
    shatterscope_link::chosen(&["../qemu/memory"], "overflow");
}
