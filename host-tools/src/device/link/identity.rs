use super::LinkError;
use crate::text::visible;
use shatterscope::contract::CONTRACT;
use shatterscope::wire::{Facts, Hello, VERSION};

/// What a device said of itself: validated, its texts escaped for a terminal.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Identity {
    /// Board.
    pub board: String,
    /// Core.
    pub core: String,
    /// Floats in hardware.
    pub fpu: bool,
    /// Ticks a second; 0 where it has no clock.
    pub clock: u32,
    /// Bytes.
    pub flash: u32,
    /// Bytes.
    pub ram: u32,
    /// Bytes that runs may use.
    pub arena: u32,
    /// Rows of the register tile.
    pub rows: u32,
    /// Points of the register tile.
    pub tile: u32,
    /// Contract id.
    pub contract: String,
    /// Commit.
    pub commit: String,
    /// Compiler.
    pub compiler: String,
    /// Failed checks of the self-test, a bit each.
    pub failed_checks: u32,
}

impl Default for Identity {
    fn default() -> Self {
        Self {
            board: String::new(),
            core: String::new(),
            fpu: false,
            clock: 0,
            flash: 0,
            ram: 0,
            arena: 0,
            rows: 1,
            tile: 1,
            contract: String::new(),
            commit: String::new(),
            compiler: String::new(),
            failed_checks: 0,
        }
    }
}

impl Identity {
    /// Multiply-adds between two reports of progress: seconds of work at most, also on a small core.
    pub fn report_every(&self) -> u32 {
        if self.fpu { 1 << 22 } else { 1 << 15 }
    }
}

/// Most bytes of a name.
const NAME: usize = 64;

/// Most rows and points of a register tile; the core knows no larger one.
const TILE: u32 = 64;

/// Refuses facts that no firmware states, before anything is computed with them.
fn check(hello: &Hello, facts: &Facts) -> Result<(), LinkError> {
    let lie = |what: String| Err(LinkError::Lie(what));
    for (what, name) in
        [("board", facts.board), ("core", facts.core), ("commit", hello.commit), ("compiler", hello.compiler)]
    {
        if name.len() > NAME {
            return lie(format!("the name of its {what} has {} bytes, at most {NAME} are allowed", name.len()));
        }
    }
    for (what, value) in [("rows", facts.rows), ("points", facts.tile)] {
        if !(1..=TILE).contains(&value) {
            return lie(format!("{value} {what} of its register tile, which has 1 to {TILE}"));
        }
    }
    let Facts { arena, ram, .. } = *facts;
    if arena == 0 || !arena.is_multiple_of(4) || (ram > 0 && arena > ram) {
        return lie(format!("{arena} B of memory for runs: a multiple of 4 above 0 within its {ram} B of memory"));
    }
    Ok(())
}

impl Identity {
    pub(super) fn of(hello: &Hello) -> Result<Self, LinkError> {
        if hello.wire != VERSION as u32 {
            return Err(LinkError::OtherWire);
        }
        if hello.contract != CONTRACT {
            return Err(LinkError::OtherContract(hello.contract.to_owned()));
        }
        let facts = hello.facts.ok_or(LinkError::OtherWire)?;
        if facts.failed_checks != 0 {
            return Err(LinkError::SelfTest(facts.failed_checks));
        }
        check(hello, &facts)?;
        Ok(Self {
            board: visible(facts.board),
            core: visible(facts.core),
            fpu: facts.fpu,
            clock: facts.clock,
            flash: facts.flash,
            ram: facts.ram,
            arena: facts.arena,
            rows: facts.rows,
            tile: facts.tile,
            contract: visible(hello.contract),
            commit: visible(hello.commit),
            compiler: visible(hello.compiler),
            failed_checks: facts.failed_checks,
        })
    }
}
