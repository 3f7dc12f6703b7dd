//! Images moved a little and mirrored, drawn by position.
use crate::{Failure, Result};
use serde::{Deserialize, Serialize};
use shatterscope::graph::Image;
use shatterscope::random::{Normal, Purpose, Stream};

/// What may happen to the images that a network is trained on; nothing by default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Augment {
    /// Up to so many pixels in each direction; 0 is off.
    pub shift: u32,
    /// Every second image is mirrored, left for right.
    pub flip: bool,
}

/// What happens to one image: it is mirrored first, then moved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Move {
    /// Columns to the right.
    pub right: i32,
    /// Rows down.
    pub down: i32,
    /// Left for right.
    pub mirrored: bool,
}

impl Augment {
    /// Whether images stay as they are.
    pub fn is_off(&self) -> bool {
        *self == Self::default()
    }

    /// # Errors
    /// A shift that could leave nothing of the image.
    pub fn check(&self, image: Image) -> Result<()> {
        let Image { height, width, .. } = image;
        if self.shift > 0 && self.shift >= height.min(width) {
            let shift = self.shift;
            return Err(Failure::usage(format!(
                "a shift of {shift} pixels in images of {height} x {width}: give a smaller one"
            )));
        }
        Ok(())
    }

    /// What happens to an example in an epoch.
    ///
    /// # Numerics
    /// Of the four words at purpose 8, row `epoch`, column `example` (its number in the training part), layer 0: with
    /// k = 2 * shift + 1, right = floor(w0 * k / 2^32) - shift, down the same of w1; mirrored where the top bit of w2 is set.
    pub fn of(&self, seed: u64, run: u32, epoch: u32, example: u32) -> Move {
        if self.is_off() {
            return Move::default();
        }
        let [w0, w1, w2, _] = Stream::new(seed, run, Purpose::Augment, 0, Normal::IrwinHall).words(epoch, example);
        let choices = 2 * u64::from(self.shift) + 1;
        let by = |word: u32| ((u64::from(word) * choices) >> 32) as i32 - self.shift as i32;
        Move { right: by(w0), down: by(w1), mirrored: self.flip && w2 >> 31 == 1 }
    }
}

impl Move {
    /// Where the pixel at (y, x) comes from; None where it comes from beyond the edge.
    #[inline]
    pub fn source(&self, image: Image, y: u32, x: u32) -> Option<(u32, u32)> {
        let from = |at: u32, by: i32, len: u32| at.checked_add_signed(by.checked_neg()?).filter(|&at| at < len);
        let (y, x) = (from(y, self.down, image.height)?, from(x, self.right, image.width)?);
        Some((y, if self.mirrored { image.width - 1 - x } else { x }))
    }
}
