//! UART0 behind interrupts: what arrives while a run computes waits in a buffer.
use embassy_rp::peripherals::{PIN_0, PIN_1, UART0};
use embassy_rp::uart::{BufferedInterruptHandler, BufferedUart, Config};
use embassy_rp::{Peri, bind_interrupts};
use static_cell::StaticCell;

bind_interrupts!(struct Interrupts {
    UART0_IRQ => BufferedInterruptHandler<UART0>;
});

static SEND: StaticCell<[u8; 512]> = StaticCell::new();
static RECEIVE: StaticCell<[u8; 512]> = StaticCell::new();

pub fn open(uart: Peri<'static, UART0>, tx: Peri<'static, PIN_0>, rx: Peri<'static, PIN_1>) -> BufferedUart {
    let (send, receive) = (SEND.init([0; 512]), RECEIVE.init([0; 512]));
    BufferedUart::new(uart, tx, rx, Interrupts, send, receive, Config::default())
}
