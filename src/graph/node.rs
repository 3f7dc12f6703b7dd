use super::{Facts, NodeWords, Op, Shape, words};
use crate::error::{Error, InvalidSpec};
use crate::op::words_of_bytes;
use crate::spec::Spec;
use core::ops::Range;

/// Node i of a graph, which computes value i.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Node {
    /// What it computes.
    pub op: Op,
    /// The value that is its first operand: one before its own. Of an input 0.
    pub x: u32,
    /// The second operand; the first again where there is one alone.
    pub y: u32,
    /// The shape of its value.
    pub shape: Shape,
    /// The number of its layer, for messages and random draws. It is independent of the node's index.
    pub address: u32,
    /// The last node that has its value as an operand; the number of nodes for an output of the network.
    pub last_use: u32,
    /// Whether its weights, gamma or slopes, and its biases or beta, are frozen: they get no gradient and keep their values in training. False
    /// where it has none.
    pub frozen: [bool; 2],
}

const _: () = assert!(size_of::<Node>() <= 52);

impl Node {
    /// A placeholder, to initialise memory with.
    pub const EMPTY: Self =
        Self { op: Op::Relu, x: 0, y: 0, shape: Shape::vector(0), address: 0, last_use: 0, frozen: [false; 2] };

    /// Whether it is an input of the network.
    pub const fn is_input(&self) -> bool {
        self.op.is_input()
    }

    /// Whether any of its parameters learns, for a first operand of this shape.
    pub(crate) const fn learns(&self, x: Shape) -> bool {
        match self.op.facts(x, x) {
            Ok(facts) => {
                let [weights, others] = facts.parameters;
                (weights > 0 && !self.frozen[0]) || (others > 0 && !self.frozen[1])
            }
            Err(_) => false,
        }
    }

    /// Whether any of its parameters is frozen.
    #[inline(always)]
    pub(crate) const fn is_frozen(&self) -> bool {
        self.frozen[0] || self.frozen[1]
    }
}

/// A checked list of nodes.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Graph<'a> {
    nodes: Nodes<'a>,
    /// Whether any value is of i8: others are not asked.
    #[cfg(feature = "int8")]
    int8: bool,
}

