use super::{Board, Clock, Device, Floats, FloatsMut, Keep, NotKept, Stack, Transport};
use embedded_hal::delay::DelayNs;
use embedded_hal::digital::OutputPin;
use shatterscope::Pass;
use shatterscope::train::slots::Progress;

/// The transport has failed or was closed: nobody is left to answer to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Gone;

/// A [`Device`] without its seven type parameters.
pub(crate) trait Machine {
    fn board(&self) -> &Board;
    /// The next byte; None at the end of the input.
    fn read(&mut self) -> Result<Option<u8>, Gone>;
    /// The next byte, if it is there already.
    fn poll(&mut self) -> Result<Option<u8>, Gone>;
    fn write(&mut self, bytes: &[u8]) -> Result<(), Gone>;
    /// A measured stretch of work begins.
    fn begin(&mut self);
    /// It ends; its ticks.
    fn end(&mut self, good: bool) -> Option<u64>;
    /// An operation ends within the stretch; ticks since its beginning.
    fn mark(&mut self, pass: Pass, operation: u32) -> Option<u64>;
    fn stack(&self) -> Option<u32>;
    /// Whether the stack has run out: what was computed is worth nothing.
    fn overflowed(&self) -> bool;
    fn save(&mut self, tag: u64, floats: Floats, progress: &Progress) -> Result<u32, NotKept>;
    fn restore(&mut self, tag: u64, floats: FloatsMut) -> Result<(u32, Progress), NotKept>;
}

impl<B: Transport, C: Clock, S: Stack, L: OutputPin, P: OutputPin, D: DelayNs, F: Keep> Machine
    for Device<B, C, S, L, P, D, F>
{
    fn board(&self) -> &Board {
        &self.board
    }

    fn read(&mut self) -> Result<Option<u8>, Gone> {
        let mut byte = [0];
        match self.bytes.read(&mut byte) {
            Ok(0) => Ok(None),
            Ok(_) => Ok(Some(byte[0])),
            Err(_) => Err(Gone),
        }
    }

    fn poll(&mut self) -> Result<Option<u8>, Gone> {
        if self.bytes.read_ready().map_err(|_| Gone)? { self.read() } else { Ok(None) }
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Gone> {
        self.bytes.write_all(bytes).and_then(|()| self.bytes.flush()).map_err(|_| Gone)
    }

    fn begin(&mut self) {
        self.status.busy();
        self.clock.start();
    }

    fn end(&mut self, good: bool) -> Option<u64> {
        let ticks = self.clock.stop();
        if good {
            self.status.done()
        } else {
            self.status.error()
        }
        ticks
    }

    fn mark(&mut self, pass: Pass, operation: u32) -> Option<u64> {
        self.clock.mark(pass, operation)
    }

    fn stack(&self) -> Option<u32> {
        self.stack.peak()
    }

    fn overflowed(&self) -> bool {
        self.stack.overflowed()
    }

    fn save(&mut self, tag: u64, floats: Floats, progress: &Progress) -> Result<u32, NotKept> {
        self.flash.save(tag, floats, progress)
    }

    fn restore(&mut self, tag: u64, floats: FloatsMut) -> Result<(u32, Progress), NotKept> {
        self.flash.restore(tag, floats)
    }
}
