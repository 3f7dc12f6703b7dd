//! What `plan` says before, against what emulated boards say after. Needs QEMU: `cargo xtask test` runs it.
use rayon::prelude::*;
use shatterscope::graph::Graph;
use shatterscope::plan::Schedule;
use shatterscope_host::compare::{Entry, suite};
use shatterscope_host::device::Target;
use shatterscope_host::device::board::{Board, emulated};
use shatterscope_host::device::firmware::Firmware;
use shatterscope_host::device::place::{Counting, OpenTarget, Remote, Settings, emulated_place, open};
use shatterscope_host::device::profile::{Spent, grouped};
use shatterscope_host::engine::{Engine, Isa};
use shatterscope_host::plan::{
    Image, Planned, plan_for,
    tables::{Task, stack_bound},
};
use shatterscope_host::spec::Overrides;
use std::time::Duration;

/// From so many multiply-adds on, predicted instructions are held to their bound.
const LARGE: u64 = 500_000;

/// How far a prediction may be off: of the whole run, and of a layer as a share of the whole.
const ALLOWED: f64 = 0.05;

/// Specs of more than that which no price was fitted to.
const LARGER: [&str; 8] = [
    "depth = 4\nwidth = 64\npoints = 24",
    "depth = 20\nwidth = 32\npoints = 16\nbias_std = 0.2",
    "depth = 3\nwidth = 90\npoints = 20\nnormal = 'as241'",
    "depth = 6\nwidth = 50\npoints = 24\nnorm = 'centre'\nstatistics = 'full'",
    "depth = 8\nwidth = 40\npoints = 22\nnorm = 'batch'\nfamily = 'resnet'",
    "depth = 5\nwidth = 45\npoints = 26\nfamily = 'highway'\nderivative = 'forward'",
    "depth = 5\nwidth = 48\npoints = 20\nfamily = 'crelu'",
    "depth = 3\nwidth = 56\npoints = 35\ninit = 'orthogonal'",
];

fn settings(entry: &Entry) -> Settings {
    Settings {
        firmware: None,
        timeout: Duration::from_secs(60),
        schedule: entry.schedule,
        ram: 0,
        count: Counting::Instructions,
        models: false,
    }
}

fn engine() -> Engine {
    Engine::new(Some(1), Isa::Auto, true).unwrap()
}

fn entries() -> Vec<Entry> {
    let larger = LARGER.iter().map(|text| {
        let overrides: Overrides = toml::from_str(text).unwrap();
        let spec = Overrides { runs: Some(1), ..overrides }.resolve().unwrap();
        Entry { name: Some(*text), spec, schedule: None }
    });
    suite().unwrap().into_iter().chain(larger).collect()
}

/// Holds each layer of the plan to the profile.
fn layers_hold(board: &Board, name: &str, planned: &Planned, place: &mut Remote, entry: &Entry) {
    let profile = place.profile(&entry.spec, 0).unwrap();
    let network = entry.spec.network();
    let layers = grouped(&Graph::family(&network).unwrap(), &profile.operations, |node| node.address);
    assert_eq!(planned.layers.len(), layers.len());
    let total = profile.total.work() as f64;
    let mut worst = 0.0f64;
    for (part, (layer, spent)) in planned.layers.iter().zip(&layers) {
        assert_eq!(part.layer, Some(*layer));
        for (predicted, spent) in [part.forward, part.backward].into_iter().zip(spent) {
            worst = worst.max((predicted as f64 - spent.work() as f64).abs() / total);
        }
    }
    println!("{} {name:?}: a layer is off by at most {:.2}% of the whole", board.name, 100.0 * worst);
    assert!(worst <= ALLOWED, "{} {name}: a layer is off by {worst}", board.name);
}

/// Runs one entry and holds the plan to it; the peak of the stack.
fn check(board: &'static Board, image: &Image, entry: &Entry) -> Option<u32> {
    let name = entry.name.unwrap_or_default();
    let settings = settings(entry);
    let planned: Planned = match plan_for(&entry.spec, board, image, &settings) {
        Ok(planned) => planned,
        // Only the larger ones may be too large, and then the device says so as well.
        Err(error) => {
            assert!(LARGER.contains(&name), "{} {name}: {error}", board.name);
            assert!(emulated_place(board, &settings, &engine()).unwrap().gradient(&entry.spec, 0).is_err());
            return None;
        }
    };
    let mut place = emulated_place(board, &settings, &engine()).unwrap();
    let identity = place.identity().unwrap().clone();
    assert_eq!((identity.rows, identity.tile), board.tile, "{}", board.name);
    assert_eq!(identity.fpu, board.fpu(), "{}", board.name);
    assert_eq!((identity.core.as_str(), identity.board.as_str()), (board.core, board.name));
    assert_eq!(identity.arena as u64, image.arena, "{}: the arena as the linker made it", board.name);
    let measured = place.gradient(&entry.spec, 0).unwrap();
    assert_eq!(measured.arena.map(u64::from), Some(planned.memory.arena_used), "{} {name}: arena", board.name);
    let stack = measured.stack.unwrap();
    let bound = planned.memory.stack.unwrap_or(0);
    assert!(stack as u64 <= bound, "{} {name}: {stack} B of stack, the table says {bound}", board.name);
    if planned.multiply_adds >= LARGE {
        let (predicted, counted) = (planned.instructions.unwrap() as f64, measured.instructions.unwrap() as f64);
        let error = predicted / counted - 1.0;
        println!("{} {name:?}: predicted {predicted}, counted {counted}, off by {:.2}%", board.name, 100.0 * error);
        assert!(error.abs() <= ALLOWED, "{} {name}: predicted {predicted}, counted {counted}", board.name);
        layers_hold(board, name, &planned, &mut place, entry);
    }
    Some(stack)
}

