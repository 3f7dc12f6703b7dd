//! The committed tables of boards: bounds of the stack, and prices of work in instructions.
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
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Stacks {
    run: BTreeMap<String, u64>,
    training: BTreeMap<String, u64>,
}

/// A bound of each board's stack, bytes: never exceeded in any test, and at most a tenth above what was seen.
///
/// # Errors
/// A table that cannot be read.
pub fn stack_bound(board: &Board, task: Task) -> Result<Option<u64>> {
    let stacks: Stacks =
        toml::from_str(STACKS).map_err(|error| Failure::failed(format!("boards/stacks.toml: {error}")))?;
    let table = match task {
        Task::Run => stacks.run,
        Task::Training => stacks.training,
    };
    Ok(table.get(board.name).copied())
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