#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
enum Nodes<'a> {
    List(&'a [Node]),
    Words(&'a [NodeWords]),
    /// Nodes in closed form, and their number.
    Family(&'a Spec, usize),
}

// Devices train graphs as words, so the other forms are read out of line.
impl Nodes<'_> {
    #[inline(always)]
    const fn len(&self) -> usize {
        match self {
            Nodes::List(nodes) => nodes.len(),
            Nodes::Words(words) => words.len(),
            Nodes::Family(_, len) => *len,
        }
    }

    /// Node i; None past the end, and for words that are none.
    const fn checked(&self, i: usize) -> Option<Node> {
        match self {
            Nodes::Words(words) if i < words.len() => Node::from_words(&words[i]),
            _ => self.get(i),
        }
    }

    /// Node i of those that were checked; None past the end.
    #[inline(always)]
    const fn get(&self, i: usize) -> Option<Node> {
        // No panic: i is below the length, here and below; `get` is not const.
        match self {
            Nodes::Words(words) if i < words.len() => Node::of_checked(&words[i]),
            Nodes::Words(_) => None,
            _ => self.other(i),
        }
    }

    #[inline(never)]
    const fn other(&self, i: usize) -> Option<Node> {
        match self {
            Nodes::List(nodes) if i < nodes.len() => Some(nodes[i]),
            Nodes::Family(spec, len) if i < *len => Some(spec.node(i)),
            _ => None,
        }
    }

    /// The shape of node i, which takes less than the node.
    #[inline(always)]
    const fn shape(&self, i: usize) -> Shape {
        match self {
            Nodes::Words(words) if i < words.len() => words::shape_of(&words[i]),
            Nodes::Words(_) => Shape::vector(0),
            _ => self.other_shape(i),
        }
    }

    #[inline(never)]
    const fn other_shape(&self, i: usize) -> Shape {
        match self {
            Nodes::List(nodes) if i < nodes.len() => nodes[i].shape,
            Nodes::Family(spec, _) => Shape::vector(spec.units(i)),
            _ => Shape::vector(0),
        }
    }

    /// The last use of value i.
    #[inline(always)]
    const fn last_use(&self, i: usize) -> u32 {
        match self {
            Nodes::Words(words) if i < words.len() => words::last_use_of(&words[i]),
            Nodes::Words(_) => 0,
            _ => self.other_last_use(i),
        }
    }

    #[inline(never)]
    const fn other_last_use(&self, i: usize) -> u32 {
        match self {
            Nodes::List(nodes) if i < nodes.len() => nodes[i].last_use,
            Nodes::Family(spec, _) => spec.last_use(i),
            _ => 0,
        }
    }
}

impl<'a> Graph<'a> {
    /// The most nodes of a graph.
    pub const MAX_NODES: usize = 1 << 24;

    /// Checks every node.
    ///
    /// # Errors
    /// [`Error::InvalidSpec`] with [`InvalidSpec::Layers`] for a list without nodes or with too many; [`Error::InvalidNode`] with the first node that is
    /// refused, and why: [`InvalidSpec::Operand`] for an operand that does not come before it and for an input after another operation,
    /// [`InvalidSpec::Shape`] for a shape that is not what the operation makes of its operands, [`InvalidSpec::LastUse`] for a value whose last use
    /// is not what it says, or which nothing uses; and the errors of [`Op::facts`].
    pub const fn new(nodes: &'a [Node]) -> Result<Self, Error> {
        Self::checked(Nodes::List(nodes))
    }

    /// The same of encoded nodes, which are decoded one at a time.
    ///
    /// # Errors
    /// As [`Graph::new`], and [`InvalidSpec::Operation`] for words that are no node.
    pub const fn from_words(words: &'a [NodeWords]) -> Result<Self, Error> {
        Self::checked(Nodes::Words(words))
    }

    /// The graph of one of the paper's networks, in closed form: neither memory nor the time of this check depends on the depth.
    ///
    /// # Errors
    /// As [`Spec::check`].
    pub const fn family(spec: &'a Spec) -> Result<Self, Error> {
        match spec.check() {
            Ok(()) => Ok(Self {
                nodes: Nodes::Family(spec, spec.nodes_len()),
                #[cfg(feature = "int8")]
                int8: false,
            }),
            Err(error) => Err(error),
        }
    }

    /// The spec of a family in closed form.
    pub(crate) const fn spec(&self) -> Option<&'a Spec> {
        match self.nodes {
            Nodes::Family(spec, _) => Some(spec),
            _ => None,
        }
    }

    /// The next node of a loop that visits only the first of identical blocks, and the number of nodes that node i represents.
    #[inline(always)]
    pub(crate) const fn next_kind(&self, i: usize) -> (usize, u64) {
        match self.nodes {
            Nodes::Family(spec, _) => spec.next_kind(i),
            // Nothing wraps: fewer than 2^26 nodes.
            _ => (i.wrapping_add(1), 1),
        }
    }

    const fn checked(nodes: Nodes<'a>) -> Result<Self, Error> {
        // Nodes are asked for their types while it is not known whether any is of i8.
        #[cfg_attr(not(feature = "int8"), allow(unused_mut))]
        let mut graph = Self {
            nodes,
            #[cfg(feature = "int8")]
            int8: true,
        };
        if graph.is_empty() || graph.len() > Self::MAX_NODES {
            return Err(Error::InvalidSpec(InvalidSpec::Layers));
        }
        #[cfg(feature = "int8")]
        let mut any = false;
        let mut i = 0;
        while i < graph.len() {
            if let Err(error) = graph.check(i) {
                return Err(match error {
                    Error::InvalidSpec(reason) => Error::InvalidNode { node: i as u32, reason },
                    error => error,
                });
            }
            #[cfg(feature = "int8")]
            {
                any |= graph.is_int8(i);
            }
            i = i.wrapping_add(1);
        }
        #[cfg(feature = "int8")]
        {
            graph.int8 = any;
        }
        Ok(graph)
    }

    /// Number of nodes.
    pub const fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there are none, which is so for no graph that was checked.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Node i; None past the end.
    #[inline]
    pub const fn node(&self, i: u32) -> Option<Node> {
        self.nodes.get(i as usize)
    }

    /// Node i of those that there are.
    pub(crate) const fn at(&self, i: usize) -> Node {
        match self.nodes.get(i) {
            Some(node) => node,
            None => Node::EMPTY,
        }
    }

    /// Whether node i is an input of the network.
    pub(crate) const fn is_input(&self, i: usize) -> bool {
        match self.nodes {
            // No panic: i is below the length.
            Nodes::List(nodes) if i < nodes.len() => nodes[i].is_input(),
            Nodes::Words(words) if i < words.len() => words::is_input(&words[i]),
            Nodes::Family(..) => i == 0,
            _ => false,
        }
    }

    /// The words of value i in memory: its units, or its bytes by four. Of a graph that was checked they are fewer than 2^32.
    #[inline(always)]
    pub(crate) const fn units(&self, i: usize) -> usize {
        let shape = self.nodes.shape(i);
        let units = (shape.channels as usize).wrapping_mul(shape.plane() as usize);
        if self.has_int8() && self.is_int8(i) { words_of_bytes(units as u64) as usize } else { units }
    }

    /// Words of value i in memory, which hold an element of f32 or four bytes each; 0 past the end.
    pub const fn words(&self, i: u32) -> u32 {
        if (i as usize) < self.len() { self.units(i as usize) as u32 } else { 0 }
    }

    /// Whether value i is of i8.
    pub const fn is_int8(&self, i: usize) -> bool {
        if !self.has_int8() {
            return false;
        }
        match self.nodes {
            Nodes::List(nodes) if i < nodes.len() => nodes[i].op.is_int8()[1],
            Nodes::Words(list) if i < list.len() => words::is_int8(&list[i]),
            _ => false,
        }
    }

    /// Whether any value is of i8.
    pub const fn has_int8(&self) -> bool {
        #[cfg(feature = "int8")]
        return self.int8;
        #[cfg(not(feature = "int8"))]
        false
    }

    /// The shape of value i.
    pub(crate) const fn shape(&self, i: usize) -> Shape {
        self.nodes.shape(i)
    }

    /// The last node that has value i as an operand.
    pub(crate) const fn last_use(&self, i: usize) -> u32 {
        self.nodes.last_use(i)
    }

    /// What node i needs; None past the end.
    pub const fn facts(&self, i: u32) -> Option<Facts> {
        let Some(node) = self.node(i) else { return None };
        match node.op.facts(self.shape(node.x as usize), self.shape(node.y as usize)) {
            Ok(facts) => Some(facts),
            Err(_) => None,
        }
    }

    /// Whether node i has parameters that are not frozen.
    pub const fn learns(&self, i: u32) -> bool {
        match self.node(i) {
            Some(node) => node.learns(self.shape(node.x as usize)),
            None => false,
        }
    }

    /// The parameters that are not frozen, as ranges of all parameters in the order of the nodes, ascending.
    pub fn learning(&self) -> impl Iterator<Item = Range<u64>> + use<'a> {
        let graph = *self;
        let mut end = 0u64;
        (0..self.len() as u32).flat_map(move |i| {
            let lens = graph.facts(i).map_or([0; 2], |facts| facts.parameters);
            let frozen = graph.at(i as usize).frozen;
            let ranges = [0, 1].map(|kind: usize| {
                let (len, frozen) = if kind == 0 { (lens[0], frozen[0]) } else { (lens[1], frozen[1]) };
                let start = end;
                // Does not saturate in a graph whose parameters can be counted.
                end = end.saturating_add(len);
                if frozen { end..end } else { start..end }
            });
            ranges.into_iter().filter(|range| !range.is_empty())
        })
    }

    /// The numbers of the nodes, ascending; of identical blocks of a family only those of the first.
    pub fn distinct(&self) -> impl Iterator<Item = u32> + use<'a> {
        let graph = *self;
        let after = move |i: &u32| Some(graph.next_kind(*i as usize).0 as u32);
        core::iter::successors(Some(0), after).take_while(move |i| (*i as usize) < graph.len())
    }

    /// The numbers of the inputs' nodes.
    pub fn inputs(&self) -> impl Iterator<Item = u32> + use<'a> {
        let graph = *self;
        (0..).take_while(move |i| graph.is_input(*i as usize))
    }

    /// The numbers of the outputs' nodes.
    pub fn outputs(&self) -> impl Iterator<Item = u32> + use<'a> {
        let graph = *self;
        let len = self.len() as u32;
        (0..len).filter(move |i| graph.last_use(*i as usize) == len)
    }

    /// Checks node i; those before it have been.
    const fn check(&self, i: usize) -> Result<(), Error> {
        let Some(node) = self.nodes.checked(i) else {
            let left_out = match self.nodes {
                // No panic: i is below the length.
                Nodes::Words(words) if i < words.len() => Op::is_left_out(words[i][0]),
                _ => false,
            };
            let refusal = if left_out { InvalidSpec::Feature } else { InvalidSpec::Operation };
            return Err(Error::InvalidSpec(refusal));
        };
        let (x, y) = (node.x as usize, node.y as usize);
        if node.is_input() {
            let first = match i.checked_sub(1) {
                Some(before) => self.at(before).is_input(),
                None => true,
            };
            if !first || x != 0 || y != 0 {
                return Err(Error::InvalidSpec(InvalidSpec::Operand));
            }
        } else {
            if x >= i || y >= i || (x != y && !node.op.is_binary()) {
                return Err(Error::InvalidSpec(InvalidSpec::Operand));
            }
            // Together with what is checked of `last_use` below: the last use is the greatest of all uses.
            if (self.last_use(x) as usize) < i || (self.last_use(y) as usize) < i {
                return Err(Error::InvalidSpec(InvalidSpec::LastUse));
            }
        }
        if !node.is_input() && cfg!(feature = "int8") {
            let [of_operands, _] = node.op.is_int8();
            if self.is_int8(x) != of_operands || self.is_int8(y) != of_operands {
                return Err(Error::InvalidSpec(InvalidSpec::Type));
            }
        }
        match node.op.facts(self.shape(x), self.shape(y)) {
            Ok(facts) if facts.shape.same(node.shape) => {
                let [weights, others] = facts.parameters;
                if (weights == 0 && node.frozen[0]) || (others == 0 && node.frozen[1]) {
                    return Err(Error::InvalidSpec(InvalidSpec::Operation));
                }
            }
            Ok(_) => return Err(Error::InvalidSpec(InvalidSpec::Shape)),
            Err(error) => return Err(error),
        }
        let last = node.last_use as usize;
        let used = if last < self.len() {
            let user = self.at(last);
            last > i && !user.is_input() && (user.x as usize == i || user.y as usize == i)
        } else {
            last == self.len()
        };
        if used { Ok(()) } else { Err(Error::InvalidSpec(InvalidSpec::LastUse)) }
    }
}
