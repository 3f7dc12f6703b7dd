//! What inference takes on a board: the firmware's own layout of its arena.
use super::image::Image;
use super::tables::{Task, stack_of};
use crate::device::Board;
use crate::predict::Placed;
use crate::{Failure, Result};
use serde::Serialize;
use shatterscope_firmware::{model_layout, training_tile, training_words};

/// Bytes of memory by purpose.
#[derive(Clone, Debug, Serialize)]
pub struct Memory {
    /// Weights and biases.
    pub parameters: u64,
    /// Running statistics of batch norms.
    pub running: u64,
    /// The nodes of the graph and the slots of their values.
    pub graph: u64,
    /// Values of one batch, inputs and outputs among them.
    pub values: u64,
    /// The least that any placement of the values takes.
    pub values_bound: u64,
    /// Packed weights of convolutions.
    pub scratch: u64,
    /// All of these.
    pub arena_used: u64,
    /// With the smallest scratch.
    pub least: u64,
    /// The arena.
    pub arena: u64,
    /// Statics without the arena.
    pub other_statics: u64,
    /// Bound of the stack; null for boards that have not been measured.
    pub stack: Option<u64>,
    /// What is used of the arena, the other statics, and the stack.
    pub ram: Option<u64>,
}

/// A plan for one board.
#[derive(Clone, Debug, Serialize)]
pub struct Planned {
    /// Contract id.
    pub contract: &'static str,
    /// Board.
    pub board: String,
    /// Core.
    pub core: &'static str,
    /// Rows and points of the register tile.
    pub register_tile: [u32; 2],
    /// Examples in one forward pass.
    pub batch: u32,
    /// Nodes of the graph.
    pub nodes: usize,
    /// Parameters.
    pub parameters: u64,
    /// Of one example.
    pub multiply_adds: u64,
    /// Bytes of flash that the program takes.
    pub flash: u64,
    /// Bytes of memory.
    pub memory: Memory,
}

/// Plans inference for a board whose program is known.
///
/// # Errors
/// A graph that does not fit.
pub fn plan_for(placed: &Placed, board: &Board, image: &Image, batch: u32, ram: u32) -> Result<Planned> {
    let (plan, nodes) = (placed.plan()?, placed.nodes.len());
    let (rows, tile) = board.tile;
    let words = training_words(image.arena / 4, ram, image.wide);
    let layout = model_layout(&plan, nodes, batch, tile, words)?.map_err(|short| {
        Failure::failed(format!(
            "{}: the graph needs {} B of memory, {} B are there: a smaller network or batch, or its weights in flash (pack --checkpoint)",
            board.name, short.need, short.have
        ))
    })?;
    let bytes = |words: u32| 4 * u64::from(words);
    let (other_statics, stack) = (image.statics - image.arena, stack_of(board, Task::Inference, image)?);
    let tile = training_tile(batch, tile);
    let points = u64::from(batch.next_multiple_of(tile));
    Ok(Planned {
        contract: shatterscope::contract::CONTRACT,
        board: board.name.to_owned(),
        core: board.core,
        register_tile: [rows, tile],
        batch,
        nodes,
        parameters: plan.parameters_len,
        multiply_adds: plan.multiply_adds,
        flash: image.flash,
        memory: Memory {
            parameters: bytes(layout.parameters),
            running: bytes(layout.running),
            graph: bytes(layout.nodes + layout.slots),
            values: bytes(layout.values),
            values_bound: 4 * placed.memory.bound * points,
            scratch: bytes(layout.scratch),
            arena_used: bytes(layout.words()),
            least: bytes(layout.least),
            arena: image.arena,
            other_statics,
            stack,
            ram: stack.map(|stack| bytes(layout.words()) + other_statics + stack),
        },
    })
}
