//! What the linker made of a board's program: flash, statics, arena.
use crate::device::map::MOST;
use crate::{Failure, Result};
use object::{Object, ObjectSection, ObjectSymbol, SectionFlags, SectionKind, elf};
use serde::Serialize;
use std::path::Path;

/// Bytes of a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Image {
    /// In flash: code, constants, and the first values of statics.
    pub flash: u64,
    /// In memory from the start to the end, the arena included, the stack not, nor memory that stands for flash.
    pub statics: u64,
    /// Of the statics: what runs may use.
    pub arena: u64,
    /// Between the ends of the stack.
    pub stack: u64,
    /// Whether addresses have 64 bits.
    pub wide: bool,
}

impl Image {
    /// Reads an ELF file.
    ///
    /// # Errors
    /// A file that is no program of this firmware.
    pub fn read(path: &Path) -> Result<Self> {
        let failed = |what: &str| Failure::failed(format!("{}: {what}", path.display()));
        let data = crate::read::bytes(path, "cannot read the program", MOST)?;
        let file = object::File::parse(&*data).map_err(|error| failed(&error.to_string()))?;
        let (mut flash, mut statics) = (0, 0);
        for section in file.sections() {
            let SectionFlags::Elf { sh_flags } = section.flags() else { continue };
            // The linker's stack section only reserves what the stack has anyway.
            if sh_flags & u64::from(elf::SHF_ALLOC) == 0 || section.name() == Ok(".stack") {
                continue;
            }
            let empty = matches!(section.kind(), SectionKind::UninitializedData);
            if !empty {
                flash += section.size();
            }
            if empty || sh_flags & u64::from(elf::SHF_WRITE) != 0 {
                statics += section.size();
            }
        }
        let named = |end: &str| {
            let ends = |name: &str| format!("{:#}", rustc_demangle::demangle(name)).ends_with(end);
            file.symbols().find(|symbol| symbol.name().is_ok_and(ends)).map(|symbol| symbol.size())
        };
        let arena =
            named("::ARENA").ok_or_else(|| failed("no arena: is it a firmware of this version, with its symbols?"))?;
        let statics = statics - named("::FLASH").unwrap_or(0).min(statics);
        // A cell of words, with a flag behind them that says that it was taken.
        let wide = file.is_64();
        let address = |name: &str| {
            let symbol = file.symbols().find(|symbol| symbol.name() == Ok(name));
            symbol.map(|symbol| symbol.address()).ok_or_else(|| failed(&format!("no symbol {name}")))
        };
        let stack = address("_stack_start")?.saturating_sub(address("_stack_end")?);
        Ok(Self { flash, statics, stack, wide, arena: arena.saturating_sub(4) / 4 * 4 })
    }
}
