//! USART3 behind interrupts: what arrives while a run computes waits in a buffer.
use embassy_stm32::peripherals::{PD8, PD9, USART3};
use embassy_stm32::usart::{BufferedInterruptHandler, BufferedUart, Config};
use embassy_stm32::{Peri, bind_interrupts};
use static_cell::StaticCell;

bind_interrupts!(struct Interrupts {
    USART3 => BufferedInterruptHandler<USART3>;
});

static SEND: StaticCell<[u8; 512]> = StaticCell::new();
static RECEIVE: StaticCell<[u8; 512]> = StaticCell::new();

pub fn open(usart: Peri<'static, USART3>, rx: Peri<'static, PD9>, tx: Peri<'static, PD8>) -> BufferedUart<'static> {
    let (send, receive) = (SEND.init([0; 512]), RECEIVE.init([0; 512]));
    match BufferedUart::new(usart, rx, tx, send, receive, Interrupts, Config::default()) {
        Ok(uart) => uart,
        Err(_) => defmt::panic!("USART3 refuses 115200 baud"),
    }
}
