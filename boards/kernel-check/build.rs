//! Links for the emulated board that `SHATTERSCOPE_BOARD` names, or the first one with the target.
fn main() {
    shatterscope_link::chosen("kernel-check");
}
