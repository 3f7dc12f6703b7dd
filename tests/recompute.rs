//! The example of a convnet by recompute, run on the desktop: the digest that boards print, in all schedules, tiles and instruction sets.
#[path = "../boards/examples/convnet-by-recompute/src/arena.rs"]
mod arena;
#[path = "../boards/examples/convnet-by-recompute/src/network.rs"]
mod network;
#[path = "../boards/examples/convnet-by-recompute/src/run.rs"]
mod run;

use arena::{Arena, OPTIONS, ROWS, TILE};
use network::{PLAN, POINTS, WHOLE_BATCH, bytes, lengths, recompute};
use run::{DIGEST, Memory};
use shatterscope::exec::Buffers;
use shatterscope::exec::Isa;
use shatterscope::plan::{RunLengths, RunOptions};
use shatterscope_digits::SIDE;

/// The digest of the run and its number of steps. Buffers have exactly the lengths that the plan states, and begin as NaN.
fn run<const R: usize, const T: usize>(options: RunOptions) -> (String, u32) {
    let RunLengths { values_len, tape_len, statistics_len, outputs_len, gradient_len, .. } =
        lengths(&options, T as u32);
    let [mut values, mut statistics, mut outputs, mut gradient, mut scratch, mut parameters] =
        [values_len, statistics_len, outputs_len, gradient_len, PLAN.scratch_best, PLAN.parameters_len]
            .map(|len| vec![f32::NAN; len as usize]);
    let memory = Memory {
        parameters: &mut parameters,
        inputs: &mut vec![f32::NAN; POINTS * SIDE * SIDE],
        buffers: Buffers {
            values: &mut values,
            tape: &mut vec![0xa5; tape_len as usize],
            statistics: &mut statistics,
            scratch: &mut scratch,
            gathered: &mut [],
        },
        outputs: &mut outputs,
        gradient: &mut gradient,
    };
    let mut steps = 1;
    let digest = run::run::<R, T>(options, memory, |_| steps += 1).unwrap();
    assert!(gradient.iter().all(|g| *g != 0.0));
    (digest.to_string(), steps)
}

#[test]
fn every_schedule_tile_and_instruction_set_has_the_digest_of_the_board() {
    for isa in Isa::ALL.into_iter().filter(|isa| isa.is_available()) {
        for resident in [None, Some(48)] {
            let options = resident.map_or(WHOLE_BATCH, recompute).with_isa(isa);
            for (tile, (digest, steps)) in [("4x1", run::<4, 1>(options)), ("5x16", run::<5, 16>(options))] {
                assert_eq!(digest, DIGEST, "{isa:?}, {tile}, {resident:?} points resident");
                assert!(steps > 1, "{isa:?}, {tile}, {resident:?} points resident: one step");
            }
        }
    }
}

/// The memory of an mps2-an386 is 4 MiB.
#[test]
fn the_buffers_fit_a_chip_only_by_recompute() {
    let mut arena = Box::new(Arena::new());
    let digest = run::run::<ROWS, TILE>(OPTIONS.with_isa(Isa::detect()), arena.memory(), |_| ());
    assert_eq!(digest.unwrap().to_string(), DIGEST);
    assert_eq!(size_of::<Arena>() as u64, bytes(&lengths(&OPTIONS, TILE as u32)));
    assert!(size_of::<Arena>() <= 256 << 10, "{}", size_of::<Arena>());
    assert!(bytes(&lengths(&WHOLE_BATCH, TILE as u32)) > 4 << 20);
}
