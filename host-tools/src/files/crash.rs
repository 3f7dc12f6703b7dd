//! Power cuts at every operation of writing checkpoints and metrics.
//!
//! The operations of a training that saves a few times are recorded. Then, for each prefix of them, every folder that a file system
//! may show after a cut is built: bytes that were not waited for are whole, cut short, zeros or lost, and any of the changes of names
//! that were not waited for have happened, in their order or the reverse. What is resumed from each must be the last save that
//! was finished, or the one at hand.
use super::disk::{Operation, QUICK, TRACE};
use super::{claim, folder_of};
use crate::data::{self, Dataset, Examples};
use crate::engine::Isa;
use crate::train::{Activation, Checkpoint, FILES, Init, Kind, Net, Run, Skips, Spec};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// An entry of the trace.
#[derive(Clone)]
enum Entry {
    Did(Operation),
    /// A save has returned: from here on it must not be lost.
    Saved,
}

/// What a name leads to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Node {
    Folder,
    File(usize),
}

/// Changes of names that come together or not at all.
type Change = Vec<(PathBuf, Option<Node>)>;

/// What a crash leaves: bytes by name, none for a folder.
type Left = BTreeMap<PathBuf, Option<Vec<u8>>>;

#[derive(Default)]
struct Disk {
    /// (what is written, whether it is on the disk)
    files: Vec<(Vec<u8>, bool)>,
    /// As a running program sees them.
    names: BTreeMap<PathBuf, Node>,
    /// As they are on the disk.
    durable: BTreeMap<PathBuf, Node>,
    /// By folder, in their order.
    pending: Vec<(PathBuf, Change)>,
}

impl Disk {
    fn change(&mut self, folder: &Path, change: Change) {
        apply(&mut self.names, &change);
        self.pending.push((folder.to_owned(), change));
    }

    fn file(&mut self, path: &Path) -> &mut (Vec<u8>, bool) {
        let Node::File(number) = self.names[path] else { panic!("{}", path.display()) };
        &mut self.files[number]
    }

    fn run(&mut self, operation: &Operation) {
        match operation {
            Operation::CreateFolder(path) => self.change(folder_of(path), vec![(path.clone(), Some(Node::Folder))]),
            Operation::Create(path) => {
                let file = Node::File(self.files.len());
                self.files.push((Vec::new(), false));
                self.change(folder_of(path), vec![(path.clone(), Some(file))]);
            }
            Operation::Write(path, bytes) => *self.file(path) = (bytes.clone(), false),
            Operation::Sync(path) => self.file(path).1 = true,
            Operation::Rename(from, to) => {
                let node = self.names[from];
                self.change(folder_of(to), vec![(from.clone(), None), (to.clone(), Some(node))]);
            }
            Operation::SyncFolder(folder) => {
                let (done, rest) = std::mem::take(&mut self.pending).into_iter().partition(|(of, _)| of == folder);
                self.pending = rest;
                let done: Vec<(PathBuf, Change)> = done;
                done.iter().for_each(|(_, change)| apply(&mut self.durable, change));
            }
            Operation::Remove(path) => self.change(folder_of(path), vec![(path.clone(), None)]),
        }
    }

    /// All that may be left after a cut.
    fn cuts(&self, root: &Path) -> BTreeSet<Left> {
        assert!(self.pending.len() <= 12, "too many to try all");
        let mut all = BTreeSet::new();
        for subset in 0..1u32 << self.pending.len() {
            let chosen: Vec<_> = (0..self.pending.len()).filter(|i| subset >> i & 1 == 1).collect();
            for order in [chosen.clone(), chosen.into_iter().rev().collect()] {
                let mut names = self.durable.clone();
                order.iter().for_each(|&i| apply(&mut names, &self.pending[i].1));
                // Nothing is found in a folder that has no name.
                let shown = |path: &Path| {
                    path.ancestors().skip(1).take_while(|&above| above != root).all(|above| names.contains_key(above))
                };
                names
                    .iter()
                    .filter(|(path, _)| shown(path))
                    .fold(vec![Left::new()], |cuts, (path, node)| {
                        let contents = self.contents(*node);
                        let with = |left: Left| contents.iter().map(move |bytes| (left.clone(), bytes));
                        let add = |(mut left, bytes): (Left, &Option<Vec<u8>>)| {
                            left.insert(path.strip_prefix(root).unwrap().to_owned(), bytes.clone());
                            left
                        };
                        cuts.into_iter().flat_map(with).map(add).collect()
                    })
                    .into_iter()
                    .for_each(|left| {
                        all.insert(left);
                    });
            }
        }
        all
    }

