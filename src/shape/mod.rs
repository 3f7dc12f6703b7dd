//! Shapes of values, and what a window over an image covers.
mod dilated;
mod gathered;
mod image;
#[cfg(feature = "int8")]
pub(crate) mod int8;

pub(crate) use dilated::Axis;
pub use dilated::{DilatedPool, DilatedWindow, GroupedConv};
pub use gathered::conv_gathered_len;
pub(crate) use gathered::{COLUMNS, conv_apart, conv_lanes, conv_read_past};
pub use image::{Conv, Image, Pool, Shortcut, Window};

/// The shape of a value at one point: an image, or a vector (height and width 1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Shape {
    /// Channels.
    pub channels: u32,
    /// Rows.
    pub height: u16,
    /// Columns.
    pub width: u16,
}

impl Shape {
    /// A vector of units.
    pub const fn vector(units: u32) -> Self {
        Self { channels: units, height: 1, width: 1 }
    }

    /// The same image; None with more than 65,535 rows or columns.
    pub const fn of(image: Image) -> Option<Self> {
        if image.height > u16::MAX as u32 || image.width > u16::MAX as u32 {
            return None;
        }
        Some(Self { channels: image.channels, height: image.height as u16, width: image.width as u16 })
    }

    /// The shape as an image.
    pub const fn image(&self) -> Image {
        Image { channels: self.channels, height: self.height as u32, width: self.width as u32 }
    }

    /// Whether both are the same: a comparison that is const.
    pub(crate) const fn same(self, other: Self) -> bool {
        self.channels == other.channels && self.height == other.height && self.width == other.width
    }

    /// Units of one channel.
    pub const fn plane(&self) -> u32 {
        // Nothing wraps: a product of two numbers below 2^16.
        (self.height as u32).wrapping_mul(self.width as u32)
    }

    /// All units; None without any, and past 2^32 - 1.
    pub const fn units(&self) -> Option<u32> {
        match self.plane().checked_mul(self.channels) {
            Some(0) => None,
            units => units,
        }
    }
}
