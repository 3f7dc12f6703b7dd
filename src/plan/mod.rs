//! Memory of a graph: which values and gradients exist at the same time, and where they are stored.
//!
//! [`place`] proposes offsets (slots), and [`Plan::new`] verifies any; both are `const`.
//!
//! ```
//! use shatterscope::graph::Layers;
//! use shatterscope::plan::{Memory, Plan, RunLengths, RunOptions, Storage, Verified, Want, place};
//!
//! let layers = Layers::<8>::input_image(1, 8, 8).conv(4, 3).relu().max_pool(2).dense(10);
//! let graph = layers.graph()?;
//! let (mut slots, mut storages) = ([0; 5], [Storage::EMPTY; 5]);
//! let memory: Memory = place(&graph, Want::Output, &mut storages, &mut slots)?;
//! // The convolution's input and its value, which the ReLU overwrites, exist at the same time.
//! assert_eq!((memory.units, memory.bound), (64 + 256, 64 + 256));
//! // `Plan::new` verifies any slots; `Plan::from_verified` rebuilds a verified plan without that.
//! let plan = Plan::new(&graph, Want::Output, &slots)?;
//! let verified: Verified = plan.verified();
//! assert_eq!(Plan::from_verified(&graph, Want::Output, &slots, &verified)?.values_len(2, 1), Some(2 * 320));
//!
//! // The buffers of a run over 100 points.
//! let options = RunOptions::new(100);
//! let (mut slots, mut storages) = ([0; 15], [Storage::EMPTY; 15]);
//! let (plan, _) = Plan::with_placed_slots(&graph, options.want(), &mut storages, &mut slots)?;
//! let lengths: RunLengths = plan.run(&options, 4)?;
//! assert_eq!(lengths.gradient_len, 6400);
//! # Ok::<(), shatterscope::Error>(())
//! ```
pub(crate) mod cursor;
mod lifetimes;
mod options;
mod place;
mod run;
mod sums;
mod verify;
mod want;

pub(crate) use cursor::{Cursor, Due, Sweep};
pub(crate) use lifetimes::{EXTRA, GRADIENT, VALUE};
pub use options::{Derivative, RunOptions, Schedule, Statistics};
pub use place::{Memory, Storage, place};
pub use run::RunLengths;
pub(crate) use sums::Sums;
pub use verify::{Plan, Verified};
pub use want::Want;
