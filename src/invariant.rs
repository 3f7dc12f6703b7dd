//! Values that are always there. Where checks before have made sure of it, `invariant!` takes them: a build with debug assertions panics if one is
//! missing, and any other goes on with zeros or an empty slice, without a branch that could panic.

/// The value of an `Option` or `Result` that always has one.
macro_rules! invariant {
    ($value:expr) => {
        $crate::invariant::Present::present($value)
    };
}

/// An `Option` or a `Result`.
pub(crate) trait Present<T> {
    /// Its value.
    fn present(self) -> T;
}

impl<T: Default> Present<T> for Option<T> {
    #[inline(always)]
    #[track_caller]
    fn present(self) -> T {
        match self {
            Some(value) => value,
            None => {
                debug_assert!(false, "a value that is always there is missing");
                T::default()
            }
        }
    }
}

impl<T: Default, E> Present<T> for Result<T, E> {
    #[inline(always)]
    #[track_caller]
    fn present(self) -> T {
        self.ok().present()
    }
}
