use crate::answer::Answer;
use crate::compute;
use crate::device::{Gone, Machine, NotKept};
use shatterscope::Error;
use shatterscope::wire::Why;

/// Why a training does not begin or go on.
#[derive(Clone, Copy)]
pub(crate) enum Refused {
    Core(Error),
    Why(Why, u64, u64),
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Refused::Core(error)
    }
}

impl From<NotKept> for Refused {
    fn from(NotKept { why, need, have }: NotKept) -> Self {
        Refused::Why(why, need, have)
    }
}

impl Refused {
    /// Whether the training is worth nothing then: parameters or statistics may have moved.
    pub fn is_final(&self) -> bool {
        matches!(self, Refused::Core(Error::NonFinite(_)) | Refused::Why(Why::Loss, ..))
    }

    /// Whether the nodes of a graph have not come yet.
    pub fn is_for_nodes(&self) -> bool {
        matches!(self, Refused::Why(Why::Nodes, ..))
    }

    #[inline(never)]
    pub fn say<M: Machine>(self, answer: &mut Answer<M>) -> Result<(), Gone> {
        match self {
            Refused::Core(error) => compute::refuse(error, answer),
            Refused::Why(why, need, have) => answer.refuse(why, need, have),
        }
    }
}
