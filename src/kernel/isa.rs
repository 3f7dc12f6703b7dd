use super::lanes::{Job, Lanes};
use super::portable::Portable;
use super::set::{InstructionSet, Presence, Tile};
use super::words::WordJob;

/// Makes [`Isa`] and `dispatch` from the table below. `$d` is a `$` of the macro that this one defines.
macro_rules! table {
    ($d:tt $($(#[doc = $doc:literal])+ $set:ident $name:literal in $module:ident if $cfg:meta;)+) => {
        /// Which instructions the kernels use; the bits are the same.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[cfg_attr(feature = "defmt", derive(defmt::Format))]
        pub enum Isa {
            $($(#[doc = $doc])+ $set,)+
        }

        impl Isa {
            /// All of them, the widest last.
            pub const ALL: [Self; [$($name),+].len()] = [$(Self::$set),+];

            /// The widest set that every processor of the target has; without an FPU, integers.
            pub const BASE: Self = {
                let mut base = Self::Portable;
                $(
                    #[cfg($cfg)]
                    if matches!(super::$module::$set::PRESENCE, Presence::Always) {
                        base = Self::$set;
                    }
                )+
                base
            };

            /// The widest instructions that this processor has; without an FPU, integers.
            pub fn detect() -> Self {
                // A constant where nothing is asked at run time, so that a program with no other choice links nothing else.
                #[allow(unused_mut)]
                let mut widest = Self::BASE;
                $(
                    #[cfg($cfg)]
                    if const { matches!(super::$module::$set::PRESENCE, Presence::Detected) }
                        && super::$module::$set::found().is_some()
                    {
                        widest = Self::$set;
                    }
                )+
                widest
            }

            /// The name on a command line.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$set => $name,)+
                }
            }

            /// What it is, in a sentence.
            pub const fn summary(self) -> &'static str {
                match self {
                    $(Self::$set => concat!($($doc),+).trim_ascii(),)+
                }
            }
        }

        /// `dispatch!(isa, Set => expression, otherwise: other)` is the expression with `Set` being the type of the instruction set, an
        /// [`InstructionSet`] whose constants may size arrays; or the other one for a set that no processor of the target has.
        macro_rules! dispatch {
            ($d isa:expr, $d type:ident => $d body:expr, otherwise: $d other:expr) => {
                match $d isa {
                    $(
                        #[cfg($cfg)]
                        $crate::kernel::Isa::$set => {
                            #[allow(dead_code, reason = "the expression may be the same for all sets")]
                            type $d type = $crate::kernel::$module::$set;
                            $d body
                        }
                    )+
                    #[allow(unreachable_patterns, reason = "a target may have all sets")]
                    _ => $d other,
                }
            };
        }
        pub(super) use dispatch;
    };
}

// Name of the variant and of the type, name on a command line, module of the type, and which targets have it.
table! { $
    /// Integers, for cores without an FPU; on every processor.
    SoftFloat "soft-float" in soft_float if all();
    /// What the compiler makes of safe Rust for its target.
    Portable "portable" in portable if all();
    /// Kernels of their own for the FPU of Cortex-M.
    Vfp "vfp" in cortex_m if registers = "cortex_m";
    /// Four lanes, in WebAssembly built with `simd128`.
    Simd128 "simd128" in wasm if registers = "wasm";
    /// Four lanes, on AArch64.
    Neon "neon" in neon if registers = "neon";
    /// Four lanes, on x86-64.
    Sse2 "sse2" in x86 if registers = "x86";
    /// Eight lanes, on x86-64.
    Avx "avx" in x86 if registers = "x86";
    /// Sixteen lanes, on x86-64.
    Avx512 "avx512" in x86 if registers = "x86";
}

#[expect(clippy::derivable_impls, reason = "the table has no place for the attribute of one line")]
impl Default for Isa {
    fn default() -> Self {
        Self::Portable
    }
}

/// Work that is compiled for each register tile: R rows of weights by T points.
pub trait Tiled {
    /// The result.
    type Output;
    /// Whether it is also compiled for the narrow tiles, which are faster where there are few points.
    const NARROW: bool = true;
    /// Does the work with one tile.
    fn with<const R: usize, const T: usize>(self) -> Self::Output;
}

impl Isa {
    /// Whether this processor has the instructions.
    pub fn is_available(self) -> bool {
        dispatch!(self, Set => Set::found().is_some(), otherwise: false)
    }

    /// Whether some processors of the target have the instructions and others do not.
    pub const fn is_detected(self) -> bool {
        dispatch!(self, Set => matches!(Set::PRESENCE, Presence::Detected), otherwise: false)
    }

    /// Whether products and sums are computed on integers, which is slow where there is an FPU.
    pub const fn uses_integers(self) -> bool {
        dispatch!(self, Set => Set::INTEGERS, otherwise: false)
    }

    /// The register tile that is fastest with these instructions, where there are points to fill it.
    pub const fn tile(self) -> Tile {
        dispatch!(self, Set => Set::TILE, otherwise: Portable::TILE)
    }

    /// Does a job with the register tile that is fastest for these instructions and so many points; no bit depends on it. A
    /// firmware, which knows its core when it is built, names its tile itself.
    pub fn tiled<J: Tiled>(self, points: u32, job: J) -> J::Output {
        let _ = points;
        dispatch!(self, Set => {
            if const { J::NARROW && Set::NARROW.points < Set::TILE.points } && points as usize <= Set::NARROW.points {
                return job.with::<{ Set::NARROW.rows }, { Set::NARROW.points }>();
            }
            job.with::<{ Set::TILE.rows }, { Set::TILE.points }>()
        }, otherwise: job.with::<{ Portable::TILE.rows }, { Portable::TILE.points }>())
    }

    /// f32 lanes of a register; 0 without registers of lanes.
    pub(super) const fn lanes(self) -> usize {
        dispatch!(self, Set => Set::LANES, otherwise: 0)
    }

    /// Registers that hold sums in [`nest`](super::nest).
    pub(super) const fn nest_registers(self) -> usize {
        dispatch!(self, Set => Set::NEST_REGISTERS, otherwise: 0)
    }

    /// Whether there are registers of words, to draw many values at a time.
    pub(crate) const fn has_words(self) -> bool {
        dispatch!(self, Set => Set::WORDS, otherwise: false)
    }

    /// Does a job with these instructions where the processor has them, otherwise portably.
    #[inline(always)]
    pub(super) fn run<J: Job>(self, job: J) -> J::Output {
        dispatch!(self, Set => {
            if const { Set::LANES != 0 } && let Some(set) = Set::found() {
                return set.run(job);
            }
        }, otherwise: {});
        job.portable()
    }

    /// Does a job on words with these instructions where the processor has them, otherwise portably.
    #[inline(always)]
    pub(super) fn run_words<J: WordJob>(self, job: J) {
        dispatch!(self, Set => {
            if const { Set::WORDS } && let Some(set) = Set::found() {
                return set.run_words(job);
            }
        }, otherwise: {});
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
