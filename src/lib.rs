//! Deep rectifier networks, forward and backward, with the same bits on every core.
//!
//! The modules stand in the order in which data flows; each uses only those before it.
//!
//! 1. [`contract`] names the numeric contract, hashes results, and tests the machine against it.
//! 2. [`math`] is the only door to square roots, logarithms and exponentials.
//! 3. [`random`] gives every weight its value from its address: Philox4x32-10 and two normals.
//! 4. [`kernel`] holds the dense arithmetic and the one reduction.
//! 5. [`op`] has one file an operation, forward and backward, as plain loops: the definition; and the list of all operations.
//! 6. [`spec`] describes the paper's networks, [`graph`] lists the operations of any network, [`plan`] places its values and gradients in
//!    memory, [`weights`] draws parameters where they are needed, and [`exec`] runs the graph, in steps and on [`workers`].
//! 7. [`probe`] measures how shattered the gradients are.
//! 8. [`train`] has losses, optimisers, clipping, learning rates and the order of examples.
//! 9. `wire` (a feature) is what a device and its host say to each other.
//!
//! The crate allocates nothing and never panics: buffers are the caller's, their lengths are `const fn`s.
//!
//! ```
//! use shatterscope::contract::Digest;
//! use shatterscope::exec::{Buffers, Run, Source};
//! use shatterscope::plan::RunOptions;
//! use shatterscope::spec::Spec;
//! use shatterscope::weights::Seeded;
//! use shatterscope::workers::Serial;
//! use shatterscope::plan::{Plan, RunLengths};
//! use shatterscope::probe::Grid;
//!
//! const SPEC: Spec = Spec::feedforward(3, 8);
//! const GRID: Grid = Grid::new(20);
//! const OPTIONS: RunOptions = RunOptions::new(20);
//! const PLAN: Plan = match Plan::family(&SPEC, OPTIONS.want()) {
//!     Ok(plan) => plan,
//!     Err(_) => panic!("the spec cannot be run"),
//! };
//! // In tiles of 4 points.
//! const LENGTHS: RunLengths = match PLAN.run(&OPTIONS, 4) {
//!     Ok(lengths) => lengths,
//!     Err(_) => panic!("the options cannot be run"),
//! };
//! let mut values = [0.0; LENGTHS.values_len as usize];
//! let mut tape = [0; LENGTHS.tape_len as usize];
//! let mut panel = [0.0; 32];
//! let (mut outputs, mut gradient) = ([0.0; 20], [0.0; 20]);
//! let weights = Seeded::new(&SPEC, 7, 0);
//! let mut run = Run::<_, 2, 4>::new(
//!     &PLAN,
//!     Source::Seeded(&weights),
//!     &Serial,
//!     GRID.input(),
//!     OPTIONS,
//!     Buffers { tape: &mut tape, ..Buffers::of_outputs(&mut values, &mut panel) },
//!     &mut outputs,
//!     &mut gradient,
//! )?;
//! while !run.step(10_000)?.is_done() { /* feed a watchdog, answer a line */ }
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
pub mod math;
pub mod op;
pub mod plan;
pub mod probe;
pub mod random;
pub mod spec;
pub mod train;
pub mod weights;
#[cfg(feature = "wire")]
pub mod wire;
pub mod workers;

pub use error::{Buffer, Error, Fault, Pass, Refusal, Setting};
