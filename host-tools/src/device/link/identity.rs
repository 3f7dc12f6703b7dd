use super::LinkError;
use shatterscope::contract::CONTRACT;
use shatterscope::wire::{Hello, VERSION};

/// What a device said of itself, owned.
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
        Ok(Self {
            board: facts.board.to_owned(),
            core: facts.core.to_owned(),
            fpu: facts.fpu,
            clock: facts.clock,
            flash: facts.flash,
            ram: facts.ram,
            arena: facts.arena,
            rows: facts.rows,
            tile: facts.tile,
            contract: hello.contract.to_owned(),
            commit: hello.commit.to_owned(),
            compiler: hello.compiler.to_owned(),
            failed_checks: facts.failed_checks,
        })
    }
}
