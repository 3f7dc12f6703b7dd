use super::{Builder, Graph, Node, Op, Shape, Value};
use crate::error::{Error, InvalidSpec};
use crate::op::{Axis, Function, PadMode, Reduction, Window, operations};

/// The most forks that are open at the same time.
const FORKS: usize = 8;

/// A network written as a chain of layers, in up to N nodes of its own. Shapes are inferred.
///
/// Every method takes the chain by value and appends to it, also in constants: [`network!`](crate::network!) is built on it. The first error
/// is kept, and [`Layers::graph`] returns it. A [`Builder`] writes any graph, into a slice of the caller's.
///
/// ```
/// use shatterscope::graph::Layers;
///
/// // A residual block: 8 channels of 8 x 8, then ten classes.
/// let layers = Layers::<16>::input_image(8, 8, 8).fork().conv(8, 3).relu().conv(8, 3).join().relu().dense(10);
/// assert_eq!(layers.shape().channels, 10);
/// assert_eq!(layers.graph()?.len(), 7);
/// # Ok::<(), shatterscope::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Layers<const N: usize> {
    nodes: [Node; N],
    len: usize,
    /// The value at the end of the chain.
    x: Value,
    forks: [Value; FORKS],
    open: usize,
    frozen: [bool; 2],
    error: Option<Error>,
}

impl<const N: usize> Layers<N> {
    /// Begins with an input of this many units.
    pub const fn input(units: u32) -> Self {
        Self::input_shape(Shape::vector(units))
    }

    /// Begins with an input image.
    pub const fn input_image(channels: u32, height: u16, width: u16) -> Self {
        Self::input_shape(Shape { channels, height, width })
    }

    const fn input_shape(shape: Shape) -> Self {
        let layers = Self {
            nodes: [Node::EMPTY; N],
            len: 0,
            x: Value::FIRST,
            forks: [Value::FIRST; FORKS],
            open: 0,
            frozen: [false; 2],
            error: None,
        };
        layers.then(Op::Input { shape })
    }

    /// Appends an operation with one operand, the end of the chain.
    pub const fn then(self, op: Op) -> Self {
        let x = self.x;
        self.push(op, x, x)
    }

    const fn push(mut self, op: Op, x: Value, y: Value) -> Self {
        let (len, frozen, error) = (self.len, self.frozen, self.error);
        let mut builder = Builder::resume(&mut self.nodes, len, frozen, error);
        let value = builder.push(op, x, y);
        (self.len, self.error) = builder.state();
        if self.error.is_none() {
            // The end of the chain is the output until another node uses it.
            if len < N {
                self.nodes[len].last_use = self.len as u32;
            }
            self.x = value;
        }
        self
    }

    /// A dense layer with a bias.
    pub const fn dense(self, units: u32) -> Self {
        self.then(Op::Dense { outputs: units, bias: true })
    }

    /// A convolution of `size` x `size` taps with a bias, stride 1, and padding of half the size.
    pub const fn conv(self, channels: u32, size: u32) -> Self {
        self.then(Op::Conv { channels, window: Window::half_padded(size, 1), bias: true })
    }

    /// A convolution as [`Layers::conv`] with a stride: 2 halves the image.
    pub const fn conv_strided(self, channels: u32, size: u32, stride: u32) -> Self {
        self.then(Op::Conv { channels, window: Window::half_padded(size, stride), bias: true })
    }

    /// Batch norm with eps 1e-5, and weight 0.1 of a new batch in the running statistics.
    pub const fn batch_norm(self) -> Self {
        self.then(Op::BatchNorm { eps: 1e-5, momentum: 0.1 })
    }

    /// The maximum under windows of `size` x `size` that do not overlap. Rows and columns that fill no window are left out.
    pub const fn max_pool(self, size: u32) -> Self {
        self.then(Op::MaxPool { window: Window { height: size, width: size, stride: size, padding: 0 } })
    }

    /// The mean under windows of `size` x `size` that do not overlap. Rows and columns that fill no window are left out.
    pub const fn average_pool(self, size: u32) -> Self {
        self.then(Op::AveragePool { window: Window { height: size, width: size, stride: size, padding: 0 } })
    }

