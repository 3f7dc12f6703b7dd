//! The numbers of an operation as words that are the same on every core. Methods have the names of the types.
#![allow(non_snake_case, reason = "the list of operations calls them by the types of its fields")]
use super::{Axis, DilatedWindow, Function, Int8Range, PadMode, Pair, Reduction, Window};
use crate::shape::Shape;

/// Words of an encoded node.
pub const NODE_WORDS: usize = 12;

/// An encoded node: its operation's tag, in bit 8 its flag, in bits 9 and 10 which parameters are frozen, and at most five numbers of the operation;
/// its operands, its shape in two words, its address and its last use. What an operation has no number for is 0.
pub type NodeWords = [u32; NODE_WORDS];

/// Words of an encoded operation: the tag, with a flag in bit 8, and at most five numbers. What it has no number for is 0.
pub(crate) const OP_WORDS: usize = 6;

/// Writes the numbers of an operation in the order of its fields.
pub(super) struct Writer {
    words: [u32; OP_WORDS],
    at: usize,
}

impl Writer {
    pub const fn new() -> Self {
        Self { words: [0; OP_WORDS], at: 1 }
    }

    pub const fn with_tag(self, tag: u32) -> [u32; OP_WORDS] {
        let mut words = self.words;
        words[0] |= tag;
        words
    }

    pub const fn u32(&mut self, x: u32) {
        // No panic: no operation has more than five numbers.
        if self.at < OP_WORDS {
            self.words[self.at] = x;
            self.at = self.at.wrapping_add(1);
        }
    }

    pub const fn f32(&mut self, x: f32) {
        self.u32(x.to_bits());
    }

    pub const fn i32(&mut self, x: i32) {
        self.u32(x as u32);
    }

    pub const fn bool(&mut self, x: bool) {
        self.words[0] |= (x as u32) << 8;
    }

    pub const fn Window(&mut self, Window { height, width, stride, padding }: Window) {
        self.u32(height);
        self.u32(width);
        self.u32(stride);
        self.u32(padding);
    }

    pub const fn DilatedWindow(&mut self, window: DilatedWindow) {
        let DilatedWindow { height, width, strides, dilations, padding } = window;
        let [down, across] = strides;
        let [dilated_down, dilated_across] = dilations;
        self.u32(height as u32 | (width as u32) << 16);
        self.u32(u32::from_le_bytes([down, across, dilated_down, dilated_across]));
        self.u32(u32::from_le_bytes(padding));
    }

    pub const fn Int8Range(&mut self, Int8Range { operand_zero, zero, least, most }: Int8Range) {
        self.u32(u32::from_le_bytes([operand_zero as u8, zero as u8, least as u8, most as u8]));
    }

    pub const fn Shape(&mut self, Shape { channels, height, width }: Shape) {
        self.u32(channels);
        self.u32(height as u32);
        self.u32(width as u32);
    }
}

/// Reads them.
pub(super) struct Reader<'w> {
    words: &'w NodeWords,
    at: usize,
}

impl<'w> Reader<'w> {
    #[inline(always)]
    pub const fn of(words: &'w NodeWords) -> Self {
        Self { words, at: 1 }
    }

    #[inline(always)]
    pub const fn u32(&mut self) -> Option<u32> {
        if self.at >= OP_WORDS {
            return None;
        }
        let word = self.words[self.at];
        self.at = self.at.wrapping_add(1);
        Some(word)
    }

    #[inline(always)]
    pub const fn f32(&mut self) -> Option<f32> {
        match self.u32() {
            Some(bits) => Some(f32::from_bits(bits)),
            None => None,
        }
    }

    #[inline(always)]
    pub const fn i32(&mut self) -> Option<i32> {
        match self.u32() {
            Some(word) => Some(word as i32),
            None => None,
        }
    }

    #[inline(always)]
    pub const fn bool(&mut self) -> Option<bool> {
        Some(self.words[0] >> 8 & 1 == 1)
    }

    #[inline(always)]
    pub const fn Window(&mut self) -> Option<Window> {
        match (self.u32(), self.u32(), self.u32(), self.u32()) {
            (Some(height), Some(width), Some(stride), Some(padding)) => Some(Window { height, width, stride, padding }),
            _ => None,
        }
    }

    #[inline(always)]
    pub const fn DilatedWindow(&mut self) -> Option<DilatedWindow> {
        match (self.u32(), self.u32(), self.u32()) {
            (Some(taps), Some(steps), Some(padding)) => {
                let [down, across, dilated_down, dilated_across] = steps.to_le_bytes();
                Some(DilatedWindow {
                    height: taps as u16,
                    width: (taps >> 16) as u16,
                    strides: [down, across],
                    dilations: [dilated_down, dilated_across],
                    padding: padding.to_le_bytes(),
                })
            }
            _ => None,
        }
    }

    #[inline(always)]
    pub const fn Int8Range(&mut self) -> Option<Int8Range> {
        match self.u32() {
            Some(word) => {
                let [operand_zero, zero, least, most] = word.to_le_bytes();
                Some(Int8Range {
                    operand_zero: operand_zero as i8,
                    zero: zero as i8,
                    least: least as i8,
                    most: most as i8,
                })
            }
            None => None,
        }
    }

    #[inline(always)]
    pub const fn Shape(&mut self) -> Option<Shape> {
        match (self.u32(), self.u32(), self.u32()) {
            (Some(channels), Some(height), Some(width)) if height <= u16::MAX as u32 && width <= u16::MAX as u32 => {
                Some(Shape { channels, height: height as u16, width: width as u16 })
            }
            _ => None,
        }
    }
}

/// Numbers of enums, which never change.
macro_rules! numbered {
    ($($kind:ident)*) => {
        impl Writer {
            $(pub const fn $kind(&mut self, x: $kind) {
                self.u32(x as u32);
            })*
        }

        impl Reader<'_> {
            $(#[inline(always)]
            pub const fn $kind(&mut self) -> Option<$kind> {
                match self.u32() {
                    Some(number) => $kind::of_number(number),
                    None => None,
                }
            })*
        }
    };
}
numbered!(Axis Function PadMode Pair Reduction);
