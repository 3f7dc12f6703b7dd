use crate::device::board::{Board, Kind};
use crate::device::channel::{Channel, Received};
use crate::{Failure, Result};
use probe_rs::flashing::{ElfLoader, ElfOptions, download_file};
use probe_rs::probe::list::Lister;
use probe_rs::rtt::Rtt;
use probe_rs::{Permissions, Session};
use std::path::Path;
use std::time::{Duration, Instant};

/// The firmware's RTT channels.
const UP: usize = 1;
const DOWN: usize = 0;

/// How long a core may take from its reset to its first frame.
const START: Duration = Duration::from_secs(3);

/// Between two looks at the core's memory.
const PAUSE: Duration = Duration::from_millis(2);

/// Attaches to a board and finds its channels.
///
/// # Errors
/// No probe, another chip, no firmware.
pub fn open(board: &Board) -> Result<Box<dyn Channel>> {
    let mut session = attach(board)?;
    let end = Instant::now() + START;
    let failed = |error: &dyn std::fmt::Display| {
        Failure::failed(format!(
            "probe:{0}: no channel of frames ({error}): flash it with `shatterscope device flash --target probe:{0}`",
            board.name
        ))
    };
    loop {
        let mut core = session.core(0).map_err(|error| failed(&error))?;
        let attached = Rtt::attach(&mut core);
        drop(core);
        let reason = match attached {
            Ok(mut rtt) => {
                if rtt.up_channel(UP).is_some() && rtt.down_channel(DOWN).is_some() {
                    return Ok(Box::new(Probe { session, rtt }));
                }
                "another firmware".to_owned()
            }
            Err(error) => error.to_string(),
        };
        if Instant::now() > end {
            return Err(failed(&reason));
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// The probes that are attached.
///
/// # Errors
/// None with probe-rs.
pub fn list() -> Result<Vec<String>> {
    Ok(Lister::new().list_all().iter().map(ToString::to_string).collect())
}

/// Writes a program to a board's flash and starts it.
///
/// # Errors
/// No probe, another chip, a write that fails.
pub fn flash(board: &Board, _chip: &str, image: &Path) -> Result<()> {
    let mut session = attach(board)?;
    let failed = |error: &dyn std::fmt::Display| Failure::failed(format!("cannot flash {}: {error}", board.name));
    download_file(&mut session, image, ElfLoader(ElfOptions::default())).map_err(|error| failed(&error))?;
    session.core(0).and_then(|mut core| core.reset()).map_err(|error| failed(&error))
}

fn attach(board: &Board) -> Result<Session> {
    let Kind::Chip { chip } = board.kind else {
        return Err(Failure::usage(format!("{} is emulated", board.name)));
    };
    let probes = Lister::new().list_all();
    let Some(probe) = probes.first() else {
        return Err(Failure::failed(format!(
            "probe:{}: no debug probe is attached: plug one in; on Linux it needs the udev rules of https://probe.rs/docs/getting-started/probe-setup",
            board.name
        )));
    };
    let failed = |error: &dyn std::fmt::Display| Failure::failed(format!("probe:{}: {probe}: {error}", board.name));
    let opened = probe.open().map_err(|error| failed(&error))?;
    opened.attach(chip, Permissions::default()).map_err(|error| failed(&error))
}

struct Probe {
    session: Session,
    rtt: Rtt,
}

impl Probe {
    /// What the core has said since the last look.
    fn look(&mut self) -> std::result::Result<Vec<u8>, String> {
        let mut buffer = [0; 4096];
        let mut core = self.session.core(0).map_err(|error| error.to_string())?;
        let channel = self.rtt.up_channel(UP).ok_or("the channel is gone")?;
        let len = channel.read(&mut core, &mut buffer).map_err(|error| error.to_string())?;
        Ok(buffer[..len].to_vec())
    }

    fn say(&mut self, bytes: &[u8]) -> std::result::Result<usize, String> {
        let mut core = self.session.core(0).map_err(|error| error.to_string())?;
        let channel = self.rtt.down_channel(DOWN).ok_or("the channel is gone")?;
        channel.write(&mut core, bytes).map_err(|error| error.to_string())
    }
}

impl Channel for Probe {
    fn send(&mut self, mut bytes: &[u8], limit: Duration) -> std::io::Result<()> {
        let end = Instant::now() + limit;
        while !bytes.is_empty() {
            let len = self.say(bytes).map_err(std::io::Error::other)?;
            bytes = &bytes[len..];
            if len == 0 {
                // The firmware reads between two steps of a run.
                if Instant::now() > end {
                    return Err(std::io::ErrorKind::TimedOut.into());
                }
                std::thread::sleep(PAUSE);
            }
        }
        Ok(())
    }

    fn receive(&mut self, limit: Duration) -> Received {
        let end = Instant::now() + limit;
        loop {
            match self.look() {
                Ok(bytes) if !bytes.is_empty() => return Received::Bytes(bytes),
                Err(how) => return Received::Closed(how),
                Ok(_) if Instant::now() >= end => return Received::Silence,
                Ok(_) => std::thread::sleep(PAUSE),
            }
        }
    }
}