    /// The same units under another shape. A dense layer takes any shape, so that no flattening is needed before it.
    pub const fn reshape(self, shape: Shape) -> Self {
        self.then(Op::Reshape { shape })
    }

    /// Starts a skip connection: [`Layers::join`] adds the value at this point. Up to 8 forks may be open; a join closes the last one.
    pub const fn fork(mut self) -> Self {
        if self.open >= FORKS {
            return self.failed(InvalidSpec::Layers);
        }
        self.forks[self.open] = self.x;
        self.open = self.open.wrapping_add(1);
        self
    }

    /// Adds the value at the last [`Layers::fork`]: `y = fork + x`. Where x has more channels or a smaller image, the fork goes through
    /// [`Op::Shortcut`].
    pub const fn join(self) -> Self {
        self.join_scaled(1.0, 1.0)
    }

    /// `y = (carry * fork) + (transform * x)`, otherwise as [`Layers::join`].
    pub const fn join_scaled(mut self, carry: f32, transform: f32) -> Self {
        let Some(open) = self.open.checked_sub(1) else { return self.failed(InvalidSpec::Layers) };
        self.open = open;
        let (fork, x, to) = (self.fork_at(open), self.x, self.shape());
        let from = self.shape_of(fork);
        // Rounded up; nothing wraps, as both are below 2^16.
        let stride = (from.height as u32 + to.height as u32).wrapping_sub(1).checked_div(to.height as u32);
        if let (false, Some(stride)) = (from.same(to), stride) {
            let shortcut = Op::Shortcut { channels: to.channels, stride };
            if let Ok(facts) = shortcut.facts(from, from)
                && facts.shape.same(to)
            {
                self = self.push(shortcut, fork, fork);
                let shortcut = self.x;
                return self.push(Op::Add { a: carry, b: transform }, shortcut, x);
            }
        }
        self.push(Op::Add { a: carry, b: transform }, fork, x)
    }

    /// Sets whether weights, gamma or slopes, and biases or beta, of the following layers are frozen.
    pub const fn freeze(mut self, frozen: [bool; 2]) -> Self {
        self.frozen = frozen;
        self
    }

    /// The value that was remembered as fork i.
    const fn fork_at(&self, i: usize) -> Value {
        // No panic: the index was compared; `get` is not const.
        if i < FORKS { self.forks[i] } else { Value::FIRST }
    }

    const fn failed(mut self, reason: InvalidSpec) -> Self {
        if self.error.is_none() {
            self.error = Some(Error::InvalidNode { node: self.len as u32, reason });
        }
        self
    }

    /// The shape of the end of the chain.
    pub const fn shape(&self) -> Shape {
        self.shape_of(self.x)
    }

    const fn shape_of(&self, value: Value) -> Shape {
        // No panic: the index was compared.
        if value.index() < N { self.nodes[value.index()].shape } else { Shape::vector(0) }
    }

    /// Number of nodes.
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no node, which is so only after an error.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The first M nodes, to store a network without the rest of its N.
    pub const fn nodes<const M: usize>(&self) -> [Node; M] {
        let (mut nodes, mut i) = ([Node::EMPTY; M], 0);
        // No panic: the index was compared.
        while i < M && i < N {
            nodes[i] = self.nodes[i];
            i = i.wrapping_add(1);
        }
        nodes
    }

    /// The graph, whose output is the end of the chain.
    ///
    /// # Errors
    /// The first that arose: [`Error::InvalidNode`] with the layer's node and what is wrong with it, [`InvalidSpec::Layers`] for a fork without a join;
    /// [`Error::TooShort`] for more than N nodes.
    pub const fn graph(&self) -> Result<Graph<'_>, Error> {
        if let Some(error) = self.error {
            return Err(error);
        }
        if self.open > 0 {
            return Err(Error::InvalidNode {
                node: self.fork_at(self.open.wrapping_sub(1)).index() as u32,
                reason: InvalidSpec::Layers,
            });
        }
        match self.nodes.split_at_checked(self.len) {
            Some((nodes, _)) => Graph::new(nodes),
            None => Err(Error::InvalidSpec(InvalidSpec::Layers)),
        }
    }
}

