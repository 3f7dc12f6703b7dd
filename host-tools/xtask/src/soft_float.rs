//! The arithmetic on integers, on the emulated cores that have no FPU.
use crate::emulated::{self, emulated};
use crate::tree::{Tree, run_for, text_of};
use anyhow::{Result, bail};
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(120);

/// Runs `boards/soft-float-check`, which says what differs and fails.
pub fn check(tree: &Tree) -> Result<()> {
    for board in emulated().filter(|board| !board.fpu()) {
        let mut command = emulated::run(board, &emulated::build(tree, board, "soft-float-check")?);
        println!("$ {}", text_of(&command));
        let (status, said) = run_for(&mut command, LIMIT)?;
        if !status.success() {
            bail!("the arithmetic on {} is wrong, or its program ended with {status}", board.name);
        }
        print!("{}: {said}", board.name);
    }
    Ok(())
}
