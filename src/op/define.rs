//! What is made from the list of operations in `mod.rs`. An entry `if` a feature is refused without it, and its numbers are no code.
use super::Op;
use crate::shape::Shape;

/// An entry of the list of operations.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Entry {
    /// The tag of its encoded nodes.
    pub tag: u32,
    /// What it computes, in words.
    pub about: &'static str,
    /// Name, type and meaning of each of its numbers.
    pub numbers: &'static [[&'static str; 3]],
    /// An example.
    pub op: Op,
    /// The shape of each operand of the example.
    pub operand: Shape,
}

/// [`Op`] itself: names, tags, facts, numbers in words, and examples.
macro_rules! define {
    (($x:ident $y:ident $tile:ident $learns:ident) $(
        $(#[doc = $doc:literal])*
        $tag:literal $name:literal $(if $feature:tt)? $(fn $method:ident)?:
        $variant:ident $({ $($(#[doc = $about:literal])* $field:ident: $kind:ident,)* })?,
        $facts:expr, $backward:expr, ($op:expr, $operand:expr);
    )*) => {
        /// An operation. What it needs and what it costs is in its [`Facts`].
        #[derive(Clone, Copy, Debug, PartialEq)]
        #[cfg_attr(feature = "defmt", derive(defmt::Format))]
        pub enum Op {
            $($(#[doc = $doc])* $variant $({ $($(#[doc = $about])* $field: $kind,)* })?,)*
        }

        impl Op {
            /// The list of operations.
            pub const LIST: &'static [Entry] = &[$(Entry {
                tag: $tag,
                about: concat!($($doc),*),
                numbers: &[$($([stringify!($field), stringify!($kind), concat!($($about),*)],)*)?],
                op: $op,
                operand: $operand,
            },)*];

            /// The name.
            pub const fn name(&self) -> &'static str {
                match self {
                    $(Op::$variant { .. } => $name,)*
                }
            }

            /// Output shape and cost for operands of these shapes. An operation with one operand gets it twice.
            ///
            /// # Errors
            /// [`Error::InvalidSpec`] where the shapes do not fit the operation, or one of its numbers is out of range.
            #[allow(unused_variables, reason = "not every operation uses all of its numbers, or both operands")]
            pub const fn facts(&self, $x: Shape, $y: Shape) -> Result<Facts, Error> {
                match *self {
                    $(Op::$variant $({ $($field),* })? => {
                        $(if !cfg!(feature = $feature) {
                            return Err(Error::InvalidSpec(InvalidSpec::Feature));
                        })?
                        $facts
                    })*
                }
            }

            /// What the backward pass needs, for a first operand of this shape and tiles of at most 64 points, with gradients of its parameters
            /// or without. It is for operations that have [facts](Op::facts).
            #[allow(unused_variables, reason = "not every operation uses all of its numbers")]
            pub const fn backward(&self, $x: Shape, $tile: u32, $learns: bool) -> BackwardFacts {
                match *self {
                    $(Op::$variant $({ $($field),* })? => {
                        $(if !cfg!(feature = $feature) {
                            return BackwardFacts::NOTHING;
                        })?
                        $backward
                    })*
                }
            }

            /// The first words of an encoded node: its tag with a flag in bit 8, and its numbers.
            pub(crate) const fn to_words(self) -> [u32; OP_WORDS] {
                let mut numbers = Writer::new();
                let tag = match self {
                    $(Op::$variant $({ $($field),* })? => {
                        if true $(&& cfg!(feature = $feature))? {
                            $($(numbers.$kind($field);)*)?
                        }
                        $tag
                    })*
                };
                numbers.with_tag(tag)
            }

            /// Whether encoded nodes with this tag are of an operation whose feature is not enabled.
            pub(crate) const fn is_left_out(tag: u32) -> bool {
                match tag & 0xff {
                    $($($tag => !cfg!(feature = $feature),)?)*
                    _ => false,
                }
            }

            /// The operation of an encoded node; None for a tag or numbers that are of none.
            #[inline(always)]
            #[allow(unused_mut, unused_variables, reason = "some operations have no numbers")]
            pub(crate) const fn of_words(words: &NodeWords) -> Option<Self> {
                Some(match words[0] & 0xff {
                    // Each arm reads what it needs: a step of training decodes every node twice.
                    $($tag => {
                        $(if !cfg!(feature = $feature) {
                            return None;
                        })?
                        let mut numbers = Reader::of(words);
                        Op::$variant $({ $($field: match numbers.$kind() {
                            Some(number) => number,
                            None => return None,
                        },)* })?
                    })*
                    _ => return None,
                })
            }
        }
    };
}
