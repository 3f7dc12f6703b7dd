/// A register of N independent f32 lanes, and the instructions on it that the contract allows.
///
/// A value of such a type is the proof that this processor has the instructions: it is made only where they were found,
/// or where the target always has them. The methods become single instructions in a function that is compiled for them.
pub(super) trait Lanes: Copy {
    /// Lanes.
    const N: usize;
    /// Registers of points that the dense kernel holds beside each other, where the tile is that wide.
    const ABREAST: usize;
    /// A register.
    type Register: Copy;

    /// The same value in every lane.
    fn splat(self, x: f32) -> Self::Register;
    /// Lanes `N * at ..` of a row; +0.0 where they do not exist.
    fn load<const T: usize>(self, from: &[f32; T], at: usize) -> Self::Register;
    /// The reverse of [`Lanes::load`].
    fn store<const T: usize>(self, x: Self::Register, to: &mut [f32; T], at: usize);
    /// x + y, rounded.
    fn add(self, x: Self::Register, y: Self::Register) -> Self::Register;
    /// x - y, rounded.
    fn sub(self, x: Self::Register, y: Self::Register) -> Self::Register;
    /// x * y, rounded.
    fn mul(self, x: Self::Register, y: Self::Register) -> Self::Register;
    /// x / y, rounded.
    fn div(self, x: Self::Register, y: Self::Register) -> Self::Register;
    /// The square root, rounded.
    fn sqrt(self, x: Self::Register) -> Self::Register;
    /// Rows to columns within every four lanes: lane 4q + j of register i becomes lane 4q + i of register j.
    fn transpose4x4(self, rows: [Self::Register; 4]) -> [Self::Register; 4];
    /// Rows to columns of four lanes each: lanes 4q.. of register i become lanes 4i.. of register q. Of sixteen lanes; registers of fewer
    /// stay as they are.
    fn transpose_blocks(self, rows: [Self::Register; 4]) -> [Self::Register; 4];
    /// Hints that the cache line of element `at` is needed soon; does nothing where there is no such hint.
    fn prefetch(self, from: &[f32], at: usize);
    /// Bit i: lane i is above zero.
    fn gt_zero_mask(self, x: Self::Register) -> u32;
    /// The lanes whose bit is set, +0.0 in the others.
    fn mask(self, x: Self::Register, bits: u32) -> Self::Register;
    /// Lanes of x whose bit is set, of y otherwise.
    fn select(self, bits: u32, x: Self::Register, y: Self::Register) -> Self::Register;
}

/// Implements [`Lanes`] with the intrinsics of one instruction set, whose file also defines the functions `gt_zero_mask`, `mask`, `select`,
/// `transpose4x4`, `transpose_blocks` and `prefetch`.
#[cfg(lanes)]
macro_rules! lanes {
    ($lanes:ty, $n:literal, $abreast:literal, $register:ty, $splat:ident, $load:ident, $store:ident, $add:ident, $sub:ident, $mul:ident, $div:ident, $sqrt:ident) => {
        impl crate::kernel::lanes::Lanes for $lanes {
            const N: usize = $n;
            const ABREAST: usize = $abreast;
            type Register = $register;

            #[inline(always)]
            fn splat(self, x: f32) -> $register {
                // SAFETY: `self` is the proof that the processor has this instruction.
                unsafe { $splat(x) }
            }

            #[inline(always)]
            fn load<const T: usize>(self, from: &[f32; T], at: usize) -> $register {
                match from.get(at * $n..).and_then(|from| from.first_chunk::<$n>()) {
                    // SAFETY: as above; N elements stand behind the pointer, which need not be aligned.
                    Some(from) => unsafe { $load(from.as_ptr()) },
                    None => self.splat(0.0),
                }
            }

            #[inline(always)]
            fn store<const T: usize>(self, x: $register, to: &mut [f32; T], at: usize) {
                if let Some(to) = to.get_mut(at * $n..).and_then(|to| to.first_chunk_mut::<$n>()) {
                    // SAFETY: as above; N elements stand behind the pointer, which need not be aligned.
                    unsafe { $store(to.as_mut_ptr(), x) }
                }
            }

            #[inline(always)]
            fn add(self, x: $register, y: $register) -> $register {
                // SAFETY: `self` is the proof that the processor has this instruction.
                unsafe { $add(x, y) }
            }

            #[inline(always)]
            fn sub(self, x: $register, y: $register) -> $register {
                // SAFETY: `self` is the proof that the processor has this instruction.
                unsafe { $sub(x, y) }
            }

            #[inline(always)]
            fn mul(self, x: $register, y: $register) -> $register {
                // SAFETY: `self` is the proof that the processor has this instruction.
                unsafe { $mul(x, y) }
            }

            #[inline(always)]
            fn div(self, x: $register, y: $register) -> $register {
                // SAFETY: `self` is the proof that the processor has this instruction.
                unsafe { $div(x, y) }
            }

            #[inline(always)]
            fn sqrt(self, x: $register) -> $register {
                // SAFETY: `self` is the proof that the processor has this instruction.
                unsafe { $sqrt(x) }
            }

            #[inline(always)]
            fn transpose4x4(self, rows: [$register; 4]) -> [$register; 4] {
                // SAFETY: `self` is the proof that the processor has these instructions.
                unsafe { transpose4x4(rows) }
            }

            #[inline(always)]
            fn transpose_blocks(self, rows: [$register; 4]) -> [$register; 4] {
                // SAFETY: `self` is the proof that the processor has these instructions.
                unsafe { transpose_blocks(rows) }
            }

            #[inline(always)]
            fn prefetch(self, from: &[f32], at: usize) {
                prefetch(from.as_ptr().wrapping_add(at));
            }

            #[inline(always)]
            fn gt_zero_mask(self, x: $register) -> u32 {
                // SAFETY: `self` is the proof that the processor has these instructions.
                unsafe { gt_zero_mask(x) }
            }

            #[inline(always)]
            fn mask(self, x: $register, bits: u32) -> $register {
                // SAFETY: `self` is the proof that the processor has these instructions.
                unsafe { mask(x, bits) }
            }

            #[inline(always)]
            fn select(self, bits: u32, x: $register, y: $register) -> $register {
                // SAFETY: `self` is the proof that the processor has these instructions.
                unsafe { select(bits, x, y) }
            }
        }
    };
}
#[cfg(lanes)]
pub(super) use lanes;

/// Work that is compiled once for every instruction set.
pub(super) trait Job {
    /// What it comes to.
    type Output;
    /// In safe Rust, for what the compiler's target has.
    fn portable(self) -> Self::Output;
    /// On registers. Always inlined, so that all of it is compiled for the instructions.
    fn on<L: Lanes>(self, lanes: L) -> Self::Output;
}