    fn contents(&self, node: Node) -> Vec<Option<Vec<u8>>> {
        let Node::File(number) = node else { return vec![None] };
        match &self.files[number] {
            (bytes, true) => vec![Some(bytes.clone())],
            (bytes, false) => {
                let half = bytes[..bytes.len() / 2].to_vec();
                [bytes.clone(), half, vec![0; bytes.len()], Vec::new()].map(Some).to_vec()
            }
        }
    }
}

fn apply(names: &mut BTreeMap<PathBuf, Node>, change: &Change) {
    for (path, node) in change {
        match node {
            Some(node) => names.insert(path.clone(), *node),
            None => names.remove(path),
        };
    }
}

/// A training that saves a few times.
struct Training {
    data: Dataset,
    trace: Vec<Entry>,
    saves: Vec<Checkpoint>,
    root: PathBuf,
    /// Below the root.
    out: PathBuf,
}

fn training() -> Training {
    let digits = data::open(None).unwrap();
    let first = |of: &Examples, count: usize| Examples {
        pixels: of.pixels[..64 * count].to_vec(),
        labels: of.labels[..count].to_vec(),
    };
    let data = Dataset { train: first(&digits.train, 64), test: first(&digits.test, 16), ..digits };
    let net = Net {
        kind: Kind::Dense,
        depth: 1,
        width: 4,
        activation: Activation::Relu,
        slope: 1.0,
        init: Init::He,
        batch_norm: false,
        skips: Skips::None,
        beta: 1.0,
        dropout: 0.0,
    };
    let spec = Spec { probe_every: 1, ..Spec::adam(net, 32, 2, 1e-3) };
    let folder = tempfile::tempdir().unwrap();
    let (root, out) = (folder.path().to_owned(), PathBuf::from("new/results"));
    let mut run = Run::new(spec, &data, Isa::Auto.kernel().unwrap(), None).unwrap();
    let (mut trace, mut saves) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        TRACE.set(Some(Vec::new()));
        run.checkpoint().write(&root.join(&out)).unwrap();
        trace.extend(TRACE.take().unwrap().into_iter().map(Entry::Did));
        trace.push(Entry::Saved);
        saves.push(run.checkpoint());
        run.step().unwrap();
    }
    Training { trace, saves, root, out, data }
}

/// The first folder that is resumed wrongly; what has been seen to be resumed rightly is not tried again.
fn search(training: &Training, trace: &[Entry], seen: &mut BTreeSet<(usize, Left)>) -> Option<String> {
    let (mut disk, mut saved) = (Disk::default(), 0);
    for (at, entry) in trace.iter().enumerate() {
        match entry {
            Entry::Did(operation) => disk.run(operation),
            Entry::Saved => saved += 1,
        }
        for left in disk.cuts(&training.root) {
            if seen.contains(&(saved, left.clone())) {
                continue;
            }
            if let Err(why) = resume(training, &left, saved) {
                return Some(format!("after {at} operations and {saved} saves: {why}"));
            }
            seen.insert((saved, left));
        }
    }
    None
}

