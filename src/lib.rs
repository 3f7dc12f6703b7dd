//! Deep ReLU networks, forward, backward and in training, bit-identical on every processor.
//!
//! Start with [`network!`] or [`graph::Layers`] to write a network, [`exec::Session`] to run and train it, and [`exec::TrainState`] for training. Most
//! programs need nothing else. [`exec::Run`] with [`weights::Seeded`] and [`probe`] measure how shattered the gradients of a network are.
//!
//! The modules, in the order of the data; each uses only those before it:
//!
//! 1. `error`, [`math`], `shape` and [`workers`]: errors, square roots and exponentials, shapes of values, and the interface to a thread pool.
//! 2. [`contract`]: the numeric contract's name, the digest of results, and the order of sums.
//! 3. [`random`]: each weight is computed from (seed, run, layer, row, column) by Philox4x32-10.
//! 4. `op`: a reference implementation of each operation, and its facts. `kernel`: the same for the instructions of each processor.
//! 5. [`spec`]: the paper's networks. [`graph`]: the operations of any network. [`plan`]: memory offsets of values and gradients.
//! 6. [`weights`]: weights that are drawn where they are needed. [`train`]: losses, optimisers, clipping, learning rates. [`exec`]: runs a graph forward and
//!    backward.
//! 7. [`probe`]: how shattered gradients are.
//! 8. [`self_test`]: known answers that a machine must give. `wire`: the protocol between a device and its host.
//!
//! | feature | default | what it adds |
//! |---|---|---|
//! | `conv` | yes | convolutions, pools, shortcuts |
//! | `models` | yes | operations of imported models: with `conv` convolutions by groups and dilated windows |
//! | `norm` | yes | batch norm, group norm, normalisation, centring |
//! | `models` | yes | operations of models from files: GELU, softmax, products of values, movements |
//! | `train` | yes | gradients of parameters, losses, optimisers: `Session::train_step`, `TrainState` |
//! | `probe` | yes | `exec::Run`, the module `probe` |
//! | `micromath` | yes | approximate functions, an experiment under a contract of its own |
//! | `serde` | | serialisable specs, options and settings |
//! | `int8` | | operations on int8 values, in the roundings of quantised `.tflite` files |
//! | `flash` | | `train::slots`: a training state in flash |
//! | `wire` | | the module `wire`, with `serde` |
//! | `defmt` | | formatting for logs on devices |
//!
//! A firmware takes what it needs: `shatterscope = { version = "0.1", default-features = false, features = ["conv", "norm"] }`. A network with an operation
//! whose feature is missing is refused by name.
//!
//! The crate allocates nothing and never panics. The caller provides all buffers; their sizes are computed at compile time.
//!
//! ```
//! use shatterscope::exec::{Options, Session, Targets, TrainState};
//! use shatterscope::train::{InitialWeights, Initializer, Optimiser, Settings};
//!
//! shatterscope::network! {
//!     /// A residual convnet for images of 8 x 8 pixels.
//!     static NET: Gradients =
//!         input(1, 8, 8).conv(8, 3).relu().fork().conv(8, 3).relu().conv(8, 3).join().max_pool(2).dense(10);
//! }
//! // Training: the state holds parameters and what Adam remembers of them. A firmware uses arrays where this example uses vectors.
//! let settings = Settings::new(Optimiser::ADAM);
//! let mut memory = vec![0.0; TrainState::len(&NET, &settings)];
//! let mut state = TrainState::new(&NET, settings, InitialWeights::new(Initializer::He, 1), &mut memory, &mut [])?;
//! let mut arena = vec![0.0; NET.arena_len(2, 1)];
//! let mut session = Session::new(&NET, Options::new(2), &mut arena)?;
//! let images = [[0.25; 64], [0.75; 64]];
//! let loss = session.train_step(&mut state, 0.01, images.as_flattened(), Targets::Labels(&[3, 7]))?;
//! assert!(loss.mean.is_finite());
//!
//! // Inference and gradients. Stored parameters: `Model::new(&PARAMETERS).with_running(&RUNNING)`.
//! let (mut classes, mut gradient) = ([0.0; 10], [0.0; 64]);
//! session.predict(state.model(), &images[0], &mut classes)?;
//! session.input_gradient(state.model(), &images[0], None, &mut classes, &mut gradient)?;
//! assert_eq!(shatterscope::contract::Digest::of(&gradient).bytes, 4 * 64);
//! # Ok::<(), shatterscope::Error>(())
//! ```
//!
//! `examples/` has whole programs: inference, gradients, training, probing, and one without the standard library.
#![no_std]
#![deny(unsafe_code, missing_docs)]
#![cfg_attr(docsrs, feature(doc_cfg))]
// Code of operations that are not compiled in, and of checkers, is not used.
#![cfg_attr(
    not(all(
        feature = "conv",
        feature = "internals",
        feature = "models",
        feature = "norm",
        feature = "probe",
        feature = "train"
    )),
    allow(dead_code, unused_imports, clippy::wrong_self_convention)
)]

#[macro_use]
mod invariant;

pub mod contract;
mod error;
pub mod exec;
pub mod graph;
mod kernel;
pub mod math;
mod op;
pub mod plan;
#[cfg(any(feature = "probe", feature = "wire"))]
pub mod probe;
#[cfg(not(any(feature = "probe", feature = "wire")))]
mod probe;
pub mod random;
pub mod self_test;
mod shape;
pub mod spec;
#[cfg(any(feature = "flash", feature = "train", feature = "wire"))]
pub mod train;
#[cfg(not(any(feature = "flash", feature = "train", feature = "wire")))]
mod train;
pub mod weights;
#[cfg(feature = "wire")]
pub mod wire;
pub mod workers;

pub use error::{Buffer, Error, InvalidConfig, InvalidSpec, NonFinite, Pass};

/// Kernels, plain loops and other parts that this repository's tests, benchmarks and tools are written with. Not covered by semantic versioning.
#[cfg(feature = "internals")]
#[doc(hidden)]
pub mod internals {
    pub mod kernel {
        pub use crate::kernel::*;
    }
    pub mod op {
        pub use crate::op::*;
    }
    pub mod plan {
        pub use crate::plan::cursor::{Cursor, Due, Sweep};
    }
    pub mod train {
        pub use crate::train::optimiser::{Adam, Momentum, Sgd};
    }
    pub mod weights {
        pub use crate::weights::{block::Block, dense::Dense, dense::Role, wanted::Wanted};
    }
}
