//! A serial line.
use super::channel::{Channel, Received};
use super::pump::Writer;
use crate::{Failure, Result};
use serialport::SerialPort;
use std::io::{ErrorKind, Read};
use std::time::Duration;

/// Opens a port.
///
/// # Errors
/// A port that is not there or not allowed; the ports that are there.
pub fn open(port: &str, baud: u32) -> Result<Box<dyn Channel>> {
    let opened = serialport::new(port, baud).timeout(Duration::from_secs(1)).open();
    match opened.and_then(|line| Ok((line.try_clone()?, line))) {
        Ok((to, from)) => Ok(Box::new(Serial { to: Writer::new(to), from })),
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

/// What the system has received is in a buffer of its own, of some kilobytes; what is sent may wait for the other side.
struct Serial {
    to: Writer,
    from: Box<dyn SerialPort>,
}

impl Channel for Serial {
    fn send(&mut self, bytes: &[u8], limit: Duration) -> std::io::Result<()> {
        self.to.write(bytes, limit)
    }

    fn receive(&mut self, limit: Duration) -> Received {
        let mut buffer = [0; 4096];
        // A port refuses a wait of no time at all.
        let _ = self.from.set_timeout(limit.max(Duration::from_millis(1)));
        match self.from.read(&mut buffer) {
            Ok(0) => Received::Closed("the port was closed".to_owned()),
            Ok(len) => Received::Bytes(buffer[..len].to_vec()),
            Err(error) if matches!(error.kind(), ErrorKind::TimedOut | ErrorKind::Interrupted) => Received::Silence,
            Err(error) => Received::Closed(error.to_string()),
        }
    }
}
