//! A program of `benches/peers/`, spoken to line by line; its README has the lines.
use super::table::Task;
use crate::tree::text_of;
use anyhow::{Context, Result, bail};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

pub struct Worker {
    name: String,
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    /// (of what, which)
    pub versions: Vec<(String, String)>,
    pub tasks: Vec<Task>,
    /// (task, name)
    pub contestants: Vec<(String, String)>,
}

impl Worker {
    /// Starts it and hears what it has.
    pub fn start(command: &mut Command) -> Result<Self> {
        let name = text_of(command);
        println!("$ {name}");
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("`{name}` does not start"))?;
        let input = child.stdin.take();
        let output = BufReader::new(child.stdout.take().context("standard output is piped")?);
        let (versions, tasks, contestants) = (Vec::new(), Vec::new(), Vec::new());
        let mut worker = Self { name, child, input, output, versions, tasks, contestants };
        loop {
            let line = worker.line()?;
            match line.split('\t').collect::<Vec<_>>()[..] {
                ["version", of, which] => worker.versions.push((of.into(), which.into())),
                ["task", id, operations, what] => {
                    worker.tasks.push(Task { id: id.into(), operations: operations.parse()?, what: what.into() })
                }
                ["contestant", task, name] => worker.contestants.push((task.into(), name.into())),
                ["ready"] => return Ok(worker),
                _ => bail!("`{}` says: {line}", worker.name),
            }
        }
    }

    /// The nanoseconds of each repetition of a turn.
    pub fn run(&mut self, task: &str, name: &str, milliseconds: u32) -> Result<Vec<u64>> {
        let answer = self.ask(&format!("run\t{task}\t{name}\t{milliseconds}"))?;
        let time = |word: &str| word.parse().with_context(|| format!("`{}` says: {answer}", self.name));
        answer.split('\t').map(time).collect()
    }

    /// Has a result written to a file.
    pub fn result(&mut self, task: &str, name: &str, file: &Path) -> Result<()> {
        match self.ask(&format!("result\t{task}\t{name}\t{}", file.display()))?.as_str() {
            "ok" => Ok(()),
            other => bail!("`{}` says: {other}", self.name),
        }
    }

    /// Digest of a result, and its deviation where there is something to deviate from.
    pub fn judge(&mut self, task: &str, file: &Path) -> Result<(String, String)> {
        let answer = self.ask(&format!("judge\t{task}\t{}", file.display()))?;
        let (digest, deviation) = answer.split_once('\t').with_context(|| format!("`{}` says: {answer}", self.name))?;
        Ok((digest.into(), deviation.into()))
    }

    fn ask(&mut self, line: &str) -> Result<String> {
        let input = self.input.as_mut().context("standard input is piped")?;
        writeln!(input, "{line}")?;
        input.flush()?;
        self.line()
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        if self.output.read_line(&mut line)? == 0 {
            bail!("`{}` ended early", self.name);
        }
        Ok(line.trim_end_matches('\n').to_owned())
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // Without input it ends by itself.
        self.input = None;
        let _ = self.child.wait();
    }
}
