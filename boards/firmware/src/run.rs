use crate::{Console, Task};
use shatterscope::Error;
use shatterscope::contract::{Digest, self_test};
use shatterscope::math::Math;
use shatterscope::network::{Buffers, Executor, Network, Seeded, Serial};
use shatterscope::probe::Grid;

/// Why nothing more was run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// The machine does not keep the contract.
    SelfTest,
    /// A task ended in an error.
    Task(Error),
}

/// Tests the machine, then runs every task in order and says its digest.
///
/// # Errors
/// [`Stop`], after the console was told the reason.
pub fn run_all<const R: usize, const T: usize>(
    tasks: &[Task],
    floats: &mut [f32],
    tape: &mut [u8],
    console: &mut impl Console,
) -> Result<(), Stop> {
    let failed = self_test();
    for check in &failed {
        console.failure("self-test", check);
    }
    if !failed.is_empty() {
        return Err(Stop::SelfTest);
    }
    for task in tasks {
        match run_spec::<R, T>(task, floats, tape) {
            Ok(digest) => console.line(task.name, &digest.text()),
            Err(error) => {
                console.failure(task.name, &error);
                return Err(Stop::Task(error));
            }
        }
    }
    Ok(())
}

/// Runs one task in the given memory, of at least [`Memory::of`](crate::Memory::of) it; the digest of its gradient.
///
/// # Errors
/// Those of the [`Executor`].
pub fn run_spec<const R: usize, const T: usize>(
    task: &Task,
    floats: &mut [f32],
    tape: &mut [u8],
) -> Result<Digest, Error> {
    let network = Network::Family(task.spec);
    let plan = network.plan(&task.options, T as u32)?;
    let weights = Seeded::with(&task.spec, task.seed, 0, task.normal, Math::Libm);
    let mut rest = floats;
    let [activations, statistics, normalised, outputs, gradient] =
        [plan.activations_len, plan.statistics_len, plan.normalised_len, plan.outputs_len, plan.gradient_len]
            .map(|len| take(&mut rest, len as usize));
    let buffers = Buffers { activations, tape, statistics, normalised, panel: rest };
    let input = Grid::new(task.options.points).input();
    Executor::<_, _, R, T>::new(network, &weights, &Serial, input, task.options, buffers, outputs, &mut *gradient)?
        .run()?;
    Ok(Digest::of(gradient))
}

/// The first `len` elements; none if there are fewer, which the executor then refuses by name.
fn take<'a>(rest: &mut &'a mut [f32], len: usize) -> &'a mut [f32] {
    let (first, after) = core::mem::take(rest).split_at_mut_checked(len).unwrap_or_default();
    *rest = after;
    first
}
