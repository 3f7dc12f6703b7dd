use super::lanes::{Job, Lanes};
#[cfg(registers = "neon")]
use super::neon;
use super::words::WordJob;
#[cfg(registers = "x86")]
use super::x86;

/// Which instructions the kernels use; the bits are the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Isa {
    /// What the compiler makes of safe Rust for its target.
    #[default]
    Portable,
    /// Four lanes, on every x86-64.
    Sse2,
    /// Eight lanes.
    Avx,
    /// Sixteen lanes.
    Avx512,
    /// Four lanes, on every AArch64.
    Neon,
    /// Kernels of their own for the FPU of Cortex-M.
    Vfp,
    /// Integers, for cores without an FPU; on every processor.
    SoftFloat,
}

impl Isa {
    /// All of them, the widest last.
    pub const ALL: [Self; 7] =
        [Self::SoftFloat, Self::Portable, Self::Vfp, Self::Neon, Self::Sse2, Self::Avx, Self::Avx512];

    /// Whether this processor has the instructions.
    pub fn is_available(self) -> bool {
        match self {
            Isa::Portable | Isa::SoftFloat => true,
            Isa::Sse2 => cfg!(registers = "x86"),
            #[cfg(registers = "x86")]
            Isa::Avx => x86::Avx::found().is_some(),
            #[cfg(registers = "x86")]
            Isa::Avx512 => x86::Avx512::found().is_some(),
            #[cfg(not(registers = "x86"))]
            Isa::Avx | Isa::Avx512 => false,
            Isa::Neon => cfg!(registers = "neon"),
            Isa::Vfp => cfg!(registers = "cortex_m"),
        }
    }

    /// The widest instructions that this processor has; without an FPU, integers.
    pub fn detect() -> Self {
        // A constant where the target says it, so that a program with no other choice links nothing else.
        if cfg!(registers = "cortex_m") {
            return Self::Vfp;
        }
        if cfg!(soft_float) {
            return Self::SoftFloat;
        }
        Self::ALL.into_iter().rev().find(|isa| isa.is_available()).unwrap_or_default()
    }

    /// Whether there are registers of words, to draw many values at a time.
    pub(crate) const fn has_words(self) -> bool {
        cfg!(any(registers = "x86", registers = "neon"))
            && !matches!(self, Self::Portable | Self::Vfp | Self::SoftFloat)
    }

    /// Does a job with these instructions where the processor has them, otherwise portably.
    #[inline(always)]
    pub(super) fn run<J: Job>(self, job: J) -> J::Output {
        if self == Isa::SoftFloat {
            return job.soft_float();
        }
        #[cfg(registers = "x86")]
        match self {
            Isa::Sse2 => return job.on(x86::Sse2),
            Isa::Avx => {
                if let Some(lanes) = x86::Avx::found() {
                    return x86::run_avx(lanes, job);
                }
            }
            Isa::Avx512 => {
                if let Some(lanes) = x86::Avx512::found() {
                    return x86::run_avx512(lanes, job);
                }
            }
            _ => {}
        }
        #[cfg(registers = "neon")]
        if self == Isa::Neon {
            return job.on(neon::Neon);
        }
        job.portable()
    }

    /// Does a job on words with these instructions where the processor has them, otherwise portably.
    #[inline(always)]
    pub(super) fn run_words<J: WordJob>(self, job: J) {
        #[cfg(registers = "x86")]
        match (self, x86::Avx2::found(), x86::Avx512::found()) {
            (Isa::Avx512, _, Some(words)) => return x86::run_words(words, job),
            (Isa::Avx | Isa::Avx512, Some(words), _) => return x86::run_avx2(words, job),
            (Isa::Sse2 | Isa::Avx | Isa::Avx512, ..) => return job.on(x86::Sse2),
            _ => {}
        }
        #[cfg(registers = "neon")]
        if self == Isa::Neon {
            return job.on(neon::Neon);
        }
        job.portable();
    }

    /// `f(a, b)`, where f is always inlined, as the compiler makes it for these instructions.
    #[inline(always)]
    pub(crate) fn compiled<A, B, Y>(self, f: impl FnOnce(A, B) -> Y, a: A, b: B) -> Y {
        self.run(Compiled { f, a, b })
    }
}

struct Compiled<F, A, B> {
    f: F,
    a: A,
    b: B,
}

impl<F: FnOnce(A, B) -> Y, A, B, Y> Job for Compiled<F, A, B> {
    type Output = Y;

    #[inline(always)]
    fn portable(self) -> Y {
        (self.f)(self.a, self.b)
    }

    #[inline(always)]
    fn on<L: Lanes>(self, _: L) -> Y {
        (self.f)(self.a, self.b)
    }
}