/// A method for each other operation.
macro_rules! methods {
    (($x:ident $y:ident $tile:ident $learns:ident) $(
        $(#[$doc:meta])*
        $tag:literal $name:literal $(if $feature:tt)? $(fn $method:ident)?:
        $variant:ident $({ $($(#[$about:meta])* $field:ident: $kind:ident,)* })?,
        $facts:expr, $backward:expr, ($op:expr, $operand:expr);
    )*) => {
        $(methods! { @ $($method)?, $variant $({ $($field: $kind),* })? })*
    };
    (@ , $($rest:tt)*) => {};
    (@ dense, $($rest:tt)*) => {};
    (@ conv, $($rest:tt)*) => {};
    (@ batch_norm, $($rest:tt)*) => {};
    (@ average_pool, $($rest:tt)*) => {};
    (@ max_pool, $($rest:tt)*) => {};
    (@ $method:ident, $variant:ident $({ $($field:ident: $kind:ident),* })?) => {
        impl<const N: usize> Layers<N> {
            #[doc = concat!("[`Op::", stringify!($variant), "`]")]
            pub const fn $method(self, $($($field: $kind),*)?) -> Self {
                self.then(Op::$variant $({ $($field),* })?)
            }
        }
    };
}
operations!(methods);

/// A network as a static [`Plan`](crate::plan::Plan): nodes, slots and buffer lengths are computed at compile time, and a network that does not
/// fit together is a compiler error.
///
/// The name is followed by what the network is for, a [`Want`](crate::plan::Want) (`Output`, `InputGradient`, `ParameterGradient` for training,
/// `Gradients` for both), and by the methods of [`Layers`]. `input` takes units, or
/// channels, height and width. Networks have at most 256 nodes; larger ones are written with a [`Builder`](crate::graph::Builder).
///
/// ```
/// shatterscope::network! {
///     /// A classifier of images of 8 x 8 pixels.
///     static DIGITS: Output = input(1, 8, 8).conv(4, 3).relu().max_pool(2).dense(10);
/// }
/// assert_eq!(DIGITS.parameters_len, (4 * 9 + 4) + (64 * 10 + 10));
/// ```
///
/// ```compile_fail
/// shatterscope::network! {
///     // "node 1, on a value of shape 1 x 2 x 2: the window does not fit the image ..."
///     static WRONG: Output = input(1, 2, 2).max_pool(9).dense(10);
/// }
/// ```
#[macro_export]
macro_rules! network {
    ($(#[$meta:meta])* $vis:vis static $name:ident: $want:ident = input($($shape:expr),+) $(.$method:ident($($number:expr),*))*;) => {
        $(#[$meta])*
        $vis static $name: $crate::plan::Plan<'static> = {
            const LAYERS: $crate::graph::Layers<256> = $crate::network!(@input $($shape),+) $(.$method($($number),*))*;
            const WANT: $crate::plan::Want = $crate::plan::Want::$want;
            const LEN: usize = match LAYERS.graph() {
                Ok(graph) => graph.len(),
                Err(error) => panic!("{}", $crate::graph::Message::new(error, LAYERS.shape()).as_str()),
            };
            static NODES: [$crate::graph::Node; LEN] = LAYERS.nodes();
            static GRAPH: $crate::graph::Graph<'static> = match $crate::graph::Graph::new(&NODES) {
                Ok(graph) => graph,
                Err(error) => panic!("{}", error.reason()),
            };
            const SLOTS_LEN: usize = LEN * WANT.slots();
            static SLOTS: [u32; SLOTS_LEN] = {
                let mut slots = [0; SLOTS_LEN];
                match $crate::plan::place(&GRAPH, WANT, &mut [$crate::plan::Storage::EMPTY; SLOTS_LEN], &mut slots) {
                    Ok(_) => slots,
                    Err(error) => panic!("{}", error.reason()),
                }
            };
            match $crate::plan::Plan::new(&GRAPH, WANT, &SLOTS) {
                Ok(plan) => plan,
                Err(error) => panic!("{}", error.reason()),
            }
        };
    };
    (@input $height:expr, $width:expr) => {
        compile_error!("input takes a number of units, or channels, height and width")
    };
    (@input $units:expr) => { $crate::graph::Layers::<256>::input($units) };
    (@input $channels:expr, $height:expr, $width:expr) => {
        $crate::graph::Layers::<256>::input_image($channels, $height, $width)
    };
}
