//! stub
use crate::Result;
use crate::cli::{Common, Figures};
use crate::engine::Engine;
/// x
/// # Errors
/// none
pub fn run(_figures: &Figures, _engine: &Engine, _common: &Common) -> Result<()> {
    Ok(())
}
