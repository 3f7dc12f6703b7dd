//! Where the state of a training outlives a loss of power.
use embedded_storage::nor_flash::NorFlash;
use shatterscope::train::slots::{Progress, SlotError, Slots};
use shatterscope::wire::Why;

/// Parameters, running statistics, the optimiser's state.
pub type Floats<'a> = (&'a [f32], &'a [f32], &'a [f32]);

/// The same, to be written.
pub type FloatsMut<'a> = (&'a mut [f32], &'a mut [f32], &'a mut [f32]);

/// Why a state was not kept or found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotKept {
    /// As the host is told.
    pub why: Why,
    /// Bytes that a slot needs, where it is too small.
    pub need: u64,
    /// Bytes that it has.
    pub have: u64,
}

impl NotKept {
    const fn because(why: Why) -> Self {
        Self { why, need: 0, have: 0 }
    }
}

/// Keeps the state of a training. `tag` says which training it belongs to.
pub trait Keep {
    /// Keeps it; the number of the save.
    ///
    /// # Errors
    /// [`NotKept`]: what was kept before still is.
    fn save(&mut self, tag: u64, floats: Floats, progress: &Progress) -> Result<u32, NotKept>;

    /// Gives back what was kept last, and the number of its save.
    ///
    /// # Errors
    /// [`NotKept`]; after [`Why::Flash`] the floats are worth nothing.
    fn restore(&mut self, tag: u64, floats: FloatsMut) -> Result<(u32, Progress), NotKept>;
}

/// For boards that keep nothing.
#[derive(Clone, Copy, Debug)]
pub struct NoFlash;

impl Keep for NoFlash {
    fn save(&mut self, _: u64, _: Floats, _: &Progress) -> Result<u32, NotKept> {
        Err(NotKept::because(Why::NoFlash))
    }

    fn restore(&mut self, _: u64, _: FloatsMut) -> Result<(u32, Progress), NotKept> {
        Err(NotKept::because(Why::NoFlash))
    }
}

/// Two slots of a flash, one behind the other: see [`Slots`].
#[derive(Clone, Copy, Debug)]
pub struct InFlash<F> {
    /// The flash.
    pub flash: F,
    /// Where the first slot begins.
    pub at: u32,
    /// Bytes of a slot.
    pub len: u32,
}

impl<F: NorFlash> InFlash<F> {
    fn open(&mut self, tag: u64) -> Result<Slots<&mut F>, NotKept> {
        Slots::open(&mut self.flash, self.at, self.len, tag).map_err(failed)
    }
}

impl<F: NorFlash> Keep for InFlash<F> {
    #[inline(never)]
    fn save(&mut self, tag: u64, (parameters, running, state): Floats, progress: &Progress) -> Result<u32, NotKept> {
        self.open(tag)?.save(parameters, running, state, progress).map_err(failed)
    }

    #[inline(never)]
    fn restore(&mut self, tag: u64, (parameters, running, state): FloatsMut) -> Result<(u32, Progress), NotKept> {
        let mut slots = self.open(tag)?;
        let found = slots.load(parameters, running, state).map_err(failed)?;
        match (slots.newest(), found) {
            (Some(held), Some(progress)) => Ok((held.sequence, progress)),
            _ => Err(NotKept::because(Why::Unsaved)),
        }
    }
}

fn failed<E>(error: SlotError<E>) -> NotKept {
    match error {
        SlotError::TooSmall { need, have } => NotKept { why: Why::Flash, need, have },
        SlotError::Lengths(_) => NotKept::because(Why::Unsaved),
        _ => NotKept::because(Why::Flash),
    }
}
