use crate::Task;
use shatterscope::network::{Network, Plan};

/// f32 elements of the panel of weights. The largest matrix here needs 18, the rest is speed.
const PANEL: usize = 64;

/// The memory that tasks run in, one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    /// f32 elements: activations, statistics, normalised activations, panel, outputs and gradient.
    pub floats: usize,
    /// Bytes of tape.
    pub tape: usize,
}

impl Memory {
    /// What the largest of the tasks needs with tiles of `tile` points.
    ///
    /// # Panics
    /// For a task that is refused: in the compiler, where this is called.
    pub const fn of(tasks: &[Task], tile: usize) -> Self {
        let (mut most, mut i) = (Self { floats: 0, tape: 0 }, 0);
        while i < tasks.len() {
            let plan = match Network::Family(tasks[i].spec).plan(&tasks[i].options, tile as u32) {
                Ok(plan) => plan,
                Err(_) => panic!("a task is refused"),
            };
            let floats = floats(&plan);
            if floats > most.floats {
                most.floats = floats;
            }
            if plan.tape_len as usize > most.tape {
                most.tape = plan.tape_len as usize;
            }
            i += 1;
        }
        most
    }
}

const fn floats(plan: &Plan) -> usize {
    let kept = plan.activations_len + plan.statistics_len + plan.normalised_len;
    (kept + plan.outputs_len + plan.gradient_len) as usize + PANEL
}
