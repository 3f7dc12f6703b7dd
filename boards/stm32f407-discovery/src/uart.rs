//! USART2 behind interrupts: what arrives while a run computes waits in a buffer.
use embassy_stm32::peripherals::{PA2, PA3, USART2};
use embassy_stm32::usart::{BufferedInterruptHandler, BufferedUart, Config};
use embassy_stm32::{Peri, bind_interrupts};
use static_cell::StaticCell;

bind_interrupts!(struct Interrupts {
    USART2 => BufferedInterruptHandler<USART2>;
});

static SEND: StaticCell<[u8; 512]> = StaticCell::new();
static RECEIVE: StaticCell<[u8; 512]> = StaticCell::new();

pub fn open(usart: Peri<'static, USART2>, rx: Peri<'static, PA3>, tx: Peri<'static, PA2>) -> BufferedUart<'static> {
    let (send, receive) = (SEND.init([0; 512]), RECEIVE.init([0; 512]));
    match BufferedUart::new(usart, rx, tx, send, receive, Interrupts, Config::default()) {
        Ok(uart) => uart,
        Err(_) => defmt::panic!("USART2 refuses 115200 baud"),
    }
}
