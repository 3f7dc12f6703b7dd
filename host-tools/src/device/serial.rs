//! A serial line.
use super::channel::{Channel, Received};
use crate::{Failure, Result};
use serialport::SerialPort;
use std::io::{ErrorKind, Read, Write};
use std::time::Duration;

/// Opens a port.
///
/// # Errors
/// A port that is not there or not allowed; the ports that are there.
pub fn open(port: &str, baud: u32) -> Result<Box<dyn Channel>> {
    match serialport::new(port, baud).timeout(Duration::from_secs(1)).open() {
        Ok(line) => Ok(Box::new(Serial(line))),
        Err(error) => {
            let there = ports();
            let there = if there.is_empty() {
                "no serial port is there".to_owned()
            } else {
                format!("there are {}", there.join(", "))
            };
            Err(Failure::failed(format!("cannot open {port}: {error}; {there}")))
        }
    }
}

/// Names of the ports that are there.
pub fn ports() -> Vec<String> {
    serialport::available_ports().unwrap_or_default().into_iter().map(|port| port.port_name).collect()
}

struct Serial(Box<dyn SerialPort>);

impl Channel for Serial {
    fn send(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.0.write_all(bytes)?;
        self.0.flush()
    }

    fn receive(&mut self, limit: Duration) -> Received {
        let mut buffer = [0; 4096];
        // A port refuses a wait of no time at all.
        let _ = self.0.set_timeout(limit.max(Duration::from_millis(1)));
        match self.0.read(&mut buffer) {
            Ok(0) => Received::Closed("the port was closed".to_owned()),
            Ok(len) => Received::Bytes(buffer[..len].to_vec()),
            Err(error) if matches!(error.kind(), ErrorKind::TimedOut | ErrorKind::Interrupted) => Received::Silence,
            Err(error) => Received::Closed(error.to_string()),
        }
    }
}
