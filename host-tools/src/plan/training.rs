//! What a training takes on a board: the firmware's own cut of its arena.
use super::image::Image;
use super::tables::{Task, stack_of};
use crate::data::Dataset;
use crate::device::firmware::Firmware;
use crate::device::{Board, Settings};
use crate::train::{Spec, request};
use crate::{Failure, Result};
use serde::Serialize;
use shatterscope_firmware::{training_layout, training_tile, training_words};

/// Bytes of memory by purpose.
#[derive(Clone, Debug, Serialize)]
pub struct Memory {
    /// Weights and biases.
    pub parameters: u64,
    /// What the optimiser keeps.
    pub state: u64,
    /// Running statistics of batch norms.
    pub running: u64,
    /// Values and gradients of one batch, the inputs among them.
    pub values: u64,
    /// The least that any placement of the values and gradients takes.
    pub values_bound: u64,
    /// Bits of ReLUs, bytes of maxima.
    pub tape: u64,
    /// Of a batch, for its norms.
    pub statistics: u64,
    /// Operands of a parameter gradient.
    pub gathered: u64,
    /// Packed weights and gradients of a few parameters.
    pub scratch: u64,
    /// The nodes of the graph and their slots.
    pub graph: u64,
    /// The labels of a batch.
    pub labels: u64,
    /// All of these.
    pub arena_used: u64,
    /// With the smallest scratch.
    pub least: u64,
    /// The arena.
    pub arena: u64,
    /// Statics without the arena.
    pub other_statics: u64,
    /// Bound of the stack; null for boards that nobody has measured.
    pub stack: Option<u64>,
    /// What is used of the arena, the other statics, and the stack.
    pub ram: Option<u64>,
}

/// A plan for one board.
#[derive(Clone, Debug, Serialize)]
pub struct Planned {
    /// Every field resolved.
    pub spec: Spec,
    /// Contract id.
    pub contract: &'static str,
    /// Board.
    pub board: String,
    /// Core.
    pub core: &'static str,
    /// Rows and points of the register tile.
    pub register_tile: [u32; 2],
    /// Layers.
    pub layers: usize,
    /// Nodes of the graph.
    pub nodes: usize,
    /// Parameters.
    pub parameters: u64,
    /// Of one example, forward.
    pub multiply_adds: u64,
    /// Bytes of flash that the program takes.
    pub flash: u64,
    /// Bytes of memory.
    pub memory: Memory,
}

/// Plans a training for a board: builds its firmware, reads its image, cuts the arena.
///
/// # Errors
/// Firmware that cannot be built; a training that does not fit, or that no device does.
pub fn plan(spec: &Spec, data: &Dataset, board: &'static Board, settings: &Settings) -> Result<Planned> {
    // What no device does is said before anything is built.
    let layers = spec.layers(data)?;
    let (placed, train) = request(spec, &layers, 0, settings.ram)?;
    // So is what the board's memory cannot hold, whatever its program.
    let words = training_words(board.most_memory() / 4, train.with.ram, false);
    training_layout(&placed.plan()?, &train.with, board.tile.1, words)?.map_err(|short| {
        Failure::failed(format!(
            "{}: the training needs {} B of memory, {} B are there",
            board.name, short.need, short.have
        ))
    })?;
    let image = Image::read(&Firmware::find(settings.firmware.as_deref())?.program(board)?)?;
    plan_for(spec, data, board, &image, settings)
}

/// Plans a training for a board whose program is known.
///
/// # Errors
/// A training that does not fit, or that no device does.
pub fn plan_for(spec: &Spec, data: &Dataset, board: &Board, image: &Image, settings: &Settings) -> Result<Planned> {
    let layers = spec.layers(data)?;
    let (placed, train) = request(spec, &layers, 0, settings.ram)?;
    let core = placed.plan()?;
    let (rows, tile) = board.tile;
    let words = training_words(image.arena / 4, train.with.ram, image.wide);
    let layout = training_layout(&core, &train.with, tile, words)?.map_err(|short| {
        Failure::failed(format!(
            "{}: the training needs {} B of memory, {} B are there: a smaller network or batch, or an optimiser without state",
            board.name, short.need, short.have
        ))
    })?;
    let bytes = |words: u32| 4 * u64::from(words);
    let (other_statics, stack) = (image.statics - image.arena, stack_of(board, Task::Training, image)?);
    let tile = training_tile(spec.batch, tile);
    let points = u64::from(spec.batch.next_multiple_of(tile));
    Ok(Planned {
        spec: spec.clone(),
        contract: shatterscope::contract::CONTRACT,
        board: board.name.to_owned(),
        core: board.core,
        register_tile: [rows, tile],
        layers: layers.len(),
        nodes: placed.nodes.len(),
        parameters: core.parameters_len,
        multiply_adds: core.multiply_adds,
        flash: image.flash,
        memory: Memory {
            parameters: bytes(layout.parameters),
            state: bytes(layout.state),
            running: bytes(layout.running),
            values: bytes(layout.values),
            values_bound: 4 * placed.memory.bound * points,
            tape: bytes(layout.tape),
            statistics: bytes(layout.statistics),
            gathered: bytes(layout.gathered),
            scratch: bytes(layout.scratch),
            graph: bytes(layout.nodes + layout.slots),
            labels: bytes(layout.labels),
            arena_used: bytes(layout.words()),
            least: bytes(layout.least),
            arena: image.arena,
            other_statics,
            stack,
            ram: stack.map(|stack| bytes(layout.words()) + other_statics + stack),
        },
    })
}
