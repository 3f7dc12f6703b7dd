use super::Isa;

/// Work that is compiled for each register tile: R rows of weights by T points.
pub trait Tiled {
    /// What it comes to.
    type Output;
    /// With one tile.
    fn with<const R: usize, const T: usize>(self) -> Self::Output;
}

impl Isa {
    /// Does a job with the register tile that is fastest for these instructions and so many points; no bit depends on it. A
    /// firmware, which knows its core when it is built, names its tile itself.
    pub fn tiled<J: Tiled>(self, points: u32, job: J) -> J::Output {
        let _ = points;
        // What no processor of the target can have is not compiled.
        match self {
            Isa::SoftFloat => job.with::<1, 1>(),
            #[cfg(registers = "cortex_m")]
            Isa::Vfp => job.with::<4, 4>(),
            #[cfg(registers = "neon")]
            Isa::Neon => job.with::<4, 16>(),
            // A register that is half empty takes as long as a full one.
            #[cfg(registers = "x86")]
            Isa::Avx if points <= 8 => job.with::<5, 8>(),
            #[cfg(registers = "x86")]
            Isa::Avx => job.with::<5, 16>(),
            #[cfg(registers = "x86")]
            Isa::Avx512 if points <= 16 => job.with::<12, 16>(),
            #[cfg(registers = "x86")]
            Isa::Avx512 => job.with::<12, 32>(),
            _ => job.with::<2, 16>(),
        }
    }
}
