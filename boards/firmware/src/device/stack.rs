/// Knows how much stack was used since the start.
pub trait Stack {
    /// Most bytes of stack ever in use; None where nobody painted it.
    fn peak(&self) -> Option<u32>;

    /// Whether the last words of the stack have been written: what lies below it may have been, too.
    fn overflowed(&self) -> bool {
        false
    }
}

/// For targets whose stack is not painted.
#[derive(Clone, Copy, Debug)]
pub struct NoStack;

impl Stack for NoStack {
    fn peak(&self) -> Option<u32> {
        None
    }
}
