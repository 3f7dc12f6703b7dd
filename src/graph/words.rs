use super::{Node, Op, Shape};
use crate::layer::Window;

/// Words of an encoded node.
pub const NODE_WORDS: usize = 12;

/// An encoded node: its operation's tag, flag in bit 8, and at most five numbers of the operation; its operands, its shape in two words, its
/// address and its last use. What an operation has no number for is 0.
pub type NodeWords = [u32; NODE_WORDS];

/// The tag of an operation, its flag, and its numbers. Tags are written to files and sent to devices: none ever changes.
const fn of_op(op: &Op) -> (u32, bool, [u32; 5]) {
    const fn window(first: u32, window: &Window) -> [u32; 5] {
        [first, window.height, window.width, window.stride, window.padding]
    }
    const fn shape(shape: &Shape) -> [u32; 5] {
        [shape.channels, shape.height as u32, shape.width as u32, 0, 0]
    }
    match op {
        Op::Input { shape: s } => (1, false, shape(s)),
        Op::Reshape { shape: s } => (2, false, shape(s)),
        Op::Dense { outputs, bias } => (3, *bias, [*outputs, 0, 0, 0, 0]),
        Op::Conv { channels, window: w, bias } => (4, *bias, window(*channels, w)),
        Op::Relu => (5, false, [0; 5]),
        Op::Prelu { slope } => (6, false, [slope.to_bits(), 0, 0, 0, 0]),
        Op::Crelu => (7, false, [0; 5]),
        Op::BatchNorm { eps, momentum } => (8, false, [eps.to_bits(), momentum.to_bits(), 0, 0, 0]),
        Op::AveragePool { window: w } => (9, false, window(0, w)),
        Op::MaxPool { window: w } => (10, false, window(0, w)),
        Op::Dropout { rate } => (11, false, [rate.to_bits(), 0, 0, 0, 0]),
        Op::Shortcut { channels, stride } => (12, false, [*channels, *stride, 0, 0, 0]),
        Op::Add { a, b } => (13, false, [a.to_bits(), b.to_bits(), 0, 0, 0]),
        Op::Normalise { eps } => (14, false, [eps.to_bits(), 0, 0, 0, 0]),
        Op::Centre => (15, false, [0; 5]),
    }
}

/// The operation of words; None for a tag or numbers that are of none.
#[inline(always)]
const fn op_of(words: &NodeWords) -> Option<Op> {
    // Each arm reads what it needs: a step of training decodes every node twice.
    #[inline(always)]
    const fn window([_, _, height, width, stride, padding, ..]: &NodeWords) -> Window {
        Window { height: *height, width: *width, stride: *stride, padding: *padding }
    }
    #[inline(always)]
    const fn shape([_, channels, height, width, ..]: &NodeWords) -> Option<Shape> {
        if *height > u16::MAX as u32 || *width > u16::MAX as u32 {
            return None;
        }
        Some(Shape { channels: *channels, height: *height as u16, width: *width as u16 })
    }
    let (flag, first, second) = (words[0] >> 8 == 1, words[1], words[2]);
    Some(match words[0] & 0xff {
        1 => match shape(words) {
            Some(shape) => Op::Input { shape },
            None => return None,
        },
        2 => match shape(words) {
            Some(shape) => Op::Reshape { shape },
            None => return None,
        },
        3 => Op::Dense { outputs: first, bias: flag },
        4 => Op::Conv { channels: first, window: window(words), bias: flag },
        5 => Op::Relu,
        6 => Op::Prelu { slope: f32::from_bits(first) },
        7 => Op::Crelu,
        8 => Op::BatchNorm { eps: f32::from_bits(first), momentum: f32::from_bits(second) },
        9 => Op::AveragePool { window: window(words) },
        10 => Op::MaxPool { window: window(words) },
        11 => Op::Dropout { rate: f32::from_bits(first) },
        12 => Op::Shortcut { channels: first, stride: second },
        13 => Op::Add { a: f32::from_bits(first), b: f32::from_bits(second) },
        14 => Op::Normalise { eps: f32::from_bits(first) },
        15 => Op::Centre,
        _ => return None,
    })
}

impl Node {
    /// The node in words that are the same on every core.
    pub const fn to_words(&self) -> NodeWords {
        let (tag, flag, [a, b, c, d, e]) = of_op(&self.op);
        let Shape { channels, height, width } = self.shape;
        let extent = height as u32 | (width as u32) << 16;
        [tag | (flag as u32) << 8, a, b, c, d, e, self.x, self.y, channels, extent, self.address, self.last_use]
    }

    /// The node of these words; None where they are none that [`Node::to_words`] writes.
    #[inline(never)]
    pub const fn from_words(words: &NodeWords) -> Option<Self> {
        let Some(node) = Self::of_checked(words) else { return None };
        // One node, one encoding: what is hashed has no second form.
        let again = node.to_words();
        let mut i = 0;
        while i < NODE_WORDS {
            if again[i] != words[i] {
                return None;
            }
            i = i.wrapping_add(1);
        }
        Some(node)
    }

    /// The same of words that are known to be those of a node.
    #[inline(always)]
    pub(super) const fn of_checked(words: &NodeWords) -> Option<Self> {
        let [_, _, _, _, _, _, x, y, .., address, last_use] = *words;
        let Some(op) = op_of(words) else { return None };
        Some(Self { op, x, y, shape: shape_of(words), address, last_use })
    }
}

/// The shape of a node.
#[inline(always)]
pub(super) const fn shape_of(words: &NodeWords) -> Shape {
    let [.., channels, extent, _, _] = *words;
    Shape { channels, height: extent as u16, width: (extent >> 16) as u16 }
}

/// Whether it is an input.
#[inline(always)]
pub(super) const fn is_input(words: &NodeWords) -> bool {
    words[0] == 1
}

/// The last use of its value.
#[inline(always)]
pub(super) const fn last_use_of(words: &NodeWords) -> u32 {
    let [.., last_use] = *words;
    last_use
}
