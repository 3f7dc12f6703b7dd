//! The memory of a real board's chip, and whether a program fits it.
use super::board::Board;
use crate::{Failure, Result};
use object::read::elf::{FileHeader, ProgramHeader};
use object::{Object, ObjectSection, ObjectSymbol, SectionFlags, SectionKind, elf};
use std::ops::Range;
use std::path::Path;

/// The longest ELF file that is read.
pub(crate) const MOST: u64 = 256 << 20;

/// Regions of a chip: first address, bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Map {
    /// Where a program is written to.
    pub flash: Vec<(u64, u64)>,
    /// Where it keeps what changes.
    pub ram: Vec<(u64, u64)>,
}

impl Map {
    /// The map of a chip; None for emulated boards, whose emulator refuses what does not fit.
    pub fn of(board: &Board) -> Option<Self> {
        (!board.emulated()).then(|| Self { flash: board.flash.to_vec(), ram: board.ram.to_vec() })
    }

    /// Holds a program to the map: what is loaded lies in flash, everything else in flash or memory, the vectors in flash
    /// point into both, and the stack lies in memory of its own with nothing below it that an overflow could overwrite.
    ///
    /// # Errors
    /// The first thing that does not fit.
    pub fn check(&self, program: &Path) -> Result<()> {
        let data = crate::read::bytes(program, "cannot read the program", MOST)?;
        self.check_elf(&data).map_err(|reason| Failure::failed(format!("{}: {reason}", program.display())))
    }

    fn check_elf(&self, data: &[u8]) -> std::result::Result<(), String> {
        let header = elf::FileHeader32::<object::Endianness>::parse(data).map_err(|error| error.to_string())?;
        let endian = header.endian().map_err(|error| error.to_string())?;
        let file = object::File::parse(data).map_err(|error| error.to_string())?;
        for segment in header.program_headers(endian, data).map_err(|error| error.to_string())? {
            if segment.p_type(endian) != elf::PT_LOAD {
                continue;
            }
            let from = u64::from(segment.p_paddr(endian));
            let loaded = from..from + u64::from(segment.p_filesz(endian));
            if !loaded.is_empty() && !inside(&self.flash, &loaded) {
                return Err(format!("the image writes outside flash, at {:#x} to {:#x}", loaded.start, loaded.end));
            }
        }
        let stack = symbol(&file, "_stack_end")?..symbol(&file, "_stack_start")?;
        if stack.is_empty() || !inside(&self.ram, &stack) {
            return Err(format!("the stack, {:#x} to {:#x}, is not in memory", stack.start, stack.end));
        }
        if self.ram.iter().any(|&(from, len)| (from..from + len).contains(&(stack.start - 1))) {
            return Err(format!("an overflow of the stack at {:#x} would overwrite memory", stack.start));
        }
        for section in file.sections() {
            let place = section.address()..section.address() + section.size();
            let SectionFlags::Elf { sh_flags } = section.flags() else { continue };
            if sh_flags & u64::from(elf::SHF_ALLOC) == 0 || place.is_empty() || section.name() == Ok(".stack") {
                continue;
            }
            let name = section.name().unwrap_or("?");
            let writable = sh_flags & u64::from(elf::SHF_WRITE) != 0
                || matches!(section.kind(), SectionKind::UninitializedData | SectionKind::Data);
            if !inside(&self.ram, &place) && (writable || !inside(&self.flash, &place)) {
                return Err(format!("section {name}, {:#x} to {:#x}, does not fit", place.start, place.end));
            }
            if place.start < stack.end && stack.start < place.end {
                return Err(format!("section {name} lies in the stack"));
            }
        }
        let vectors = file.section_by_name(".vector_table").ok_or("no vector table")?;
        let words = vectors.data().map_err(|error| error.to_string())?;
        let (words, _) = words.as_chunks::<4>();
        let [top, reset, ..] = words else { return Err("an empty vector table".to_owned()) };
        let (top, reset) = (u32::from_le_bytes(*top), u32::from_le_bytes(*reset));
        if u64::from(top) != stack.end {
            return Err(format!("the core would start with its stack at {top:#x}"));
        }
        let entry = u64::from(reset & !1);
        if reset & 1 == 0 || !inside(&self.flash, &(entry..entry + 2)) {
            return Err(format!("the core would start at {reset:#x}"));
        }
        Ok(())
    }
}

fn inside(regions: &[(u64, u64)], place: &Range<u64>) -> bool {
    regions.iter().any(|&(from, len)| from <= place.start && place.end <= from + len)
}

fn symbol(file: &object::File, name: &str) -> std::result::Result<u64, String> {
    let symbol = file.symbols().find(|symbol| symbol.name() == Ok(name));
    symbol
        .map(|symbol| symbol.address())
        .ok_or_else(|| format!("no symbol {name}: is it a firmware of this repository?"))
}
