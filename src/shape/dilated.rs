//! Windows with a stride, a dilation and a padding for each side, as imported models have them.
use super::{Conv, Image, Window};

/// A window over images whose taps may be spread out: with strides and dilations for rows and for columns, and a padding on each side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct DilatedWindow {
    /// Rows of taps.
    pub height: u16,
    /// Columns of taps.
    pub width: u16,
    /// From one position to the next: rows, then columns.
    pub strides: [u8; 2],
    /// From one tap to the next: rows, then columns; 1 for taps that are neighbours.
    pub dilations: [u8; 2],
    /// Rows above the image, columns left of it, rows below and columns right of it, where taps are skipped.
    pub padding: [u8; 4],
}

/// One side of a dilated window: rows or columns.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Axis {
    /// Rows or columns of the image.
    pub size: usize,
    /// Positions of the window.
    pub positions: usize,
    /// Taps.
    pub taps: usize,
    pub stride: usize,
    pub dilation: usize,
    /// Padding before the image.
    pub before: usize,
}

impl Axis {
    /// Where a tap is seen from a position; None outside of the image.
    pub const fn sees(&self, position: usize, tap: usize) -> Option<usize> {
        // Nothing wraps: products of a position below 2^24, or a tap below 2^16, by a number below 2^8.
        let padded = position.wrapping_mul(self.stride).wrapping_add(tap.wrapping_mul(self.dilation));
        match padded.checked_sub(self.before) {
            Some(at) if at < self.size => Some(at),
            _ => None,
        }
    }
}

impl DilatedWindow {
    /// A window of neighbouring taps with the same stride and padding on all sides. None where a number is too large for it.
    pub const fn of(window: &Window) -> Option<Self> {
        let Window { height, width, stride, padding } = *window;
        if height > u16::MAX as u32 || width > u16::MAX as u32 || stride > u8::MAX as u32 || padding > u8::MAX as u32 {
            return None;
        }
        let (stride, padding) = (stride as u8, padding as u8);
        Some(Self {
            height: height as u16,
            width: width as u16,
            strides: [stride; 2],
            dilations: [1; 2],
            padding: [padding; 4],
        })
    }

    /// Taps.
    pub const fn taps(&self) -> u64 {
        self.height as u64 * self.width as u64
    }

    /// (rows, columns) of positions: `(size + padding - (taps - 1) dilation - 1) / stride + 1`, rounded down. None where the window does not
    /// fit, or has no taps, strides or dilations.
    pub const fn positions(&self, image: &Image) -> Option<(u32, u32)> {
        match self.axes(image) {
            Some([rows, columns]) => Some((rows.positions as u32, columns.positions as u32)),
            None => None,
        }
    }

    /// Rows and columns.
    pub(crate) const fn axes(&self, image: &Image) -> Option<[Axis; 2]> {
        let Self { height, width, strides, dilations, padding: [top, left, bottom, right] } = *self;
        match (
            axis(image.height, height, strides[0], dilations[0], (top, bottom)),
            axis(image.width, width, strides[1], dilations[1], (left, right)),
        ) {
            (Some(rows), Some(columns)) => Some([rows, columns]),
            _ => None,
        }
    }

    /// Whether it has positions, and each of them sees something of the image.
    pub(crate) const fn sees_everywhere(&self, image: &Image) -> bool {
        match self.axes(image) {
            Some([rows, columns]) => rows.sees_everywhere() && columns.sees_everywhere(),
            None => false,
        }
    }
}

const fn axis(size: u32, taps: u16, stride: u8, dilation: u8, (before, after): (u8, u8)) -> Option<Axis> {
    // Images of imported models have at most 65,535 rows and columns.
    if size == 0 || size > u16::MAX as u32 || taps == 0 || dilation == 0 {
        return None;
    }
    // Nothing wraps: sums of numbers below 2^25.
    let extent = ((taps - 1) as u32).wrapping_mul(dilation as u32).wrapping_add(1);
    let padded = size.wrapping_add(before as u32).wrapping_add(after as u32);
    let Some(room) = padded.checked_sub(extent) else { return None };
    match room.checked_div(stride as u32) {
        Some(steps) => Some(Axis {
            size: size as usize,
            positions: steps.wrapping_add(1) as usize,
            taps: taps as usize,
            stride: stride as usize,
            dilation: dilation as usize,
            before: before as usize,
        }),
        None => None,
    }
}

