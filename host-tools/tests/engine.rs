//! What the engine may choose for itself (kernel, register tile, threads, what they share) changes neither bits nor faults.
use shatterscope::Pass;
use shatterscope::kernel::Isa;
use shatterscope::network::Schedule;
use shatterscope_host::engine::{self, Engine, Outcome};
use shatterscope_host::spec::Overrides;

/// Around the widths of all register tiles and of their last, partly filled one; 288 is whole for every tile.
const POINTS: [u32; 13] = [1, 2, 7, 8, 9, 15, 16, 17, 32, 33, 65, 257, 288];

fn outcomes(text: &str, points: u32, schedule: Option<Schedule>) -> Vec<(String, Outcome)> {
    let given: Overrides = toml::from_str(text).unwrap();
    let spec = Overrides { points: Some(points), runs: Some(1), ..given }.resolve().unwrap();
    let plain = Engine::new(Some(1), engine::Isa::Portable, true).unwrap();
    let isas = Isa::ALL.into_iter().filter(|isa| isa.is_available());
    let engines = isas.flat_map(|isa| [1, 2, 3, 8].map(|threads| Engine { threads, isa, schedule, ..plain.clone() }));
    let run = |engine: Engine| {
        let name = format!("{text:?} at {points} points, {:?}, {} threads, {schedule:?}", engine.isa, engine.threads);
        (name, engine.runs(&spec, "choices").unwrap())
    };
    engines.map(run).collect()
}

/// All the same as the first.
fn one(outcomes: Vec<(String, Outcome)>) -> Outcome {
    let (_, expected) = outcomes[0].clone();
    for (name, outcome) in outcomes {
        assert_eq!(outcome, expected, "{name}");
    }
    expected
}

#[test]
fn no_choice_changes_a_bit() {
    for text in [
        "depth = 3\nwidth = 19",
        "depth = 3\nwidth = 19\nnorm = 'centre'",
        "depth = 3\nwidth = 19\nnorm = 'batch'\nstatistics = 'full'",
        "depth = 4\nwidth = 17\nfamily = 'resnet'\nnorm = 'batch'",
        "depth = 3\nwidth = 9\nfamily = 'highway'\nderivative = 'forward'",
        "depth = 3\nwidth = 9\nfamily = 'crelu'",
    ] {
        for points in POINTS {
            one(outcomes(text, points, None)).unwrap();
        }
    }
    for schedule in [Schedule::WholeBatch, Schedule::Blocks { resident: 20 }] {
        one(outcomes("depth = 3\nwidth = 19", 70, Some(schedule))).unwrap();
    }
}

/// Points overflow at different layers: the fault is that of all points together, wherever threads cut them.
#[test]
fn no_choice_changes_a_fault() {
    let fault = |text: String| one(outcomes(&text, 90, None)).unwrap_err().fault;
    let forward = |range: &str| {
        let fault = fault(format!("depth = 160\nwidth = 16\ngain = 1.6\nfirst_bias_std = 0.0\n{range}"));
        assert_eq!(fault.pass, Pass::Forward);
        fault.layer
    };
    // The last points overflow first, the first ones; a third as large, they get further than a slice's layer.
    let (last, first) = (forward("from = 0.0\nto = 1e30"), forward("from = -1e30\nto = 0.0"));
    assert!(forward("from = 0.0\nto = 3e29") > last && forward("from = -3e29\nto = 0.0") > first);
    // What comes back to positive points and to negative ones goes through other gates; with these seeds they overflow apart.
    for seed in [15, 18, 24, 38] {
        let text = format!("seed = {seed}\ndepth = 80\nwidth = 8\ngain = 5.0\nfirst_bias_std = 0.0");
        let backward = |range: &str| {
            let fault = fault(format!("{text}\n{range}"));
            assert_eq!(fault.pass, Pass::Backward);
            fault.layer
        };
        let (all, first) = (backward("from = -1e-38\nto = 1e-38"), backward("from = -1e-38\nto = -1e-39"));
        let last = backward("from = 1e-39\nto = 1e-38");
        assert!(first != last && all == first.max(last), "{first} and {last}, together {all}");
    }
}
