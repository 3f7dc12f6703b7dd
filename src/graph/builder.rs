use super::{Graph, Node, Op, Shape};
use crate::error::{Buffer, Error, InvalidSpec};
use crate::op::{Axis, Function, PadMode, Reduction, Window, operations};

/// A value that a [`Builder`] has handed out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Value(u32);

impl Value {
    /// The value of the first node.
    pub(super) const FIRST: Self = Self(0);

    /// The number of its node.
    pub(super) const fn index(self) -> usize {
        self.0 as usize
    }
}

/// Writes the nodes of a graph into a slice of the caller's; `const`, so that a graph can be a constant.
///
/// The first error is kept, and [`Builder::finish`] returns it.
///
/// ```
/// use shatterscope::graph::{Builder, Graph, Node, Shape};
///
/// const NODES: [Node; 4] = {
///     let mut nodes = [Node::EMPTY; 4];
///     let mut builder = Builder::new(&mut nodes);
///     let x = builder.input(Shape::vector(2));
///     let x = builder.dense(x, 16, true);
///     let x = builder.relu(x);
///     let x = builder.dense(x, 3, true);
///     match builder.finish(&[x]) {
///         Ok(_) => nodes,
///         Err(_) => panic!("the nodes do not fit each other"),
///     }
/// };
/// assert_eq!(Graph::new(&NODES)?.outputs().collect::<Vec<_>>(), [3]);
/// # Ok::<(), shatterscope::Error>(())
/// ```
#[derive(Debug)]
pub struct Builder<'a> {
    nodes: &'a mut [Node],
    len: usize,
    /// The address of the following nodes; None: their numbers.
    address: Option<u32>,
    /// Whether its parameters are frozen.
    frozen: [bool; 2],
    error: Option<Error>,
}

impl<'a> Builder<'a> {
    /// A graph without nodes.
    pub const fn new(nodes: &'a mut [Node]) -> Self {
        Self { nodes, len: 0, address: None, frozen: [false; 2], error: None }
    }

    /// Continues after the first `len` nodes.
    pub(super) const fn resume(nodes: &'a mut [Node], len: usize, frozen: [bool; 2], error: Option<Error>) -> Self {
        Self { nodes, len, address: None, frozen, error }
    }

    /// Number of nodes, and the first error.
    pub(super) const fn state(self) -> (usize, Option<Error>) {
        (self.len, self.error)
    }

    /// Sets the address of the following nodes: the number by which messages name them, and which determines the random draws of weights and dropout.
    /// By default it is the number of the node.
    pub const fn layer(&mut self, address: u32) {
        self.address = Some(address);
    }

    /// Sets whether weights, gamma or slopes, and biases or beta, of the following nodes are frozen.
    pub const fn freeze(&mut self, frozen: [bool; 2]) {
        self.frozen = frozen;
    }

    /// The first error that arose: after it, nodes are not appended, and the shapes of later values mean nothing.
    pub const fn error(&self) -> Option<Error> {
        self.error
    }

    /// The shape of a value.
    pub const fn shape(&self, value: Value) -> Shape {
        let i = value.0 as usize;
        // No panic: i is below the length.
        if i < self.nodes.len() { self.nodes[i].shape } else { Shape::vector(0) }
    }

    /// Appends an operation; of one with one operand the second is the first again.
    pub const fn push(&mut self, op: Op, x: Value, y: Value) -> Value {
        let value = Value(self.len as u32);
        if self.error.is_some() {
            return value;
        }
        if self.len >= self.nodes.len() {
            let len = self.nodes.len() as u64;
            self.error = Some(Error::TooShort { buffer: Buffer::Nodes, need: len.saturating_add(1), have: len });
            return value;
        }
        let node = match op.facts(self.shape(x), self.shape(y)) {
            Ok(facts) => {
                let [weights, others] = facts.parameters;
                let frozen = [self.frozen[0] && weights > 0, self.frozen[1] && others > 0];
                let address = match self.address {
                    Some(address) => address,
                    None => value.0,
                };
                let shape = facts.shape;
                Node { op, x: x.0, y: y.0, shape, address, last_use: u32::MAX, frozen }
            }
            Err(Error::InvalidSpec(reason)) => {
                self.error = Some(Error::InvalidNode { node: value.0, reason });
                return value;
            }
            Err(error) => {
                self.error = Some(error);
                return value;
            }
        };
        if !op.is_input() {
            self.use_until(x, value.0);
            self.use_until(y, value.0);
        }
        self.nodes[self.len] = node;
        self.len = self.len.wrapping_add(1);
        value
    }

    const fn use_until(&mut self, value: Value, last_use: u32) {
        let i = value.0 as usize;
        // No panic: i is below the length.
        if i < self.nodes.len() {
            self.nodes[i].last_use = last_use;
        }
    }

    const fn unary(&mut self, op: Op, x: Value) -> Value {
        self.push(op, x, x)
    }

    /// An input.
    pub const fn input(&mut self, shape: Shape) -> Value {
        self.unary(Op::Input { shape }, Value(0))
    }

    /// An input of bytes: [`Op::Int8Input`].
    pub const fn int8_input(&mut self, shape: Shape) -> Value {
        self.unary(Op::Int8Input { shape }, Value(0))
    }

    /// [`Op::Reshape`], where the shape is another one.
    pub const fn reshape(&mut self, x: Value, shape: Shape) -> Value {
        if self.shape(x).same(shape) { x } else { self.unary(Op::Reshape { shape }, x) }
    }

    /// [`Op::Add`]: `(a * x) + (b * y)`.
    pub const fn add(&mut self, (x, a): (Value, f32), (y, b): (Value, f32)) -> Value {
        self.push(Op::Add { a, b }, x, y)
    }

    /// Ends the graph with its outputs.
    ///
    /// # Errors
    /// The first that arose; [`Error::InvalidNode`] for a node that nothing uses; [`Error::InvalidSpec`] for a graph without nodes.
    pub const fn finish(self, outputs: &[Value]) -> Result<Graph<'a>, Error> {
        if let Some(error) = self.error {
            return Err(error);
        }
        let len = self.len as u32;
        let Some((nodes, _)) = self.nodes.split_at_mut_checked(self.len) else {
            return Err(Error::InvalidSpec(InvalidSpec::Layers));
        };
        let mut i = 0;
        while i < outputs.len() {
            let node = outputs[i].0 as usize;
            if node < nodes.len() {
                nodes[node].last_use = len;
            }
            i = i.wrapping_add(1);
        }
        Graph::new(nodes)
    }
}

/// A method for each operation with one operand.
macro_rules! methods {
    (($x:ident $y:ident $tile:ident $learns:ident) $(
        $(#[$doc:meta])*
        $tag:literal $name:literal $(if $feature:tt)? $(fn $method:ident)?:
        $variant:ident $({ $($(#[$about:meta])* $field:ident: $kind:ident,)* })?,
        $facts:expr, $backward:expr, ($op:expr, $operand:expr);
    )*) => {
        $(methods! { @ $($method)?, $variant $({ $($field: $kind),* })? })*
    };
    (@ , $variant:ident $($rest:tt)*) => {};
    (@ $method:ident, $variant:ident $({ $($field:ident: $kind:ident),* })?) => {
        impl Builder<'_> {
            #[doc = concat!("[`Op::", stringify!($variant), "`]")]
            pub const fn $method(&mut self, x: Value, $($($field: $kind),*)?) -> Value {
                self.unary(Op::$variant $({ $($field),* })?, x)
            }
        }
    };
}
operations!(methods);