/// Resumes from what a cut left, as `train --resume` does.
fn resume(training: &Training, left: &Left, saved: usize) -> Result<(), String> {
    let folder = tempfile::tempdir().unwrap();
    for (path, bytes) in left {
        match bytes {
            None => fs::create_dir(folder.path().join(path)).unwrap(),
            Some(bytes) => fs::write(folder.path().join(path), bytes).unwrap(),
        }
    }
    let out = folder.path().join(&training.out);
    let ours = claim(&out, &FILES[..1]).map_err(|error| error.message)?;
    let data = &training.data;
    let found = Checkpoint::read(&out, data).map_err(|error| error.message)?;
    let number = match &found {
        None => 0,
        Some(found) => {
            1 + training.saves.iter().position(|save| save == found).ok_or("a checkpoint that was never written")?
        }
    };
    if number != saved && number != saved + 1 {
        return Err(format!("found save {number}"));
    }
    let Some(found) = found else { return Ok(()) };
    found.restore_metrics(&out).map_err(|error| error.message)?;
    drop(ours);
    let rows = |name: &str| fs::read_to_string(out.join(name)).unwrap_or_default().lines().count();
    let metrics = &found.metrics;
    let lines = [rows("metrics.jsonl"), rows("probes.jsonl"), rows("metrics.csv"), rows("probes.csv")];
    let head = |count: usize| if count == 0 { 0 } else { count + 1 };
    let (epochs, probes) = (metrics.epochs.len(), metrics.probes.len());
    // Files of probes of a save that was lost are of the same run, and are written over by the next probe.
    let probed = probes == 0 || (lines[1], lines[3]) == (probes, head(probes));
    if (lines[0], lines[2]) != (epochs, head(epochs)) || !probed {
        return Err(format!("metrics of {lines:?} lines with {epochs} epochs and {probes} probes"));
    }
    let names = fs::read_dir(&out).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    match names.into_iter().find(|name| !FILES.contains(&&**name)) {
        Some(name) => Err(format!("{name} is left")),
        None => Ok(()),
    }
}

#[test]
fn no_power_cut_loses_a_checkpoint() {
    QUICK.set(true);
    let training = training();
    let mut seen = BTreeSet::new();
    assert_eq!(search(&training, &training.trace, &mut seen), None);
    assert!(seen.len() > 100 && training.saves.len() == 3, "{}", seen.len());

    // The search finds what happens when any of the waits is left out, or comes too late.
    let is_checkpoint = |path: &Path| path.ends_with(FILES[0]);
    let parts: BTreeSet<_> = training
        .trace
        .iter()
        .filter_map(|entry| match entry {
            Entry::Did(Operation::Rename(from, to)) if is_checkpoint(to) => Some(from.clone()),
            _ => None,
        })
        .collect();
    let out = training.root.join(&training.out);
    let without = |left_out: &dyn Fn(&Operation) -> bool| -> Vec<Entry> {
        let keep = |entry: &&Entry| !matches!(entry, Entry::Did(operation) if left_out(operation));
        training.trace.iter().filter(keep).cloned().collect()
    };
    let planted = [
        ("bytes of checkpoints", without(&|op| matches!(op, Operation::Sync(path) if parts.contains(path)))),
        ("names in the folder", without(&|op| matches!(op, Operation::SyncFolder(path) if *path == out))),
        ("name of the folder", without(&|op| matches!(op, Operation::SyncFolder(path) if *path == folder_of(&out)))),
        (
            "name of the folder above",
            without(&|op| matches!(op, Operation::SyncFolder(path) if *path == training.root)),
        ),
        ("bytes, before the name", {
            let mut trace = training.trace.clone();
            for at in 1..trace.len() {
                if let (Entry::Did(Operation::Sync(_)), Entry::Did(Operation::Rename(..))) =
                    (&trace[at - 1], &trace[at])
                {
                    // The file has its new name by then.
                    let Entry::Did(Operation::Rename(_, to)) = trace[at].clone() else { continue };
                    trace[at - 1] = trace[at].clone();
                    trace[at] = Entry::Did(Operation::Sync(to));
                }
            }
            trace
        }),
    ];
    for (what, trace) in planted {
        assert!(search(&training, &trace, &mut seen).is_some(), "not noticed without waiting for: {what}");
    }
}
