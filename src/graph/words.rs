use super::{Node, Op, Shape};
use crate::op::{NODE_WORDS, NodeWords, OP_WORDS};

impl Node {
    /// The node in words that are the same on every core.
    pub const fn to_words(&self) -> NodeWords {
        let [op, a, b, c, d, e]: [u32; OP_WORDS] = self.op.to_words();
        let Shape { channels, height, width } = self.shape;
        let extent = height as u32 | (width as u32) << 16;
        let op = op | (self.frozen[0] as u32) << FROZEN | (self.frozen[1] as u32) << (FROZEN + 1);
        [op, a, b, c, d, e, self.x, self.y, channels, extent, self.address, self.last_use]
    }

    /// The node of these words; None where they are none that [`Node::to_words`] writes, and of an operation whose
    /// feature `models` is not compiled in.
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
        let Some(op) = Op::of_words(words) else { return None };
        let frozen = [words[0] >> FROZEN & 1 == 1, words[0] >> (FROZEN + 1) & 1 == 1];
        Some(Self { op, x, y, shape: shape_of(words), address, last_use, frozen })
    }
}

/// The bit that says that weights are frozen; the next one says it of other parameters.
const FROZEN: u32 = 9;

/// The shape of a node.
#[inline(always)]
pub(super) const fn shape_of(words: &NodeWords) -> Shape {
    let [.., channels, extent, _, _] = *words;
    Shape { channels, height: extent as u16, width: (extent >> 16) as u16 }
}

/// Whether it is an input.
#[inline(always)]
pub(super) const fn is_input(words: &NodeWords) -> bool {
    words[0] == 1 || (cfg!(feature = "int8") && words[0] == 51)
}

/// Whether its value is of i8: the tags of operations on bytes but the last, which makes numbers of them.
#[inline(always)]
pub(super) const fn is_int8(words: &NodeWords) -> bool {
    let tag = words[0] & 0xff;
    51 <= tag && tag <= 65
}

/// The last use of its value.
#[inline(always)]
pub(super) const fn last_use_of(words: &NodeWords) -> u32 {
    let [.., last_use] = *words;
    last_use
}
