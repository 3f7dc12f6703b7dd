//! A copy of the tree, to be broken.
use crate::tree::{Tree, output_of};
use anyhow::{Context, Result, bail};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The tree without history and builds.
pub struct Copy {
    pub root: PathBuf,
}

impl Copy {
    pub fn make(tree: &Tree, folder: &str) -> Result<Self> {
        let folder = tree.target.join(folder);
        let root = folder.join("tree");
        let mut list = Command::new("git");
        list.args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]).current_dir(&tree.root);
        let listed = output_of(&mut list)?;
        let mut kept = BTreeSet::new();
        for name in listed.split('\0').filter(|name| tree.root.join(name).is_file()) {
            kept.insert(root.join(name));
            // What has not changed keeps its time, so that cargo does not build it again.
            let (data, to) = (fs::read(tree.root.join(name))?, root.join(name));
            if fs::read(&to).ok().as_ref() != Some(&data) {
                fs::create_dir_all(to.parent().context("a file has a parent folder")?)?;
                fs::write(&to, data)?;
            }
        }
        remove_others(&root, &kept)?;
        Ok(Self { root })
    }

    /// Replaces a text that occurs exactly once in the file.
    pub fn replace(&self, file: &str, from: &str, to: &str) -> Result<()> {
        self.replaced(file, from, to).map(drop)
    }

    /// Breaks one place, does `work`, and restores the file. The text to replace occurs exactly once in the file.
    pub fn broken<T>(&self, file: &str, from: &str, to: &str, work: impl FnOnce() -> T) -> Result<T> {
        let text = self.replaced(file, from, to)?;
        let done = work();
        fs::write(self.root.join(file), text)?;
        Ok(done)
    }

    /// Replaces a text, and returns the whole file as it was.
    fn replaced(&self, file: &str, from: &str, to: &str) -> Result<String> {
        let path = self.root.join(file);
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {file}"))?;
        let count = text.matches(from).count();
        if count != 1 {
            bail!("stale mutant: `{from}` occurs {count} times in {file}, expected once");
        }
        fs::write(&path, text.replace(from, to))?;
        Ok(text)
    }
}

fn remove_others(folder: &Path, kept: &BTreeSet<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            // Empty folders may stay: cargo reads none of them.
            remove_others(&path, kept)?;
        } else if !kept.contains(&path) {
            fs::remove_file(&path)?;
        }
    }
    Ok(())
}
