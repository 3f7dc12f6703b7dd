//! LED: LD1 (PB0). Timing pin: PE9 (D6). UART: USART3 (PD8, PD9), the ST-LINK's serial port.
#![no_std]
#![no_main]

use embassy_stm32::Config;
use shatterscope_stm32_support::{core_peripherals, entry, facts, logs_and_frames, outputs, serve};

facts!();

#[cfg(feature = "uart")]
embassy_stm32::bind_interrupts!(struct Interrupts {
    USART3 => embassy_stm32::usart::BufferedInterruptHandler<embassy_stm32::peripherals::USART3>;
});

/// The internal oscillator of 64 MHz, through 4, times 50, through 2.
const _: () = assert!(facts::BOARD.clock == 64_000_000 / 4 * 50 / 2);

/// Buses at half and a quarter of the core's clock.
fn clocks() -> Config {
    use embassy_stm32::rcc::{
        AHBPrescaler, APBPrescaler, HSIPrescaler, Pll, PllDiv, PllMul, PllPreDiv, PllSource, Sysclk, VoltageScale,
    };
    let mut config = Config::default();
    config.rcc.hsi = Some(HSIPrescaler::DIV1);
    config.rcc.pll1 = Some(Pll {
        source: PllSource::HSI,
        prediv: PllPreDiv::DIV4,
        mul: PllMul::MUL50,
        fracn: None,
        divp: Some(PllDiv::DIV2),
        divq: None,
        divr: None,
    });
    config.rcc.sys = Sysclk::PLL1_P;
    config.rcc.ahb_pre = AHBPrescaler::DIV2;
    config.rcc.apb1_pre = APBPrescaler::DIV2;
    config.rcc.apb2_pre = APBPrescaler::DIV2;
    config.rcc.apb3_pre = APBPrescaler::DIV2;
    config.rcc.apb4_pre = APBPrescaler::DIV2;
    config.rcc.voltage_scale = VoltageScale::Scale1;
    config
}

#[entry]
fn main() -> ! {
    let frames = logs_and_frames();
    let p = embassy_stm32::init(clocks());
    let mut core = core_peripherals();
    // Instructions only: what a debug probe reads and writes must lie in memory, not in a cache of data.
    core.SCB.enable_icache();
    let status = outputs(p.PB0, p.PE9);
    #[cfg(feature = "uart")]
    let frames = {
        let _ = frames;
        shatterscope_stm32_support::open_uart(p.USART3, p.PD9, p.PD8, Interrupts)
    };
    serve(facts::setup(), core, frames, status, p.FLASH)
}
