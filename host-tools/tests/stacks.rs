//! Stack and arena of emulated boards, planned and measured, with runs and trainings drawn near the limit of their memory; and what is said
//! of a stack that overflows. Needs QEMU: `cargo xtask test` runs it.
use rayon::prelude::*;
use shatterscope_host::device::board::{Board, emulated};
use shatterscope_host::device::firmware::Firmware;
use shatterscope_host::device::place::{Counting, Settings, in_emulator, open};
use shatterscope_host::engine::{Engine, Isa};
use shatterscope_host::plan::Image;
use shatterscope_host::plan::stacks::{Draws, hold};
use shatterscope_host::plan::tables::{Task, stack_bound};
use shatterscope_host::spec::Overrides;
use std::time::Duration;

/// So many runs and as many trainings on every board: a board holds what the plan says that it holds, with this machine's bits and within the
/// bound of its stack, and refuses what the plan refuses.
fn draws_hold(seed: u64, count: usize) {
    let firmware = Firmware::find(None).unwrap();
    let boards: Vec<_> = emulated().map(|board| (board, firmware.program(board).unwrap())).collect();
    boards.par_iter().enumerate().for_each(|(i, (board, program))| {
        let (name, image) = (board.name, Image::read(program).unwrap());
        let mut draws = Draws::new(seed + i as u64);
        for task in [Task::Run, Task::Training, Task::Inference] {
            let bound = stack_bound(board, task).unwrap().unwrap();
            assert!(bound <= image.stack, "{name}: {bound} B of {} B of stack", image.stack);
            let (mut most, mut refused) = (0, 0);
            for number in 0..count {
                let draw = match task {
                    Task::Run => draws.run(board, &image),
                    Task::Training => draws.training(board, &image),
                    Task::Inference => draws.prediction(board, &image),
                };
                match hold(board, program, &image, &draw) {
                    Ok(None) => refused += 1,
                    Ok(Some(stack)) => {
                        assert!(u64::from(stack) <= bound, "{name}, draw {number} of {seed}: {stack} B: {draw}");
                        most = most.max(stack);
                    }
                    Err(error) => panic!("draw {number} of {seed}: {error}"),
                }
            }
            println!("{name}: {task:?}: {most} B of {bound} B of stack; {refused} of {count} do not fit");
        }
    });
}

#[test]
#[ignore = "needs QEMU"]
fn draws_near_the_limit_take_what_was_planned() {
    draws_hold(15, 3);
}

#[test]
#[ignore = "long: needs QEMU, hundreds of draws"]
fn long_draws_near_the_limit_take_what_was_planned() {
    draws_hold(1000, 30);
}

/// Enough to say hello, and too little for a run.
const LITTLE: u32 = 2816;

/// The firmware with less stack: a program's first word is where its stack begins. Below the stack there is no memory.
#[test]
#[ignore = "needs QEMU"]
fn a_stack_overflow_is_named() {
    let firmware = Firmware::find(None).unwrap();
    for name in ["microbit", "mps2-an386"] {
        let board = Board::find(name).unwrap();
        let mut program = std::fs::read(firmware.program(board).unwrap()).unwrap();
        let (at, start) = vectors(&program);
        let less = start - (Image::read(&firmware.program(board).unwrap()).unwrap().stack as u32 - LITTLE);
        program[at..at + 4].copy_from_slice(&less.to_le_bytes());
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), program).unwrap();
        let settings = Settings {
            firmware: None,
            timeout: Duration::from_secs(60),
            schedule: None,
            ram: 0,
            count: Counting::Off,
            models: false,
        };
        let engine = Engine::new(Some(1), Isa::Auto, true).unwrap();
        let given: Overrides = toml::from_str("depth = 3\nwidth = 8\npoints = 6\nnorm = 'batch'\nruns = 1").unwrap();
        let mut place = open(&in_emulator(board, file.path()).unwrap(), &settings, &engine).unwrap();
        let error = place.gradient(&given.resolve().unwrap(), 0).unwrap_err().to_string();
        assert!(error.contains("stack overflow") && !error.contains('\n'), "{name}: {error}");
        println!("{name}: {error}");
    }
}

/// Where the table of vectors lies in a program's file, and its first word.
fn vectors(program: &[u8]) -> (usize, u32) {
    use object::{Object, ObjectSection};
    let file = object::File::parse(program).unwrap();
    let section = file.section_by_name(".vector_table").unwrap();
    let at = section.file_range().unwrap().0 as usize;
    (at, u32::from_le_bytes(program[at..at + 4].try_into().unwrap()))
}
