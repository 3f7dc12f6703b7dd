use embedded_hal::delay::DelayNs;
use embedded_hal::digital::{ErrorType, OutputPin};

/// Shows what the firmware does to somebody who looks at the board.
///
/// The LED is on while a run computes, off when it is done, and blinks [`ERROR_BLINKS`] times after an error. The timing
/// pin is high exactly while the executor works, for an oscilloscope.
#[derive(Clone, Copy, Debug)]
pub struct Status<L, P, D> {
    /// A LED; high is on.
    pub led: L,
    /// A pin for a scope, or [`NoPin`].
    pub timing: P,
    /// For the blinks.
    pub delay: D,
}

/// How often the LED blinks after an error.
pub const ERROR_BLINKS: u32 = 5;

const BLINK_MS: u32 = 60;

impl<L: OutputPin, P: OutputPin, D: DelayNs> Status<L, P, D> {
    /// A run begins.
    pub fn busy(&mut self) {
        let _ = self.led.set_high();
        let _ = self.timing.set_high();
    }

    /// A run has ended well.
    pub fn done(&mut self) {
        let _ = self.timing.set_low();
        let _ = self.led.set_low();
    }

    /// A run has ended in an error.
    pub fn error(&mut self) {
        let _ = self.timing.set_low();
        for _ in 0..ERROR_BLINKS {
            let _ = self.led.set_high();
            self.delay.delay_ms(BLINK_MS);
            let _ = self.led.set_low();
            self.delay.delay_ms(BLINK_MS);
        }
    }
}

/// A pin that is not there.
#[derive(Clone, Copy, Debug)]
pub struct NoPin;

impl ErrorType for NoPin {
    type Error = core::convert::Infallible;
}

impl OutputPin for NoPin {
    fn set_low(&mut self) -> Result<(), Self::Error> {
        Ok(())
    }

    fn set_high(&mut self) -> Result<(), Self::Error> {
        Ok(())
    }
}

/// No time to wait: for emulators.
#[derive(Clone, Copy, Debug)]
pub struct NoDelay;

impl DelayNs for NoDelay {
    fn delay_ns(&mut self, _: u32) {}
}
