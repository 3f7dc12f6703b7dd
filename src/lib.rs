//! Deep rectifier networks, forward and backward, with the same bits on every core.
//!
//! The modules stand in the order in which data flows; each uses only those before it.
//!
//! 1. [`contract`] names the numeric contract, hashes results, and tests the machine against it.
//! 2. [`math`] is the only door to square roots, logarithms and exponentials.
//! 3. [`random`] gives every weight its value from its address: Philox4x32-10 and two normals.
//! 4. [`kernel`] holds the dense arithmetic and the one reduction.
//! 5. [`layer`] has one file an operation, forward and backward, as plain loops: the definition.
//! 6. [`network`] turns a spec into a plan of buffers, and runs it in resumable steps.
//! 7. [`probe`] measures how shattered the gradients are.
//! 8. [`train`] has losses, optimisers, clipping, learning rates and the order of examples.
//! 9. `wire` (a feature) is what a device and its host say to each other.
//!
//! The crate allocates nothing and never panics: buffers are the caller's, their lengths are `const fn`s.
//!
//! ```
//! use shatterscope::network::{Buffers, Executor, Network, Options, Seeded, Serial, Spec};
//! use shatterscope::contract::Digest;
//! use shatterscope::probe::Grid;
//!
//! const SPEC: Spec = Spec::feedforward(3, 8);
//! const NETWORK: Network = Network::Family(SPEC);
//! const GRID: Grid = Grid::new(20);
//! const OPTIONS: Options = Options::new(20);
//! const PLAN: shatterscope::network::Plan = match NETWORK.plan(&OPTIONS, 4) {
//!     Ok(plan) => plan,
//!     Err(_) => panic!("the spec does not fit"),
//! };
//! let mut activations = [0.0; PLAN.activations_len as usize];
//! let mut tape = [0; PLAN.tape_len as usize];
//! let mut panel = [0.0; 32];
//! let (mut outputs, mut gradient) = ([0.0; 20], [0.0; 20]);
//! let weights = Seeded::new(&SPEC, 7, 0);
//! let mut executor = Executor::<_, _, 2, 4>::new(
//!     NETWORK,
//!     &weights,
//!     &Serial,
//!     GRID.input(),
//!     OPTIONS,
//!     Buffers {
//!         activations: &mut activations,
//!         tape: &mut tape,
//!         statistics: &mut [],
//!         normalised: &mut [],
//!         panel: &mut panel,
//!     },
//!     &mut outputs,
//!     &mut gradient,
//! )?;
//! while !executor.step(10_000)?.is_done() { /* feed a watchdog, answer a line */ }
//! assert_eq!(Digest::of(&gradient).bytes, 80);
//! # Ok::<(), shatterscope::Error>(())
//! ```
#![no_std]
#![deny(unsafe_code, missing_docs)]

pub mod contract;
mod error;
pub mod exec;
pub mod graph;
pub mod kernel;
pub mod layer;
pub mod math;
pub mod network;
pub mod plan;
pub mod probe;
pub mod random;
pub mod train;
#[cfg(feature = "wire")]
pub mod wire;

pub use error::{Buffer, Error, Fault, Pass, Refusal, Setting};
