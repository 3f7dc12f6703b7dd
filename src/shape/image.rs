/// An image of channels, or a vector (height and width 1): unit `(c * height + y) * width + x`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Image {
    /// Channels.
    pub channels: u32,
    /// Rows.
    pub height: u32,
    /// Columns.
    pub width: u32,
}

impl Image {
    /// A vector of units.
    pub const fn vector(units: u32) -> Self {
        Self { channels: units, height: 1, width: 1 }
    }

    /// Units of a channel.
    pub const fn plane(&self) -> u64 {
        self.height as u64 * self.width as u64
    }

    /// All units; None past 2^32 - 1.
    pub const fn units(&self) -> Option<u32> {
        match self.plane().checked_mul(self.channels as u64) {
            Some(units) if units <= u32::MAX as u64 => Some(units as u32),
            _ => None,
        }
    }
}

/// A window that moves over images: a convolution's kernel, or what a pool looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Window {
    /// Rows.
    pub height: u32,
    /// Columns.
    pub width: u32,
    /// The stride, both ways.
    pub stride: u32,
    /// Rows above and below the image, columns left and right of it, where taps are skipped.
    pub padding: u32,
}

impl Window {
    /// `size` x `size`, half of it as padding, so that with stride 1 an odd window keeps the image's size.
    pub const fn half_padded(size: u32, stride: u32) -> Self {
        Self { height: size, width: size, stride, padding: size / 2 }
    }

    /// Taps.
    pub const fn taps(&self) -> u64 {
        self.height as u64 * self.width as u64
    }

    /// (rows, columns) of positions: `(size + 2 padding - window) / stride + 1`, rounded down. None where the window does not fit, has
    /// no taps or stride, or a position would cover padding alone.
    pub const fn positions(&self, image: &Image) -> Option<(u32, u32)> {
        // Padding below the window's size leaves no window empty.
        if self.padding >= self.height || self.padding >= self.width {
            return None;
        }
        match (self.along(image.height, self.height), self.along(image.width, self.width)) {
            (Some(rows), Some(columns)) => Some((rows, columns)),
            _ => None,
        }
    }

    const fn along(&self, size: u32, window: u32) -> Option<u32> {
        let padded = size as u64 + 2 * self.padding as u64;
        let Some(room) = padded.checked_sub(window as u64) else { return None };
        match room.checked_div(self.stride as u64) {
            // Padding is below the window, so the last place still sees the image if the first does.
            Some(steps) if size > 0 && steps < u32::MAX as u64 => Some(steps as u32 + 1),
            _ => None,
        }
    }
}

/// A 2-d convolution: an image in, `channels` out, by kernels `[c_out][c_in][kh][kw]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Conv {
    /// The input.
    pub input: Image,
    /// Channels out.
    pub channels: u32,
    /// The kernel's window.
    pub window: Window,
}

impl Conv {
    /// The output.
    pub const fn output(&self) -> Option<Image> {
        match self.window.positions(&self.input) {
            Some((height, width)) => Some(Image { channels: self.channels, height, width }),
            None => None,
        }
    }

    /// Multiply-adds of one point, those with padding included.
    pub const fn multiply_adds(&self) -> Option<u64> {
        match (self.output(), self.weights()) {
            (Some(output), Some(weights)) => output.plane().checked_mul(weights),
            _ => None,
        }
    }

    /// Weights.
    pub const fn weights(&self) -> Option<u64> {
        match self.window.taps().checked_mul(self.input.channels as u64) {
            Some(taps) => taps.checked_mul(self.channels as u64),
            None => None,
        }
    }
}

/// A window that takes one number of each place of each channel: average and max pools.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Pool {
    /// The input.
    pub input: Image,
    /// The window.
    pub window: Window,
}

impl Pool {
    /// The output.
    pub const fn output(&self) -> Option<Image> {
        match self.window.positions(&self.input) {
            Some((height, width)) => Some(Image { channels: self.input.channels, height, width }),
            None => None,
        }
    }
}

/// The way past a block that changes the image, without parameters: every `stride`-th row and column, and channels of zeros.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Shortcut {
    /// The input.
    pub input: Image,
    /// Channels out, no fewer than come in.
    pub channels: u32,
    /// The stride, both ways.
    pub stride: u32,
}

impl Shortcut {
    /// What comes out: as from a window of one tap.
    pub const fn output(&self) -> Option<Image> {
        match self.window().positions(&self.input) {
            Some((height, width)) if self.channels >= self.input.channels => {
                Some(Image { channels: self.channels, height, width })
            }
            _ => None,
        }
    }

    pub(crate) const fn window(&self) -> Window {
        Window { height: 1, width: 1, stride: self.stride, padding: 0 }
    }
}
