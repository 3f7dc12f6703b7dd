//! How much stack boards take: measured with every kind of network that they can hold, and written with a margin.
mod draw;
mod hold;

pub use draw::{Draw, Draws};
pub use hold::hold;

use super::Image;
use super::tables::Stacks;
use crate::Result;
use crate::compare::suite;
use crate::device::board::{Board, emulated};
use crate::device::firmware::Firmware;
use rayon::prelude::*;

/// What is added to the most that was measured, in percent, and what the sum is rounded up to.
pub const MARGIN: u64 = 3;
const UNIT: u64 = 16;

/// Draws of runs and of trainings on each board, from this seed.
const DRAWS: usize = 60;
const SEED: u64 = 0x5eed;

/// The bound for a peak of the stack.
pub fn bound(measured: u64) -> u64 {
    (measured + measured * MARGIN / 100).next_multiple_of(UNIT)
}

/// The most bytes of stack that runs, trainings and inference of every kind take on a board: those of the suite, and draws.
///
/// # Errors
/// A board that differs from its plan or from this machine.
pub fn measure(board: &'static Board, program: &std::path::Path) -> Result<[u64; 3]> {
    let image = Image::read(program)?;
    let mut draws = Draws::new(SEED);
    let suite =
        suite()?.into_iter().map(|entry| Draw::Run { spec: Box::new(entry.spec), schedule: entry.schedule, ram: 0 });
    let runs: Vec<_> = suite.chain((0..DRAWS).map(|_| draws.run(board, &image))).collect();
    let trainings: Vec<_> = (0..DRAWS).map(|_| draws.training(board, &image)).collect();
    let predictions: Vec<_> = (0..DRAWS).map(|_| draws.prediction(board, &image)).collect();
    let mut most = [0; 3];
    for (most, draws) in most.iter_mut().zip([runs, trainings, predictions]) {
        for draw in &draws {
            if let Some(stack) = hold(board, program, &image, draw)? {
                *most = u64::from(stack).max(*most);
            }
        }
    }
    Ok(most)
}

/// The table of all emulated boards, measured anew.
///
/// # Errors
/// Firmware that cannot be built; as [`measure`].
pub fn measure_all(firmware: &Firmware) -> Result<Stacks> {
    let boards: Vec<_> = emulated().collect();
    let programs: Result<Vec<_>> = boards.iter().map(|board| firmware.program(board)).collect();
    let measured: Result<Vec<_>> = boards
        .par_iter()
        .zip(programs?)
        .map(|(board, program)| {
            let most = measure(board, &program)?;
            let [run, training, inference] = most;
            eprintln!("{}: {run} B of stack in runs, {training} B in training, {inference} B in inference", board.name);
            Ok((board.name, most.map(bound)))
        })
        .collect();
    let measured = measured?;
    let of = |task: usize| measured.iter().map(|(name, bounds)| ((*name).to_owned(), bounds[task])).collect();
    Ok(Stacks::of([of(0), of(1), of(2)]))
}
