use embassy_stm32::Peri;
use embassy_stm32::interrupt::typelevel::Binding;
use embassy_stm32::usart::{BufferedInterruptHandler, BufferedUart, Config, Instance, RxPin, TxPin};
use static_cell::StaticCell;

static SEND: StaticCell<[u8; 512]> = StaticCell::new();
static RECEIVE: StaticCell<[u8; 512]> = StaticCell::new();

/// A UART behind interrupts: what arrives while a run computes waits in a buffer. To be called once.
pub fn open<T: Instance>(
    usart: Peri<'static, T>,
    rx: Peri<'static, impl RxPin<T>>,
    tx: Peri<'static, impl TxPin<T>>,
    interrupts: impl Binding<T::Interrupt, BufferedInterruptHandler<T>> + 'static,
) -> BufferedUart<'static> {
    let (send, receive) = (SEND.init([0; 512]), RECEIVE.init([0; 512]));
    match BufferedUart::new(usart, rx, tx, send, receive, interrupts, Config::default()) {
        Ok(uart) => uart,
        Err(_) => defmt::panic!("the UART refuses 115200 baud"),
    }
}