impl Axis {
    /// Whether each position sees something of the image. Taps that are farther apart than the image is long are refused.
    const fn sees_everywhere(&self) -> bool {
        let Self { size, positions, taps, stride, dilation, before } = *self;
        let first = before <= taps.saturating_sub(1).saturating_mul(dilation);
        let last = positions.saturating_sub(1).saturating_mul(stride) < size.saturating_add(before);
        first && last && (taps == 1 || dilation <= size)
    }
}

/// A convolution by a dilated window: groups of channels in, each seen by a group of channels out, with kernels
/// `[c_out][c_in / groups][kh][kw]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct GroupedConv {
    /// The input.
    pub input: Image,
    /// Channels out.
    pub channels: u32,
    /// Groups; they divide the channels in and out.
    pub groups: u32,
    /// The kernel's window.
    pub window: DilatedWindow,
    /// Whether chains go through the taps before the channels in.
    pub taps_first: bool,
}

impl GroupedConv {
    /// The output. None where the window does not fit, or the groups do not divide the channels.
    pub const fn output(&self) -> Option<Image> {
        match (self.window.positions(&self.input), self.per_group()) {
            (Some((height, width)), Some(_)) => Some(Image { channels: self.channels, height, width }),
            _ => None,
        }
    }

    /// (channels in, channels out) of a group; None where the groups do not divide them, or there are none.
    pub const fn per_group(&self) -> Option<(u32, u32)> {
        match (self.input.channels.checked_div(self.groups), self.channels.checked_div(self.groups)) {
            (Some(inputs), Some(outputs)) if inputs > 0 && outputs > 0 => {
                let divided =
                    self.input.channels.is_multiple_of(self.groups) && self.channels.is_multiple_of(self.groups);
                if divided { Some((inputs, outputs)) } else { None }
            }
            _ => None,
        }
    }

    /// Weights of a channel out.
    pub const fn weights_each(&self) -> Option<u64> {
        match self.per_group() {
            Some((inputs, _)) => self.window.taps().checked_mul(inputs as u64),
            None => None,
        }
    }

    /// Weights.
    pub const fn weights(&self) -> Option<u64> {
        match self.weights_each() {
            Some(each) => each.checked_mul(self.channels as u64),
            None => None,
        }
    }

    /// The convolution that a group is between rows and columns of zeros, which has no padding. None where its strides are not the same, or its
    /// taps no neighbours.
    pub(crate) const fn padded_group(&self) -> Option<Conv> {
        let DilatedWindow { height, width, strides: [down, across], dilations, padding } = self.window;
        let [top, left, bottom, right] = padding;
        let apart = (height > 1 && dilations[0] > 1) || (width > 1 && dilations[1] > 1);
        let Some((inputs, outputs)) = self.per_group() else { return None };
        if apart || down != across {
            return None;
        }
        // Nothing saturates: images of imported models have at most 65,535 rows and columns.
        let rows = self.input.height.saturating_add(top as u32).saturating_add(bottom as u32);
        let columns = self.input.width.saturating_add(left as u32).saturating_add(right as u32);
        let window = Window { height: height as u32, width: width as u32, stride: down as u32, padding: 0 };
        Some(Conv { input: Image { channels: inputs, height: rows, width: columns }, channels: outputs, window })
    }

    /// Multiply-adds of one point, those with padding included.
    pub const fn multiply_adds(&self) -> Option<u64> {
        match (self.output(), self.weights()) {
            (Some(output), Some(weights)) => output.plane().checked_mul(weights),
            _ => None,
        }
    }
}

/// A dilated window that takes one number of each position of each channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct DilatedPool {
    /// The input.
    pub input: Image,
    /// The window.
    pub window: DilatedWindow,
}

impl DilatedPool {
    /// The output. None where the window does not fit, or a position sees nothing of the image.
    pub const fn output(&self) -> Option<Image> {
        match self.window.positions(&self.input) {
            Some((height, width)) if self.window.sees_everywhere(&self.input) => {
                Some(Image { channels: self.input.channels, height, width })
            }
            _ => None,
        }
    }

    /// Whether a byte does not hold the number of a tap.
    pub(crate) const fn is_wide(&self) -> bool {
        self.window.taps() > 256
    }

    /// Bytes of tape of a max pool at so many points: one or two for each output.
    pub(crate) const fn tape_len(&self, points: u64) -> u64 {
        match self.output() {
            // Nothing saturates that has facts.
            Some(output) => {
                let each = points.saturating_mul(if self.is_wide() { 2 } else { 1 });
                output.plane().saturating_mul(output.channels as u64).saturating_mul(each)
            }
            None => 0,
        }
    }
}
