//! Reads the file.
use crate::{Board, Emulator, Error, FILE, Flash, Kind, Ram, check};
use serde::Deserialize;
use serde::de::{Deserializer, Error as _};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    title: String,
    #[serde(default)]
    aliases: Vec<String>,
    core: String,
    target: String,
    tile: (u32, u32),
    #[serde(default)]
    clock: u32,
    ticks: Option<u32>,
    arena: Bytes,
    flash: Option<FlashTable>,
    ram: Vec<RamTable>,
    chip: Option<ChipTable>,
    qemu: Option<QemuTable>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FlashTable {
    origin: u64,
    length: Bytes,
    #[serde(default)]
    boot: Bytes,
    #[serde(default)]
    slot: Bytes,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RamTable {
    origin: u64,
    length: Bytes,
    #[serde(default)]
    text: Bytes,
    #[serde(default)]
    guard: Bytes,
    #[serde(default)]
    stack: Bytes,
    statics: Option<bool>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct ChipTable {
    probe_rs: String,
    emulator: Option<EmulatorTable>,
    #[serde(default)]
    tried: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EmulatorTable {
    program: String,
    arguments: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct QemuTable {
    program: String,
    arguments: Vec<String>,
    #[serde(default)]
    flash: Bytes,
}

/// A number of bytes: an integer, or a string such as `"128K"` or `"4M"`.
#[derive(Clone, Copy, Default)]
struct Bytes(u64);

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "expected a number of bytes: an integer, or a string such as \"128K\" or \"4M\"")]
        enum Written {
            Number(u64),
            Text(String),
        }
        match Written::deserialize(deserializer)? {
            Written::Number(bytes) => Ok(Self(bytes)),
            Written::Text(text) => parse(&text).map(Self).ok_or_else(|| {
                D::Error::custom(format!("{text:?} is not a number of bytes: write an integer, or \"128K\" or \"4M\""))
            }),
        }
    }
}

fn parse(text: &str) -> Option<u64> {
    let (digits, shift) = match text.strip_suffix('K') {
        Some(digits) => (digits, 10),
        None => (text.strip_suffix('M')?, 20),
    };
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse::<u64>().ok()?.checked_mul(1 << shift))?
}

/// The board in a folder.
///
/// # Errors
/// A file that cannot be read, that has unknown keys, or whose facts contradict each other.
pub fn read(folder: &Path) -> Result<Board, Error> {
    let path = folder.join(FILE);
    let text = fs::read_to_string(&path).map_err(|error| Error::new(&path, error.to_string()))?;
    let name = folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let file: File = toml::from_str(&text).map_err(|error| Error {
        file: path.clone(),
        line: error.span().map(|span| 1 + text[..span.start.min(text.len())].matches('\n').count()),
        reason: error.message().to_owned(),
    })?;
    let board = board(file, name, folder).and_then(|board| check::board(&board).map(|()| board));
    board.map_err(|reason| Error::new(&path, reason))
}

fn board(file: File, name: String, folder: &Path) -> Result<Board, String> {
    let emulator = |table: EmulatorTable| Emulator { program: table.program, arguments: table.arguments };
    let kind = match (file.chip, file.qemu) {
        (Some(chip), None) => {
            Kind::Chip { probe_rs: chip.probe_rs, emulator: chip.emulator.map(emulator), tried: chip.tried }
        }
        (None, Some(QemuTable { program, arguments, flash: Bytes(flash) })) => {
            Kind::Qemu { emulator: Emulator { program, arguments }, flash }
        }
        _ => return Err("needs either a table [chip] or a table [qemu]".to_owned()),
    };
    // Statics are in the region of the stack, or the only one, unless a region says so.
    let said = file.ram.iter().any(|ram| ram.statics.is_some());
    let alone = file.ram.len() == 1;
    let ram = |table: RamTable| Ram {
        origin: table.origin,
        length: table.length.0,
        text: table.text.0,
        guard: table.guard.0,
        stack: table.stack.0,
        statics: table.statics.unwrap_or(!said && (alone || table.stack.0 > 0)),
    };
    Ok(Board {
        name,
        folder: folder.to_owned(),
        title: file.title,
        aliases: file.aliases,
        core: file.core,
        target: file.target,
        tile: file.tile,
        clock: file.clock,
        ticks: file.ticks.unwrap_or(file.clock),
        arena: file.arena.0,
        flash: file.flash.map(|table| Flash {
            origin: table.origin,
            length: table.length.0,
            boot: table.boot.0,
            slot: table.slot.0,
        }),
        ram: file.ram.into_iter().map(ram).collect(),
        kind,
    })
}

/// The features in the manifest of a folder.
pub fn features(folder: &Path) -> Result<Vec<String>, Error> {
    #[derive(Deserialize)]
    struct Manifest {
        #[serde(default)]
        features: BTreeMap<String, Vec<String>>,
    }
    let path = folder.join("Cargo.toml");
    let text = fs::read_to_string(&path).map_err(|error| Error::new(&path, error.to_string()))?;
    let manifest: Manifest = toml::from_str(&text).map_err(|error| Error::new(&path, error.message()))?;
    Ok(manifest.features.into_keys().filter(|feature| feature != "default").collect())
}

/// The folder in `boards/` that has the chips' folders.
pub const CHIPS: &str = "chips";

/// The folder in `boards/` that has those of emulated boards: cargo finds a program in each.
pub const MACHINES: &str = "qemu/src/bin";

/// Every board below `boards/`: the emulated ones first, and those with less memory before others.
///
/// # Errors
/// As [`read`]; a name that two boards have.
pub fn all(boards: &Path) -> Result<Vec<Board>, Error> {
    let mut all = emulated(boards)?;
    all.extend(below(boards, CHIPS)?);
    check::names(&all)?;
    Ok(all)
}

/// The emulated boards below `boards/`.
///
/// # Errors
/// As [`all`].
pub fn emulated(boards: &Path) -> Result<Vec<Board>, Error> {
    below(boards, MACHINES)
}

fn below(boards: &Path, parent: &str) -> Result<Vec<Board>, Error> {
    let mut all = Vec::new();
    for folder in folders(&boards.join(parent))? {
        let board = read(&folder)?;
        let (kind, place) = if board.emulated() { ("qemu", MACHINES) } else { ("chip", CHIPS) };
        if place != parent {
            let reason = format!("the folder of a board with a table [{kind}] belongs in boards/{place}");
            return Err(Error::new(&folder.join(FILE), reason));
        }
        all.push(board);
    }
    all.sort_by_key(|board: &Board| (board.ram_bytes(), board.name.clone()));
    check::names(&all)?;
    Ok(all)
}

/// The folders in `parent` that hold a file of facts.
fn folders(parent: &Path) -> Result<Vec<PathBuf>, Error> {
    let unread = |error: std::io::Error| Error::new(parent, error.to_string());
    let mut folders = Vec::new();
    for entry in fs::read_dir(parent).map_err(unread)? {
        let folder = entry.map_err(unread)?.path();
        if folder.join(FILE).is_file() {
            folders.push(folder);
        }
    }
    Ok(folders)
}
