//! Nucleo-H743ZI: Cortex-M7 at 400 MHz. Lamp: LD1 (PB0). Timing pin: PE9 (D6).
#![no_std]
#![no_main]

#[cfg(feature = "uart")]
mod uart;

use cortex_m_rt::entry;
use embassy_stm32::Config;
use embassy_stm32::flash::Flash;
use embassy_stm32::gpio::{Level, Output, Speed};
use shatterscope_silicon::{Board, Cycles, Delay, InFlash, Status, arena, logs_and_frames, run};

const HERTZ: u32 = 400_000_000;

const BOARD: Board = Board {
    name: "nucleo-h743zi",
    core: "Cortex-M7",
    fpu: true,
    clock: HERTZ,
    flash: 2048 << 10,
    ram: (512 + 16) << 10,
};

arena!(496 << 10);

/// The internal oscillator of 64 MHz, through 4, times 50, through 2; buses at half and a quarter of it.
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
    let Some(mut core) = cortex_m::Peripherals::take() else { defmt::panic!("main is entered once") };
    // Instructions only: what a debug probe reads and writes must lie in memory, not in a cache of data.
    core.SCB.enable_icache();
    let clock = Cycles::new(HERTZ, &mut core.DCB, &mut core.DWT);
    let lamp = Output::new(p.PB0, Level::Low, Speed::Low);
    let timing = Output::new(p.PE9, Level::Low, Speed::High);
    #[cfg(feature = "uart")]
    let frames = {
        let _ = frames;
        uart::open(p.USART3, p.PD9, p.PD8)
    };
    // The second bank, behind what the linker may use.
    let flash = InFlash { flash: Flash::new_blocking(p.FLASH), at: 1024 << 10, len: 512 << 10 };
    let status = Status { lamp, timing, delay: Delay };
    run::<4, 4>(BOARD, frames, clock, status, flash, ARENA.take())
}
