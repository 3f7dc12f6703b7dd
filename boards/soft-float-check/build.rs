//! Links for the emulated board that has the core.
fn main() {
    shatterscope_link::chosen(&["../qemu/memory"], "soft-float-check");
}
