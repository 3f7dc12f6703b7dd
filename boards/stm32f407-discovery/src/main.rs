//! STM32F407 Discovery: Cortex-M4F at 168 MHz. Lamp: LD4 (PD12). Timing pin: PD0.
#![no_std]
#![no_main]

#[cfg(feature = "emulated")]
mod emulated;
#[cfg(feature = "uart")]
mod uart;

use cortex_m_rt::entry;
use embassy_stm32::Config;
use shatterscope_silicon::{Board, Status, arena, logs_and_frames, run};

const HERTZ: u32 = 168_000_000;

const BOARD: Board = Board {
    name: "stm32f407-discovery",
    core: "Cortex-M4F",
    fpu: true,
    clock: HERTZ,
    flash: 1024 << 10,
    ram: 128 << 10,
};

arena!(112 << 10);

/// The crystal of 8 MHz, times 168, through 4 and 2.
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
    use shatterscope_silicon::{NoClock, NoDelay, NoFlash, NoPin};
    let _ = (logs_and_frames(), clocks, HERTZ);
    let status = Status { lamp: NoPin, timing: NoPin, delay: NoDelay };
    run::<4, 4>(BOARD, emulated::Polled::open(), NoClock, status, NoFlash, ARENA.take())
}

#[cfg(not(feature = "emulated"))]
#[entry]
fn main() -> ! {
    use embassy_stm32::flash::Flash;
    use embassy_stm32::gpio::{Level, Output, Speed};
    use shatterscope_silicon::{Cycles, Delay, InFlash};
    let frames = logs_and_frames();
    let p = embassy_stm32::init(clocks());
    let Some(mut core) = cortex_m::Peripherals::take() else { defmt::panic!("main is entered once") };
    let clock = Cycles::new(HERTZ, &mut core.DCB, &mut core.DWT);
    let lamp = Output::new(p.PD12, Level::Low, Speed::Low);
    let timing = Output::new(p.PD0, Level::Low, Speed::High);
    #[cfg(feature = "uart")]
    let frames = {
        let _ = frames;
        uart::open(p.USART2, p.PA3, p.PA2)
    };
    // The last two sectors, behind what the linker may use.
    let flash = InFlash { flash: Flash::new_blocking(p.FLASH), at: 768 << 10, len: 128 << 10 };
    let status = Status { lamp, timing, delay: Delay };
    run::<4, 4>(BOARD, frames, clock, status, flash, ARENA.take())
}
