//! Links for the emulated board that `SHATTERSCOPE_BOARD` names, or the first one with the target.

/// A weight gradient keeps 4 KiB of inputs on the stack.
const STACK: u64 = 5 << 10;

fn main() {
    let board = shatterscope_link::chosen_with_stack("kernels", STACK);
    if board.is_some_and(|board| !board.fpu()) {
        println!("cargo:rustc-cfg=soft_float");
    }
}
