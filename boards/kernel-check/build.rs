//! `SHATTERSCOPE_BOARD=mps3-an547 cargo build --release --target thumbv8m.main-none-eabihf`.
fn main() {
    shatterscope_link::chosen(&["../qemu/memory"], "kernel-check");
}
