//! USART2 as an emulator has it: no clocks, no interrupts, and bytes that wait until they are read.
use embassy_stm32::pac::USART2;
use embedded_io::{ErrorKind, ErrorType, Read, ReadReady, Write};

pub struct Polled(());

impl Polled {
    pub fn open() -> Self {
        USART2.cr1().write(|w| {
            w.set_ue(true);
            w.set_te(true);
            w.set_re(true);
        });
        Self(())
    }
}

impl ErrorType for Polled {
    type Error = ErrorKind;
}

impl Read for Polled {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, ErrorKind> {
        let Some(first) = buffer.first_mut() else { return Ok(0) };
        while !USART2.sr().read().rxne() {}
        *first = USART2.dr().read().dr() as u8;
        Ok(1)
    }
}

impl ReadReady for Polled {
    fn read_ready(&mut self) -> Result<bool, ErrorKind> {
        Ok(USART2.sr().read().rxne())
    }
}

impl Write for Polled {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, ErrorKind> {
        for byte in bytes {
            while !USART2.sr().read().txe() {}
            USART2.dr().write(|w| w.set_dr(u16::from(*byte)));
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> Result<(), ErrorKind> {
        Ok(())
    }
}
