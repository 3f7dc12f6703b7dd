//! Programs for boards: found in the repository and built there when they are older than their source.
use super::board::Board;
use crate::files::is_there;
use crate::{Failure, Result};
use std::collections::BTreeSet;
use std::env;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

/// What this process has built: folder and words of cargo.
static BUILT: Mutex<BTreeSet<(Option<PathBuf>, Vec<OsString>)>> = Mutex::new(BTreeSet::new());

/// The repository that firmware is built from.
#[derive(Clone, Debug)]
pub struct Firmware {
    root: PathBuf,
}

impl Firmware {
    /// The repository at `folder`, or around the working directory, or where this program was built.
    ///
    /// # Errors
    /// None of them holds firmware.
    pub fn find(folder: Option<&Path>) -> Result<Self> {
        let holds = |root: &Path| is_there(&root.join("boards/firmware/Cargo.toml"));
        if let Some(folder) = folder {
            let root = std::path::absolute(folder).unwrap_or(folder.to_owned());
            return if holds(&root)? {
                Ok(Self { root })
            } else {
                Err(Failure::usage(format!("--firmware {}: no boards/firmware there", folder.display())))
            };
        }
        let built = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."));
        let here = env::current_dir().unwrap_or_default();
        match here.ancestors().chain([built]).find(|root| holds(root).unwrap_or(false)) {
            Some(root) => Ok(Self { root: root.to_owned() }),
            None => Err(Failure::failed(
                "no firmware here: run this inside a clone of the repository, or name one with --firmware DIR",
            )),
        }
    }

    /// The program of a board, built if need be.
    ///
    /// # Errors
    /// A build that fails: its last words.
    pub fn program(&self, board: &Board) -> Result<PathBuf> {
        self.program_with(board, false)
    }

    /// The same, with the operations of models from files if `models`: it takes more flash, and has a build folder of its own.
    ///
    /// # Errors
    /// As [`Firmware::program`].
    pub fn program_with(&self, board: &Board, models: bool) -> Result<PathBuf> {
        let folder = if models { self.build_folder().join("models") } else { self.build_folder() };
        let built = folder.join(board.triple).join("release").join(board.name);
        let mut cargo = self.cargo(&self.root.join("boards").join(board.folder));
        cargo.args(["build", "--quiet", "--release", "--bin", board.name, "--target", board.triple]);
        if models {
            cargo.args(["--features", "models"]).env("CARGO_TARGET_DIR", folder);
        }
        self.run(cargo, &format!("the firmware of {}", board.name), board.triple)?;
        Ok(built)
    }

    /// The firmware as WebAssembly, and the script that runs it under node.
    ///
    /// # Errors
    /// A build that fails.
    pub fn wasm(&self) -> Result<(PathBuf, PathBuf)> {
        const TRIPLE: &str = "wasm32-unknown-unknown";
        let folder = self.root.join("boards/wasm");
        let mut cargo = self.cargo(&folder);
        cargo.args(["build", "--quiet", "--release", "--target", TRIPLE]);
        self.run(cargo, "the firmware as WebAssembly", TRIPLE)?;
        let module = self.build_folder().join(TRIPLE).join("release/shatterscope_wasm.wasm");
        Ok((folder.join("run.mjs"), module))
    }

    /// The plugin that counts instructions.
    ///
    /// # Errors
    /// A build that fails.
    pub fn counter(&self) -> Result<PathBuf> {
        let folder = target_folder().unwrap_or(self.root.join("target"));
        let mut cargo = Command::new(cargo_program());
        cargo.current_dir(&self.root).args(["build", "--quiet", "--release", "-p", "shatterscope-tcg"]);
        self.run(cargo, "the plugin that counts instructions", "")?;
        let (before, after) = (env::consts::DLL_PREFIX, env::consts::DLL_SUFFIX);
        Ok(folder.join(format!("release/{before}shatterscope_tcg{after}")))
    }

    fn cargo(&self, folder: &Path) -> Command {
        let mut cargo = Command::new(cargo_program());
        cargo.current_dir(folder).env("CARGO_TARGET_DIR", self.build_folder());
        cargo
    }

    /// Next to what cargo builds for this machine, if that has a place of its own.
    fn build_folder(&self) -> PathBuf {
        target_folder().map_or(self.root.join("boards/target"), |folder| folder.join("boards"))
    }

    /// Builds, once in the life of this process: asking cargo whether a program is newer than its source takes as long as a short run.
    fn run(&self, mut cargo: Command, what: &str, triple: &str) -> Result<()> {
        let words = cargo.get_args().map(OsStr::to_owned).collect();
        let asked = (cargo.get_current_dir().map(Path::to_owned), words);
        if BUILT.lock().is_ok_and(|built| built.contains(&asked)) {
            return Ok(());
        }
        let output = cargo
            .output()
            .map_err(|error| Failure::failed(format!("cannot build {what}: cargo does not start ({error})")))?;
        if output.status.success() {
            if let Ok(mut built) = BUILT.lock() {
                built.insert(asked);
            }
            return Ok(());
        }
        let words = String::from_utf8_lossy(&output.stderr);
        if words.contains("can't find crate for `core`") || words.contains("target may not be installed") {
            return Err(Failure::failed(format!(
                "cannot build {what}: install its target: rustup target add {triple}"
            )));
        }
        let reason = words.lines().find(|line| line.starts_with("error")).unwrap_or("no message");
        let reason = reason.strip_prefix("error: ").unwrap_or(reason);
        Err(Failure::failed(format!("cannot build {what}: {reason}")))
    }
}

fn cargo_program() -> OsString {
    env::var_os("CARGO").unwrap_or("cargo".into())
}

fn target_folder() -> Option<PathBuf> {
    let folder = PathBuf::from(env::var_os("CARGO_TARGET_DIR")?);
    Some(std::path::absolute(&folder).unwrap_or(folder))
}
