//! A plan held to what a device reports.
use super::draw::Draw;
use crate::device::place::{Counting, Outcome, Settings, in_emulator, open, open_link};
use crate::device::{Board, Target};
use crate::engine::{Engine, Isa};
use crate::plan::{Image, inference, plan_for, training};
use crate::predict::{Examples, Placed, Prediction, Remote};
use crate::train::{Pupil, Run};
use crate::{Failure, Result};
use shatterscope::plan::Want;
use std::path::Path;
use std::time::Duration;

/// Steps of a training.
const STEPS: u32 = 2;

/// Does what was drawn on an emulated board: the arena is what was planned, to the byte, the results are this machine's, and what the plan
/// refuses the board refuses. The peak of the stack; none where both refuse.
///
/// # Errors
/// What differs; a board that is gone.
pub fn hold(board: &'static Board, program: &Path, image: &Image, draw: &Draw) -> Result<Option<u32>> {
    let held = match draw {
        Draw::Run { .. } => run(board, program, image, draw),
        Draw::Training { .. } => training(board, program, image, draw),
        Draw::Prediction { .. } => prediction(board, program, image, draw),
    };
    held.map_err(|error| Failure { message: format!("{}: {}: {draw}", board.name, error.message), ..error })
}

fn settings(schedule: Option<shatterscope::plan::Schedule>, ram: u32) -> Settings {
    let timeout = Duration::from_secs(120);
    Settings { firmware: None, timeout, schedule, ram, count: Counting::Off, models: false }
}

fn run(board: &'static Board, program: &Path, image: &Image, draw: &Draw) -> Result<Option<u32>> {
    let Draw::Run { spec, schedule, ram } = draw else { return Ok(None) };
    let (settings, engine) = (settings(*schedule, *ram), Engine::new(Some(1), Isa::Auto, true)?);
    let planned = plan_for(spec, board, image, &settings);
    let measured = open(&in_emulator(board, program)?, &settings, &engine)?.gradient(spec, 0);
    let (planned, measured) = match (planned, measured) {
        (Err(planned), Err(measured)) => return refused(&planned, &measured),
        (planned, measured) => (planned?, measured?),
    };
    let here = open(&Target::Host, &settings, &engine)?.gradient(spec, 0)?;
    if here.outcome != measured.outcome {
        return Err(Failure::failed(format!("{:?}, here {:?}", measured.outcome.digest(), here.outcome.digest())));
    }
    if let Outcome::Results { .. } = measured.outcome {
        same("arena", u64::from(measured.arena.unwrap_or(0)), planned.memory.arena_used)?;
    }
    Ok(measured.stack)
}

fn training(board: &'static Board, program: &Path, image: &Image, draw: &Draw) -> Result<Option<u32>> {
    let Draw::Training { spec, data, ram } = draw else { return Ok(None) };
    let settings = settings(None, *ram);
    let planned = training::plan_for(spec, data, board, image, &settings);
    let engine = Engine::new(Some(1), Isa::Auto, true)?;
    let mut run = Run::new((**spec).clone(), data, engine.isa, None)?;
    let line = open_link(&in_emulator(board, program)?, &settings)?;
    let pupil = Pupil::new(line, board.name.to_owned(), spec, run.model(), *ram);
    let (planned, mut pupil) = match (planned, pupil) {
        (Err(planned), Err(measured)) => return refused(&planned, &measured),
        (planned, pupil) => (planned?, pupil?),
    };
    for _ in 0..STEPS {
        let (lesson, before) = (run.lesson()?, run.model().clone());
        let outcome = run.step()?;
        pupil.teach(&lesson, &outcome, &before, run.model())?;
    }
    let report = pupil.report();
    same("arena", u64::from(report.arena_bytes), planned.memory.arena_used)?;
    same("least arena", u64::from(report.least_bytes), planned.memory.least)?;
    Ok(report.stack_bytes)
}

fn prediction(board: &'static Board, program: &Path, image: &Image, draw: &Draw) -> Result<Option<u32>> {
    let Draw::Prediction { spec, data, ram } = draw else { return Ok(None) };
    let settings = settings(None, *ram);
    let engine = Engine::new(Some(1), Isa::Auto, true)?;
    let checkpoint = Run::new((**spec).clone(), data, engine.isa, None)?.checkpoint();
    let placed = Placed::of_layers(&checkpoint.model.layers, Want::Output)?;
    let planned = inference::plan_for(&placed, board, image, spec.batch, *ram);
    let line = open_link(&in_emulator(board, program)?, &settings)?;
    let remote = Remote::new(line, board.name.to_owned(), &placed, checkpoint.model.weights(), spec.batch, *ram);
    let (planned, mut remote) = match (planned, remote) {
        (Err(planned), Err(measured)) => return refused(&planned, &measured),
        (planned, remote) => (planned?, remote?),
    };
    let examples = Examples::test(data, &checkpoint)?;
    let here = Prediction::new(&checkpoint, &placed, &examples, spec.batch, engine.isa)?;
    remote.predict(&examples, &here, |_| {})?;
    let report = remote.report();
    same("arena", u64::from(report.arena_bytes), planned.memory.arena_used)?;
    same("least arena", u64::from(report.least_bytes), planned.memory.least)?;
    same("values", u64::from(report.value_bytes), planned.memory.values)?;
    Ok(report.stack_bytes)
}

fn same(what: &str, measured: u64, planned: u64) -> Result<()> {
    match measured == planned {
        true => Ok(()),
        false => Err(Failure::failed(format!("{what}: {measured} B measured, {planned} B planned"))),
    }
}

/// Both say that there is too little memory, and how much it would take.
fn refused(planned: &Failure, measured: &Failure) -> Result<Option<u32>> {
    let need = planned.message.split_whitespace().find(|word| word.parse::<u64>().is_ok());
    match need {
        Some(need) if planned.message.contains(" B of memory") && measured.message.contains(need) => Ok(None),
        _ => Err(Failure::failed(format!("the plan says \"{planned}\", the board \"{measured}\""))),
    }
}
