//! The memory of the run on the chip, with the lengths from the plan.
use super::network::{PLAN, POINTS, lengths, recompute};
use super::run::Memory;
use shatterscope::exec::Buffers;
use shatterscope::plan::{RunLengths, RunOptions};
use shatterscope_digits::SIDE;

/// Rows of the register tile.
pub const ROWS: usize = 4;
/// Points of the register tile. A tile of 4 points is a quarter faster and needs 61 KiB more, because whole tiles are resident.
pub const TILE: usize = 1;
/// One tile of points is resident at a time.
pub const OPTIONS: RunOptions = recompute(TILE as u32);
const LENGTHS: RunLengths = lengths(&OPTIONS, TILE as u32);

/// All buffers of the run.
pub struct Arena {
    pub parameters: [f32; PLAN.parameters_len as usize],
    pub inputs: [f32; POINTS * SIDE * SIDE],
    pub values: [f32; LENGTHS.values_len as usize],
    pub tape: [u8; LENGTHS.tape_len as usize],
    pub statistics: [f32; LENGTHS.statistics_len as usize],
    pub scratch: [f32; PLAN.scratch_best as usize],
    pub outputs: [f32; LENGTHS.outputs_len as usize],
    pub gradient: [f32; LENGTHS.gradient_len as usize],
}

impl Arena {
    /// All zero.
    pub const fn new() -> Self {
        Self {
            parameters: [0.0; _],
            inputs: [0.0; _],
            values: [0.0; _],
            tape: [0; _],
            statistics: [0.0; _],
            scratch: [0.0; _],
            outputs: [0.0; _],
            gradient: [0.0; _],
        }
    }

    /// Borrows all buffers for a run.
    pub fn memory(&mut self) -> Memory<'_> {
        Memory {
            parameters: &mut self.parameters,
            inputs: &mut self.inputs,
            buffers: Buffers {
                values: &mut self.values,
                tape: &mut self.tape,
                statistics: &mut self.statistics,
                scratch: &mut self.scratch,
                gathered: &mut [],
            },
            outputs: &mut self.outputs,
            gradient: &mut self.gradient,
        }
    }
}
