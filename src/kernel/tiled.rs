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
        match self {
            Isa::Portable | Isa::Sse2 => job.with::<2, 16>(),
            Isa::SoftFloat => job.with::<1, 1>(),
            Isa::Vfp => job.with::<4, 4>(),
            Isa::Neon => job.with::<4, 16>(),
            // A register that is half empty takes as long as a full one.
            Isa::Avx if points <= 8 => job.with::<5, 8>(),
            Isa::Avx => job.with::<5, 16>(),
            Isa::Avx512 if points <= 16 => job.with::<12, 16>(),
            Isa::Avx512 => job.with::<12, 32>(),
        }
    }
}
