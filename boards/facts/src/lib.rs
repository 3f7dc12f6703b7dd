//! The facts of a board, from its `board.toml`: the only place that states them. Build scripts make linker scripts and constants from
//! them, the desktop tool embeds them, and `xtask` and the tests walk them.
//!
//! A chip has a folder `boards/chips/NAME`, an emulated board a folder `boards/qemu/src/bin/NAME`. The folder's name is the board's, its
//! package's (chips) and its program's. `docs/porting.md` explains every key.
mod check;
mod link;
mod read;

use std::fmt;
use std::path::{Path, PathBuf};

pub use read::{CHIPS, MACHINES, all, emulated, read};

/// The file's name.
pub const FILE: &str = "board.toml";

/// A board.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Board {
    /// The folder's name.
    pub name: String,
    /// The folder, which holds the file.
    pub folder: PathBuf,
    /// What its maker calls it.
    pub title: String,
    /// Other names that the tool accepts.
    pub aliases: Vec<String>,
    /// The core, as in `Cortex-M4F`.
    pub core: String,
    /// The Rust target.
    pub target: String,
    /// Rows of weights and points of the register tile.
    pub tile: (u32, u32),
    /// The core's clock in hertz; 0 for emulated boards.
    pub clock: u32,
    /// Ticks a second of the clock that measures runs; 0 where there is none.
    pub ticks: u32,
    /// Bytes of memory for runs.
    pub arena: u64,
    /// The flash that programs are linked for; none where they are loaded to memory.
    pub flash: Option<Flash>,
    /// Memory, all regions.
    pub ram: Vec<Ram>,
    /// A chip, or a machine of an emulator.
    pub kind: Kind,
}

/// The flash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flash {
    /// The first address.
    pub origin: u64,
    /// Bytes.
    pub length: u64,
    /// Bytes of the second boot stage, before the program.
    pub boot: u64,
    /// Bytes of each of the two slots for the state of a training, at the end; 0 for none.
    pub slot: u64,
}

/// A region of memory. From its first address on: the program (`text`), bytes that nothing may access (`guard`), the stack, statics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ram {
    /// The first address.
    pub origin: u64,
    /// Bytes.
    pub length: u64,
    /// Bytes of the program, where it is loaded to memory.
    pub text: u64,
    /// Bytes below the stack that are locked.
    pub guard: u64,
    /// Bytes of the stack.
    pub stack: u64,
    /// Whether the linker puts statics here.
    pub statics: bool,
}

/// What runs the program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A chip.
    Chip {
        /// Its name in probe-rs.
        probe_rs: String,
        /// The emulator that runs the image with the feature `emulated`.
        emulator: Option<Emulator>,
        /// What has run its image, in words; empty for nothing.
        tried: String,
    },
    /// A machine of QEMU.
    Qemu {
        /// The emulator.
        emulator: Emulator,
        /// Bytes of memory that behaves as flash does.
        flash: u64,
    },
}

/// An emulator and its arguments for this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Emulator {
    /// The program.
    pub program: String,
    /// Machine and processor.
    pub arguments: Vec<String>,
}

impl Board {
    /// Whether an emulator runs it.
    pub fn emulated(&self) -> bool {
        matches!(self.kind, Kind::Qemu { .. })
    }

    /// Whether it computes floats in hardware.
    pub fn fpu(&self) -> bool {
        has_fpu(&self.target)
    }

    /// Bytes of flash; 0 where programs are loaded to memory.
    pub fn flash_bytes(&self) -> u64 {
        self.flash.as_ref().map_or(0, |flash| flash.length)
    }

    /// Bytes of the regions with stack and statics, less the program and its guard.
    pub fn ram_bytes(&self) -> u64 {
        let stack_alone = |ram: &Ram| if ram.statics { ram.length - ram.text - ram.guard } else { ram.stack };
        self.ram.iter().map(stack_alone).sum()
    }

    /// Bytes of all regions of memory, more than any program can have.
    pub fn most_ram(&self) -> u64 {
        self.ram.iter().map(|ram| ram.length).sum()
    }

    /// The two slots for the state of a training: the offset of the first in the flash, and the bytes of each.
    pub fn slots(&self) -> Option<(u64, u64)> {
        self.flash.as_ref().filter(|flash| flash.slot > 0).map(|flash| (flash.length - 2 * flash.slot, flash.slot))
    }

    /// Whether an overflow of the stack is a fault: the memory below it must not be accessed.
    pub fn guards_stack(&self) -> bool {
        self.ram.iter().any(|ram| ram.stack > 0)
    }

    /// The features of a chip's package, which are built besides the default.
    ///
    /// # Errors
    /// A manifest that cannot be read.
    pub fn features(&self) -> Result<Vec<String>, Error> {
        read::features(&self.folder)
    }

    /// Whether two boards have programs with the same memory map.
    pub fn same_map(&self, other: &Self) -> bool {
        (&self.flash, &self.ram) == (&other.flash, &other.ram)
    }
}

/// Whether code for a target computes floats in hardware.
fn has_fpu(target: &str) -> bool {
    target.ends_with("eabihf")
        || target.starts_with("aarch64")
        || ["riscv32imafc-", "riscv64gc-"].iter().any(|with| target.starts_with(with))
}

/// The reason why a file is refused, in one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    file: PathBuf,
    line: Option<usize>,
    reason: String,
}

impl Error {
    fn new(file: &Path, reason: impl Into<String>) -> Self {
        Self { file: file.to_owned(), line: None, reason: reason.into() }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reason = self.reason.lines().collect::<Vec<_>>().join(", ");
        match self.line {
            Some(line) => write!(f, "{}, line {line}: {reason}", self.file.display()),
            None => write!(f, "{}: {reason}", self.file.display()),
        }
    }
}

impl std::error::Error for Error {}
