//! What the counting plugin of the emulator has written.
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// Counts of one marked region.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Instructions.
    pub instructions: u64,
    /// Loads; 0 unless followed.
    pub loads: u64,
    /// Stores; 0 unless followed.
    pub stores: u64,
    /// Lowest address stored to within the stack; 0 unless followed.
    pub lowest: u64,
    /// Modelled cycles of a Cortex-M4; 0 on cores that are not Arm's.
    pub cycles: u64,
}

impl Counts {
    /// Both; the lower of the lowest addresses.
    pub fn plus(self, other: Self) -> Self {
        Self {
            instructions: self.instructions + other.instructions,
            loads: self.loads + other.loads,
            stores: self.stores + other.stores,
            lowest: if self.lowest == 0 { other.lowest } else { self.lowest.min(other.lowest) },
            cycles: self.cycles + other.cycles,
        }
    }
}

/// What was counted before the marks of one number, in one region.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// The number.
    pub number: u64,
    /// How often it was there.
    pub times: u64,
    /// All of them.
    pub counts: Counts,
}

/// The file that the plugin appends to.
#[derive(Debug)]
pub struct Counter {
    plugin: PathBuf,
    folder: TempDir,
    read: usize,
}

impl Counter {
    /// A counter in a temporary folder.
    ///
    /// # Errors
    /// A folder that cannot be made.
    pub fn new(plugin: PathBuf) -> std::io::Result<Self> {
        Ok(Self { plugin, folder: TempDir::new()?, read: 0 })
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("counts")
    }

    /// The emulator's words for it; `memory` follows loads, stores and the stack.
    pub fn words(&self, memory: Option<(u64, u64)>) -> [String; 2] {
        let plugin = escaped(&self.plugin);
        let out = escaped(&self.file());
        let memory = memory.map_or(String::new(), |(low, high)| format!(",memory=on,stack={low}:{high}"));
        ["-plugin".to_owned(), format!("{plugin},out={out}{memory}")]
    }

    /// The regions that ended since the last call; none where a line is not as it should be.
    pub fn regions(&mut self) -> Vec<Counts> {
        self.new_text().lines().filter_map(counts).collect()
    }

    /// The same, added up, with the marks that stood in them.
    pub fn marked(&mut self) -> (Counts, Vec<Mark>) {
        let text = self.new_text();
        let total = text.lines().filter_map(counts).fold(Counts::default(), |total, region| total.plus(region));
        (total, text.lines().filter_map(mark).collect())
    }

    fn new_text(&mut self) -> String {
        let text = std::fs::read_to_string(self.file()).unwrap_or_default();
        let new = text.get(self.read..).unwrap_or_default().to_owned();
        self.read = text.len();
        new
    }
}

/// QEMU reads a doubled comma as one.
fn escaped(path: &Path) -> String {
    path.to_string_lossy().replace(',', ",,")
}

fn counts(line: &str) -> Option<Counts> {
    let numbers: Vec<u64> = line.split(' ').map(|word| word.parse().ok()).collect::<Option<_>>()?;
    let [instructions, loads, stores, lowest, cycles] = numbers[..] else { return None };
    Some(Counts { instructions, loads, stores, lowest, cycles })
}

fn mark(line: &str) -> Option<Mark> {
    let numbers: Vec<u64> =
        line.strip_prefix("mark ")?.split(' ').map(|word| word.parse().ok()).collect::<Option<_>>()?;
    let [number, times, instructions, loads, stores, cycles] = numbers[..] else { return None };
    Some(Mark { number, times, counts: Counts { instructions, loads, stores, lowest: 0, cycles } })
}
