//! The committed tables of boards: bounds of the stack, and prices of work in instructions.
use super::image::Image;
use super::kinds::Work;
use super::work::work;
use super::zeros::Zeros;
use crate::device::Board;
use crate::device::fit::{Choice, Room};
use crate::{Failure, Result};
use serde::{Deserialize, Serialize};
use shatterscope::wire::Run;
use std::collections::BTreeMap;

const STACKS: &str = include_str!("../../../boards/stacks.toml");
const COSTS: &str = include_str!("../../../boards/costs.toml");

/// What the stack is bounded for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// Runs.
    Run,
    /// Training.
    Training,
    /// Inference.
    Inference,
}

/// Bounds of each board's stack.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Stacks {
    run: BTreeMap<String, u64>,
    training: BTreeMap<String, u64>,
    inference: BTreeMap<String, u64>,
}

impl Stacks {
    /// The committed table.
    ///
    /// # Errors
    /// A table that cannot be read.
    pub fn committed() -> Result<Self> {
        toml::from_str(STACKS).map_err(|error| Failure::failed(format!("boards/stacks.toml: {error}")))
    }

    /// A table of what was measured: for each task the bound of each board.
    pub fn of([run, training, inference]: [BTreeMap<String, u64>; 3]) -> Self {
        Self { run, training, inference }
    }

    /// The bound of a board, bytes.
    pub fn bound(&self, board: &Board, task: Task) -> Option<u64> {
        let table = match task {
            Task::Run => &self.run,
            Task::Training => &self.training,
            Task::Inference => &self.inference,
        };
        table.get(board.name).copied()
    }

    /// The table as TOML.
    ///
    /// # Errors
    /// None in practice: names and numbers have a TOML form.
    pub fn to_toml(&self) -> Result<String> {
        let text = toml::to_string(self).map_err(|error| Failure::failed(error.to_string()))?;
        Ok(format!(
            "# Bytes of stack on each board, measured with every kind of network by `shatterscope plan --stacks FILE`: the most that was seen, and\n# {}% above it.\n\n{text}",
            super::stacks::MARGIN
        ))
    }
}

/// A bound of each board's stack, bytes: never exceeded in any test, and at most a tenth above what was seen.
///
/// # Errors
/// A table that cannot be read.
pub fn stack_bound(board: &Board, task: Task) -> Result<Option<u64>> {
    Ok(Stacks::committed()?.bound(board, task))
}

/// The bound for a board whose program is known.
///
/// # Errors
/// A bound that the program's stack does not hold.
pub fn stack_of(board: &Board, task: Task, image: &Image) -> Result<Option<u64>> {
    let bound = stack_bound(board, task)?;
    match bound {
        Some(bound) if bound > image.stack => Err(Failure::failed(format!(
            "{}: its program has {} B of stack, and {bound} B may be needed: build it with more (stack in its board.toml)",
            board.name, image.stack
        ))),
        bound => Ok(bound),
    }
}

/// Instructions of each kind of work on a core.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Costs(BTreeMap<String, BTreeMap<String, f64>>);

impl Costs {
    /// The committed table.
    ///
    /// # Errors
    /// A table that cannot be read.
    pub fn committed() -> Result<Self> {
        toml::from_str(COSTS).map_err(|error| Failure::failed(format!("boards/costs.toml: {error}")))
    }

    /// A table of what was fitted.
    pub fn of(fitted: impl IntoIterator<Item = (&'static Board, Vec<f64>)>) -> Self {
        let named = |prices: Vec<f64>| {
            let named = Work::KINDS.iter().zip(prices).filter(|(_, price)| *price > 0.0);
            named.map(|(name, price)| ((*name).to_owned(), (price * 1000.0).round() / 1000.0)).collect()
        };
        Self(fitted.into_iter().map(|(board, prices)| (board.name.to_owned(), named(prices))).collect())
    }

    /// Instructions of a run on a board, or on the emulated board with the same core.
    pub fn instructions(&self, board: &Board, work: &Work) -> Option<f64> {
        let prices = self.0.get(board.name).or_else(|| self.0.get(twin(board)?.name))?;
        let price = |name: &str| prices.get(name).copied().unwrap_or(0.0);
        Some(Work::KINDS.iter().zip(work.counts()).map(|(name, count)| price(name) * count).sum())
    }

    /// What a choice costs, to be compared with other choices for the same run: instructions, or a rough guess for a
    /// board whose core is not in the table.
    pub fn of_choice(&self, board: Option<&Board>, fpu: bool, run: &Run, choice: &Choice, room: &Room) -> f64 {
        let counted = board.and_then(|board| {
            let zeros = Zeros::assumed(run, board);
            self.instructions(board, &work(run, choice, (room.rows, room.tile), &zeros))
        });
        counted.unwrap_or_else(|| choice.cost(fpu))
    }

    /// The table as `boards/costs.toml` has it.
    ///
    /// # Errors
    /// None in practice.
    pub fn to_toml(&self) -> Result<String> {
        let text = toml::to_string(self).map_err(|error| Failure::failed(error.to_string()))?;
        Ok(format!(
            "# Instructions of each kind of work, fitted to counts under the emulator by `shatterscope plan --calibrate FILE`.\n\n{text}"
        ))
    }
}

/// The emulated board whose core runs the same instructions.
pub fn twin(board: &Board) -> Option<&'static Board> {
    let core = match board.core {
        "Cortex-M0+" => "Cortex-M0",
        core => core,
    };
    crate::device::board::emulated().find(|other| other.core == core)
}
