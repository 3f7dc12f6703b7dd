//! Where to run: `host`, `qemu:NAME`, `wasm`, `serial:PORT`, `probe:NAME`, `pipe:COMMAND`.
use super::board::{BOARDS, Board, emulated};
use crate::{Failure, Result};
use std::fmt;

/// A place that runs can be sent to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// This machine, with its own kernels.
    Host,
    /// A board in the emulator.
    Qemu(&'static Board),
    /// The firmware as WebAssembly, under node.
    Wasm,
    /// Firmware at the end of a serial line.
    Serial {
        /// Path or name of the port.
        port: String,
        /// Bits a second.
        baud: u32,
    },
    /// Firmware behind a debug probe: its data channel over RTT.
    Probe(&'static Board),
    /// A program that takes frames on its standard input and gives them on its standard output, such as another emulator.
    Pipe(Vec<String>),
}

/// Bits a second of a serial line, unless the target says otherwise after an @.
pub const BAUD: u32 = 115_200;

impl Target {
    /// The targets that a list names; `qemu:all` is every emulated board.
    ///
    /// # Errors
    /// Wrong use: a target that is not known.
    pub fn list(text: &str) -> Result<Vec<Target>> {
        let mut targets = Vec::new();
        for word in text.split(',').map(str::trim).filter(|word| !word.is_empty()) {
            let more = match word {
                "qemu:all" => emulated().map(Target::Qemu).collect(),
                word => vec![Self::parse(word)?],
            };
            targets.extend(more.into_iter().filter(|target| !targets.contains(target)).collect::<Vec<_>>());
        }
        if targets.is_empty() {
            return Err(Failure::usage("no target is named: give host, qemu:all or the like"));
        }
        Ok(targets)
    }

    /// The target that a word names.
    ///
    /// # Errors
    /// Wrong use: a target that is not known.
    pub fn parse(word: &str) -> Result<Target> {
        match word.split_once(':') {
            None if word == "host" => Ok(Target::Host),
            None if word == "wasm" => Ok(Target::Wasm),
            Some(("qemu", name)) => Ok(Target::Qemu(board(word, name, true)?)),
            Some(("probe", name)) => Ok(Target::Probe(board(word, name, false)?)),
            Some(("serial", port)) if !port.is_empty() => {
                let (port, baud) = match port.rsplit_once('@') {
                    None => (port, BAUD),
                    Some((port, baud)) => (
                        port,
                        baud.parse().map_err(|_| Failure::usage(format!("{word}: {baud} is not a valid baud rate")))?,
                    ),
                };
                Ok(Target::Serial { port: port.to_owned(), baud })
            }
            Some(("pipe", command)) if !command.trim().is_empty() => {
                Ok(Target::Pipe(command.split_whitespace().map(str::to_owned).collect()))
            }
            _ => Err(Failure::usage(format!(
                "no target {word}: host, wasm, qemu:NAME, qemu:all, serial:PORT[@BAUD], probe:NAME or pipe:COMMAND"
            ))),
        }
    }
}

fn board(word: &str, name: &str, emulated: bool) -> Result<&'static Board> {
    match Board::find(name) {
        Some(board) if board.emulated() == emulated => Ok(board),
        _ => {
            let known = BOARDS.iter().filter(|board| board.emulated() == emulated).map(|board| board.name);
            Err(Failure::usage(format!("no target {word}; there are {}", known.collect::<Vec<_>>().join(", "))))
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::Host => f.write_str("host"),
            Target::Wasm => f.write_str("wasm"),
            Target::Qemu(board) => write!(f, "qemu:{}", board.name),
            Target::Probe(board) => write!(f, "probe:{}", board.name),
            Target::Pipe(command) => write!(f, "pipe:{}", command.first().map_or("", String::as_str)),
            Target::Serial { port, baud: BAUD } => write!(f, "serial:{port}"),
            Target::Serial { port, baud } => write!(f, "serial:{port}@{baud}"),
        }
    }
}
