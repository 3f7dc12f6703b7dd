//! What the counting plugin of the emulator has written.
use crate::{Failure, Result, text};
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

    /// The regions that ended since the last call.
    ///
    /// # Errors
    /// As [`Counter::marked`].
    pub fn regions(&mut self) -> Result<Vec<Counts>> {
        Ok(self.new_lines()?.0)
    }

    /// The sum of the regions that ended since the last call, and the marks in them.
    ///
    /// # Errors
    /// A file that cannot be read or became shorter; a line that is not the plugin's.
    pub fn marked(&mut self) -> Result<(Counts, Vec<Mark>)> {
        let (regions, marks) = self.new_lines()?;
        Ok((regions.into_iter().fold(Counts::default(), Counts::plus), marks))
    }

    fn new_lines(&mut self) -> Result<(Vec<Counts>, Vec<Mark>)> {
        let file = self.file();
        let failed =
            |error: &dyn std::fmt::Display| Failure::file(&file, "cannot read the emulator's counts from", error);
        // The plugin makes the file when the emulator starts.
        let all = std::fs::read_to_string(&file).map_err(|error| failed(&error))?;
        let new = all.get(self.read..).ok_or_else(|| failed(&"it became shorter"))?;
        let (mut regions, mut marks) = (Vec::new(), Vec::new());
        for line in new.lines() {
            match (counts(line), mark(line)) {
                (Some(region), _) => regions.push(region),
                (None, Some(mark)) => marks.push(mark),
                (None, None) => return Err(failed(&format!("a line that is no count: {}", text::visible(line)))),
            }
        }
        self.read = all.len();
        Ok((regions, marks))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_that_cannot_be_read_are_no_zeros() {
        let mut counter = Counter::new("plugin".into()).unwrap();
        let said = |counter: &mut Counter| counter.regions().unwrap_err().message;
        assert!(said(&mut counter).starts_with("cannot read the emulator's counts from"));
        std::fs::write(counter.file(), "mark 3 1 10 0 0 12\n100 1 2 0 110\n50 1 2 0 60\n").unwrap();
        let (total, marks) = counter.marked().unwrap();
        assert_eq!((total.instructions, total.cycles, marks.len(), marks[0].counts.instructions), (150, 170, 1, 10));
        assert!(counter.regions().unwrap().is_empty());
        std::fs::write(counter.file(), "").unwrap();
        assert!(said(&mut counter).ends_with("it became shorter"));
        for odd in ["100 1 2 0", "100 1 2 0 x", "mark 3", "-1 0 0 0 0"] {
            let mut counter = Counter::new("plugin".into()).unwrap();
            std::fs::write(counter.file(), odd).unwrap();
            assert!(said(&mut counter).ends_with(odd));
        }
    }
}
