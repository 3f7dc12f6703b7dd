/// What a board is, as its firmware knows it; goes into every `Hello`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Board {
    /// The folder's name in `boards/`.
    pub name: &'static str,
    /// The core's name, as in `Cortex-M4F`.
    pub core: &'static str,
    /// Whether floats are computed by hardware.
    pub fpu: bool,
    /// Ticks of the [`Clock`](super::Clock) a second; 0 where there is no clock.
    pub clock: u32,
    /// Bytes of flash.
    pub flash: u32,
    /// Bytes of memory that the linker may use.
    pub ram: u32,
}
