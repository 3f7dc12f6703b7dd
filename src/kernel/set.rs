use super::Matrix;
use super::lanes::Job;
use super::words::WordJob;

/// A register tile of the dense kernel: R rows of weights by T points.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tile {
    /// R.
    pub rows: usize,
    /// T.
    pub points: usize,
}

/// R rows by T points.
pub(super) const fn tile(rows: usize, points: usize) -> Tile {
    Tile { rows, points }
}

/// Which processors of the target have an instruction set.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Presence {
    /// All of them, and it is the default.
    Always,
    /// Some of them: the processor is asked at run time.
    #[allow(dead_code, reason = "most targets have no such set")]
    Detected,
    /// All of them, and it is used only where it is asked for.
    OnRequest,
}

/// The facts about an instruction set, and its kernels. Implemented in the file of the set; a line of the table in `isa.rs` names the
/// type. A value of the type is the proof that this processor has the instructions.
pub(super) trait InstructionSet: Copy {
    /// Which processors of the target have it.
    const PRESENCE: Presence;
    /// The register tile that is fastest where there are points to fill it.
    const TILE: Tile;
    /// The tile for at most as many points as it has: a register that is half empty takes as long as a full one.
    const NARROW: Tile = Self::TILE;
    /// Outputs by inputs that [`weight_gradient`](super::weight_gradient) computes at a time.
    const WEIGHT_GRADIENT: Tile = Self::TILE;
    /// f32 lanes of a register; 0 without [`Lanes`](super::lanes::Lanes).
    const LANES: usize = 0;
    /// Registers that hold sums in [`nest`](super::nest).
    const NEST_REGISTERS: usize = 0;
    /// Whether there are [`Words`](super::words::Words), to draw many values at a time.
    const WORDS: bool = false;
    /// Whether products and sums are computed on integers.
    const INTEGERS: bool = false;

    /// The proof, where this processor has the instructions.
    fn found() -> Option<Self>;

    /// Does a job on registers, where there are lanes.
    #[inline(always)]
    fn run<J: Job>(self, job: J) -> J::Output {
        job.portable()
    }

    /// Does a job on words, where there are such registers.
    #[inline(always)]
    fn run_words<J: WordJob>(self, job: J) {
        job.portable();
    }

    /// The rounding mode, flush-to-zero and default-NaN bits of the floating-point control register; all zero is right.
    #[inline(always)]
    fn control_bits() -> u32 {
        0
    }

    /// Which kernels it has for layers on bytes.
    #[cfg(feature = "int8")]
    #[inline(always)]
    fn products() -> super::int8::Products {
        super::int8::Products::Portable
    }

    // Kernels that a set has of its own, beside those that are written once for all registers. False or None: it has none.

    /// See [`super::chain`].
    #[inline(always)]
    fn chain<const R: usize, const T: usize>(_panel: &[f32], _x: &[[f32; T]], _y: &mut [[f32; T]]) -> bool {
        false
    }

    /// See [`super::chain_matrix`].
    #[inline(always)]
    fn chain_matrix<const R: usize, const T: usize>(_w: Matrix, _x: &[[f32; T]], _y: &mut [[f32; T]]) -> bool {
        false
    }

    /// See [`super::weight_gradient`].
    #[inline(always)]
    fn weight_gradient(_: (usize, usize, usize), _x: &[f32], _grad_output: &[f32], _grad_weight: &mut [f32]) -> bool {
        false
    }

    /// See [`super::descend`].
    #[inline(always)]
    fn descend(_: (usize, usize), _rate: f32, _x: &[f32], _grad_output: &[f32], _weight: &mut [f32]) -> bool {
        false
    }

    /// See [`super::relu_forward`].
    #[inline(always)]
    fn relu_forward(_x: &mut [f32], _tape: &mut [u8]) -> bool {
        false
    }

    /// See [`super::relu_backward`].
    #[inline(always)]
    fn relu_backward(_g: &mut [f32], _tape: &[u8]) -> bool {
        false
    }

    /// See [`super::all_finite`].
    #[inline(always)]
    fn all_finite(_values: &[f32]) -> Option<bool> {
        None
    }
}
