//! LED: LD4 (PD12). Timing pin: PD0. UART: USART2 (PA2, PA3).
#![no_std]
#![no_main]

#[cfg(feature = "emulated")]
mod emulated;

use embassy_stm32::Config;
use shatterscope_stm32_support::{entry, facts, logs_and_frames};

facts!();

#[cfg(feature = "uart")]
embassy_stm32::bind_interrupts!(struct Interrupts {
    USART2 => embassy_stm32::usart::BufferedInterruptHandler<embassy_stm32::peripherals::USART2>;
});

/// The crystal of 8 MHz, times 168, through 4 and 2.
const _: () = assert!(facts::BOARD.clock == 8_000_000 / 4 * 168 / 2);

fn clocks() -> Config {
    use embassy_stm32::rcc::{
        AHBPrescaler, APBPrescaler, Hse, HseMode, Pll, PllMul, PllPDiv, PllPreDiv, PllSource, Sysclk,
    };
    use embassy_stm32::time::Hertz;
    let mut config = Config::default();
    config.rcc.hse = Some(Hse { freq: Hertz(8_000_000), mode: HseMode::Oscillator });
    config.rcc.pll_src = PllSource::HSE;
    config.rcc.pll =
        Some(Pll { prediv: PllPreDiv::DIV4, mul: PllMul::MUL168, divp: Some(PllPDiv::DIV2), divq: None, divr: None });
    config.rcc.ahb_pre = AHBPrescaler::DIV1;
    config.rcc.apb1_pre = APBPrescaler::DIV4;
    config.rcc.apb2_pre = APBPrescaler::DIV2;
    config.rcc.sys = Sysclk::PLL1_P;
    config
}

#[cfg(feature = "emulated")]
#[entry]
fn main() -> ! {
    use shatterscope_stm32_support::{NoClock, NoDelay, NoFlash, NoPin, Status};
    let _ = (logs_and_frames(), clocks);
    let status = Status { led: NoPin, timing: NoPin, delay: NoDelay };
    facts::setup().run(emulated::Polled::open(), NoClock, status, NoFlash)
}

#[cfg(not(feature = "emulated"))]
#[entry]
fn main() -> ! {
    use shatterscope_stm32_support::{core_peripherals, outputs, serve};
    let frames = logs_and_frames();
    let p = embassy_stm32::init(clocks());
    let core = core_peripherals();
    let status = outputs(p.PD12, p.PD0);
    #[cfg(feature = "uart")]
    let frames = {
        let _ = frames;
        shatterscope_stm32_support::open_uart(p.USART2, p.PA3, p.PA2, Interrupts)
    };
    serve(facts::setup(), core, frames, status, p.FLASH)
}
