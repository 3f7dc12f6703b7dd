use crate::lint::with_lints;
use anyhow::{Context, Result, bail};
use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// The repository, and where it is built.
pub struct Tree {
    pub root: PathBuf,
    pub target: PathBuf,
    pub boards_target: PathBuf,
    cargo: OsString,
}

impl Tree {
    pub fn find() -> Result<Self> {
        let package = env::var_os("CARGO_MANIFEST_DIR").context("run it as `cargo xtask`")?;
        let root = Path::new(&package).ancestors().nth(2).context("the package stands in host-tools/xtask")?;
        let target = env::var_os("CARGO_TARGET_DIR").map_or(root.join("target"), |target| root.join(target));
        Ok(Self {
            root: root.to_owned(),
            // Where the desktop program builds firmware under the variable that it gets here: one folder, or all is built twice.
            boards_target: target.join("boards"),
            target,
            cargo: env::var_os("CARGO").unwrap_or("cargo".into()),
        })
    }

    /// Cargo at the root, with arguments separated by blanks.
    pub fn cargo(&self, arguments: &str) -> Command {
        let mut command = Command::new(&self.cargo);
        command.args(arguments.split_whitespace()).current_dir(&self.root).env("CARGO_TARGET_DIR", &self.target);
        command
    }

    /// Cargo in the second workspace, for what is built and linted there.
    pub fn firmware(&self, folder: &str, arguments: &str) -> Command {
        let mut command = self.cargo_of_boards(folder, arguments);
        with_lints(&mut command);
        command
    }

    /// Cargo in the second workspace. Its configuration depends on the folder: a board's is its own.
    pub fn cargo_of_boards(&self, folder: &str, arguments: &str) -> Command {
        let mut command = self.cargo(arguments);
        command.current_dir(self.root.join("boards").join(folder)).env("CARGO_TARGET_DIR", &self.boards_target);
        command
    }
}

/// What a command is called in messages.
pub fn text_of(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or(command.get_program());
    let words = std::iter::once(program).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

/// Runs a command whose output streams through.
pub fn succeed(command: &mut Command) -> Result<()> {
    let text = text_of(command);
    println!("$ {text}");
    let status = command.status().with_context(|| format!("`{text}` does not start"))?;
    if !status.success() {
        bail!("`{text}` ended with {status}");
    }
    Ok(())
}

/// Runs a command and keeps its output, which is shown if the command fails.
pub fn output_of(command: &mut Command) -> Result<String> {
    let text = text_of(command);
    let Output { status, stdout, stderr } = command.output().with_context(|| format!("`{text}` does not start"))?;
    let stdout = String::from_utf8_lossy(&stdout).into_owned();
    if !status.success() {
        bail!("`{text}` ended with {status}\n{stdout}{}", String::from_utf8_lossy(&stderr));
    }
    Ok(stdout)
}

/// Runs a command for so long at most; its status and standard output.
pub fn run_for(command: &mut Command, limit: Duration) -> Result<(ExitStatus, String)> {
    let text = text_of(command);
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("`{text}` does not start"))?;
    let stdout = child.stdout.take().context("standard output is piped")?;
    let reader = thread::spawn(move || std::io::read_to_string(stdout));
    let end = Instant::now() + limit;
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if Instant::now() > end {
            child.kill()?;
            child.wait()?;
            bail!("`{text}` did not end within {} s and was stopped", limit.as_secs());
        }
        thread::sleep(Duration::from_millis(20));
    };
    let Ok(stdout) = reader.join() else { bail!("the output of `{text}` cannot be read") };
    Ok((status, stdout?))
}