#[test]
#[ignore = "needs QEMU"]
fn the_plan_is_what_the_device_reports() {
    let firmware = Firmware::find(None).unwrap();
    let boards: Vec<_> = emulated().collect();
    let generous = |board: &&'static Board| {
        let image = Image::read(&firmware.program(board).unwrap()).unwrap();
        let most = entries().iter().filter_map(|entry| check(board, &image, entry)).max().unwrap() as u64;
        let bound = stack_bound(board, Task::Run).unwrap().unwrap_or(0);
        println!("{}: at most {most} B of stack, the table says {bound}", board.name);
        (bound > most + most / 10).then_some(board.name)
    };
    let wrong: Vec<_> = boards.par_iter().filter_map(generous).collect();
    assert!(wrong.is_empty(), "the stack table is too generous for {wrong:?}");
}

/// Nodes and what is in none of them make up the whole; the marks cost next to nothing and change no bit.
#[test]
#[ignore = "needs QEMU"]
fn a_profile_adds_up() {
    for (name, text, schedule) in [
        ("microbit", "depth = 3\nwidth = 8\npoints = 6", None),
        ("mps2-an386", "depth = 3\nwidth = 24\npoints = 20\nnorm = 'batch'", Some(Schedule::Blocks { resident: 8 })),
        ("riscv32imac", "depth = 4\nwidth = 9\npoints = 10\nfamily = 'resnet'\nnorm = 'batch'", None),
        ("aarch64", "depth = 3\nwidth = 24\npoints = 40\nfamily = 'highway'\nderivative = 'forward'", None),
    ] {
        let board = Board::find(name).unwrap();
        let overrides: Overrides = toml::from_str(text).unwrap();
        let spec = Overrides { runs: Some(1), ..overrides }.resolve().unwrap();
        let settings =
            Settings { count: Counting::Memory, ..settings(&Entry { name: None, spec: spec.clone(), schedule }) };
        let mut place = emulated_place(board, &settings, &engine()).unwrap();
        let profile = place.profile(&spec, 0).unwrap();
        let measured = place.gradient(&spec, 0).unwrap();
        let total = profile.total.counts;
        let sum: Spent = profile.operations.iter().flatten().copied().sum();
        let rest = profile.rest().counts;
        assert_eq!(sum.counts.instructions + rest.instructions, total.instructions, "{name}: {profile:?}");
        assert_eq!(sum.counts.loads + rest.loads, total.loads, "{name}");
        assert!(rest.instructions < 1000 + total.instructions / 50, "{name}: {rest:?}");
        let cost = total.instructions as f64 / measured.instructions.unwrap() as f64 - 1.0;
        assert!((0.0..0.001).contains(&cost), "{name}: marks cost {cost}");
        assert_eq!(total.cycles > 0, name != "riscv32imac" && name != "aarch64");
        let ways = if text.contains("forward") { 1 } else { 2 };
        assert_eq!(profile.operations[0], [Spent::default(); 2], "{name}: an input takes nothing");
        for (i, node) in profile.operations.iter().enumerate().skip(1) {
            let work = node.map(|spent| spent.counts);
            assert!(
                work[..ways].iter().all(|counts| counts.instructions > 0 && counts.loads > 0),
                "{name} {i}: {work:?}"
            );
        }
        let host = open(&Target::Host, &settings, &engine()).unwrap().gradient(&spec, 0).unwrap();
        assert_eq!(host.outcome, measured.outcome, "{name}");
        assert!(!profile.kernel.is_empty());
        println!("{name}: {} instructions, marks {:.4}%, kernel {}", total.instructions, 100.0 * cost, profile.kernel);
    }
}

#[test]
#[ignore = "needs QEMU"]
fn a_limit_of_memory_is_kept() {
    within_a_limit(64 << 10, "width = 100\npoints = 128");
}

#[test]
#[ignore = "needs QEMU, a minute"]
fn long_a_larger_limit_of_memory_is_kept() {
    within_a_limit(128 << 10, "width = 200\npoints = 256");
}

/// The recompute schedule, within the budget for everything to the byte.
fn within_a_limit(limit: u64, size: &str) {
    let board = Board::find("mps2-an386").unwrap();
    let given: Overrides = toml::from_str(&format!("norm = 'centre'\ndepth = 24\nruns = 1\n{size}")).unwrap();
    let spec = given.resolve().unwrap();
    let entry = Entry { name: None, spec, schedule: None };
    let limited = Settings { ram: limit as u32, ..settings(&entry) };
    let image = Image::read(&Firmware::find(None).unwrap().program(board).unwrap()).unwrap();
    let planned = plan_for(&entry.spec, board, &image, &limited).unwrap();
    assert!(planned.schedule.starts_with("blocks:"), "{}", planned.schedule);
    let within = emulated_place(board, &limited, &engine()).unwrap().gradient(&entry.spec, 0).unwrap();
    let without = emulated_place(board, &settings(&entry), &engine()).unwrap().gradient(&entry.spec, 0).unwrap();
    assert_eq!(within.outcome, without.outcome, "the schedules give the same bits");
    let used = within.arena.unwrap() as u64 + planned.memory.other_statics + within.stack.unwrap() as u64;
    assert!(used <= limit, "{used} B used of {limit}");
    assert!(without.arena.unwrap() as u64 > limit, "the whole batch needs more than the limit");
    let error = planned.instructions.unwrap() as f64 / within.instructions.unwrap() as f64 - 1.0;
    assert!(error.abs() <= 0.05, "instructions are off by {error}");
    println!("{used} B of {limit} B, instructions off by {:.2}%", 100.0 * error);
}
