//! The boards that are known: the build script makes the table from the files `board.toml` in `boards/`.

/// Where a board's program runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// QEMU: the emulator's program and its arguments for this machine.
    Qemu {
        /// `qemu-system-arm` and its like.
        program: &'static str,
        /// Machine and processor.
        words: &'static [&'static str],
    },
    /// A chip, as probe-rs calls it.
    Chip {
        /// `--chip` of probe-rs.
        chip: &'static str,
    },
}

/// A board and what its program is built for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Board {
    /// Name, also of its program.
    pub name: &'static str,
    /// Other names that people type.
    pub aliases: &'static [&'static str],
    /// Folder in `boards/` that it is built from.
    pub folder: &'static str,
    /// Rust target.
    pub triple: &'static str,
    /// Core, for people.
    pub core: &'static str,
    /// Rows and points of the register tile that its program is built with.
    pub tile: (u32, u32),
    /// First address and bytes of the flash; empty where programs are loaded to memory.
    pub flash: &'static [(u64, u64)],
    /// First address and bytes of each region of memory.
    pub ram: &'static [(u64, u64)],
    /// Whether the state of a training can be kept in flash, or in memory that behaves as flash does.
    pub keeps_state: bool,
    /// Emulated or real.
    pub kind: Kind,
}

include!(concat!(env!("OUT_DIR"), "/boards.rs"));

impl Board {
    /// The board of this name.
    pub fn find(name: &str) -> Option<&'static Board> {
        BOARDS.iter().find(|board| board.name == name || board.aliases.contains(&name))
    }

    /// Whether it computes floats in hardware: without an FPU a wider tile has no registers to live in.
    pub fn fpu(&self) -> bool {
        self.tile != (1, 1)
    }

    /// Whether an emulator runs it.
    pub fn emulated(&self) -> bool {
        matches!(self.kind, Kind::Qemu { .. })
    }

    /// Bytes of all its memory, programs included.
    pub fn most_memory(&self) -> u64 {
        self.ram.iter().map(|(_, bytes)| bytes).sum()
    }
}

/// The emulated boards, smallest memory first.
pub fn emulated() -> impl Iterator<Item = &'static Board> {
    BOARDS.iter().filter(|board| board.emulated())
}
