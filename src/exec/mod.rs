//! Runs a graph: values and gradients in the slots of a [`Plan`](crate::plan::Plan), one node after the other.
//!
//! A [`Session`] does what most programs need, on rows of points. An [`Executor`] gives control over every node.
//!
//! The protocol of an executor is in the types: [`Executor::begin`] gives a [`Batch`] that takes the inputs, [`Batch::forward`] a [`Forward`] that does the
//! work, [`Forward::run`] the [`Outputs`]; those take the gradients of the outputs and give a [`Backward`], and [`Backward::run`] the
//! [`Gradients`] of the inputs. Each file has both directions of its operations.
//!
//! ```
//! use shatterscope::exec::{Backward, Batch, Buffers, Executor, Forward, Gradients, Mode, Options, Outputs, Update, fill_running};
//! use shatterscope::workers::Serial;
//!
//! shatterscope::network! {
//!     static NET: Gradients = input(2).dense(3).relu().dense(1);
//! }
//! const OPTIONS: Options = Options::new(1);
//! let mut parameters = [0.5; NET.parameters_len as usize];
//! let mut arena = [0.0; NET.arena_len(1, 1)];
//! let buffers = Buffers::of_batches(&NET, &OPTIONS, 1, &mut arena)?;
//! let mut executor = Executor::<_, 4, 1>::new(&NET, &Serial, OPTIONS, buffers)?;
//!
//! let mut batch: Batch<_, 4, 1> = executor.begin(1)?;
//! if let Some((inputs, _)) = batch.input(0) {
//!     inputs.copy_from_slice(&[1.0, 2.0]);
//! }
//! // Training starts with running means of 0 and variances of 1: this network has no norms.
//! let mut running = [0.0; NET.running_len as usize];
//! fill_running(NET.graph(), &mut running);
//! let mut forward: Forward<_, 4, 1> = batch.forward(&parameters, Mode::Training { seed: 1, step: 0, running: &mut running })?;
//! // Node by node, a thousand multiply-adds at a time: so that firmware can feed its watchdog.
//! while forward.step(1000)? {}
//! let mut outputs: Outputs<_, 4, 1> = forward.run()?;
//! if let Some((value, gradient, _)) = outputs.output_and_gradient(3) {
//!     gradient[0] = value[0] - 1.0;
//! }
//! // Parameters are updated as soon as their gradients are computed.
//! let mut update = |_first: usize, weights: &mut [f32], gradient: &[f32]| {
//!     weights.iter_mut().zip(gradient).for_each(|(w, g)| *w -= 0.1 * g);
//! };
//! let update: &mut Update = &mut update;
//! let backward: Backward<_, 4, 1> = outputs.backward_with(&mut parameters, update)?;
//! let gradients: Gradients<_, 1> = backward.run()?;
//! assert!(gradients.input(0).is_some());
//! # Ok::<(), shatterscope::Error>(())
//! ```
//!
//! A [`Run`] computes outputs and gradients of a set of points that need not be in memory at once, in steps. An [`Observer`] sees the value of
//! every node:
//!
//! ```
//! use shatterscope::exec::{Buffers, Input, Observer, Run, Seen, Source, Step};
//! use shatterscope::plan::{Derivative, RunOptions, Schedule, Statistics};
//! use shatterscope::workers::Serial;
//!
//! struct Largest(f32);
//!
//! impl Observer for Largest {
//!     fn see(&mut self, seen: &Seen<'_>) {
//!         self.0 = (0..seen.count).flat_map(|p| seen.point(p)).fold(self.0, f32::max);
//!     }
//! }
//!
//! shatterscope::network! {
//!     static NET: InputGradient = input(2).dense(3).normalise(1e-5).relu().dense(1);
//! }
//! // Four points at a time, whose norms have the statistics of all eight.
//! const OPTIONS: RunOptions = RunOptions::new(8)
//!     .with_derivative(Derivative::Reverse)
//!     .with_statistics(Statistics::Full)
//!     .with_schedule(Schedule::Blocks { resident: 4 });
//! let lengths = NET.run(&OPTIONS, 4)?;
//! let mut arena = vec![0.0; lengths.arena_len(NET.scratch_len)];
//! let (parameters, inputs) = ([0.5; 13], [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2]);
//! let (mut outputs, mut gradient) = ([0.0; 8], [0.0; 16]);
//! let buffers = Buffers::of_run(&lengths, &mut arena)?;
//! let (source, input) = (Source::Stored(&parameters), Input::Points(&inputs));
//! let mut run = Run::<_, 4, 4>::new(&NET, source, &Serial, input, OPTIONS, buffers, &mut outputs, &mut gradient)?;
//! let mut largest = Largest(0.0);
//! while run.step_observed(100, &mut largest)? != Step::Done {}
//! assert!(largest.0 > 1.0);
//! # Ok::<(), shatterscope::Error>(())
//! ```
mod arena;
mod at;
mod backward;
mod binary;
mod constant;
mod conv;
mod dense;
mod dilated_pool;
mod drawn;
mod drawn_conv;
mod elementwise;
mod forward;
mod gather;
mod group_norm;
mod grouped_conv;
mod input;
mod join;
mod layout;
mod memory;
mod norm;
mod observer;
mod outputs;
mod points;
mod pool;
mod prelu;
mod quantised;
mod rows;
mod run;
mod session;
mod sink;
mod source;
mod training;
mod unary;

pub use crate::kernel::Isa;
pub use backward::{Backward, Gradients};
pub use forward::{Forward, Mode};
pub use input::Input;
pub use observer::{Observer, Seen};
pub use outputs::Outputs;
#[cfg(any(feature = "probe", feature = "wire"))]
pub use points::{Run, Step};
pub use run::{Batch, Buffers, Executor, Options};
pub use session::{Model, Session};
#[cfg(feature = "train")]
pub use sink::Update;
pub use source::Source;
#[cfg(feature = "train")]
pub use training::{Loss, Targets, TrainState, fill_running};
