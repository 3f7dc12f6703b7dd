//! What the engine may choose for itself (kernel, register tile, threads, what they share) changes neither bits nor faults.
use shatterscope::Pass;
use shatterscope::contract::Digest;
use shatterscope::exec::Isa;
use shatterscope::plan::Schedule;
use shatterscope_host::engine::{self, Engine, Outcome, RunFault};
use shatterscope_host::spec::Overrides;

/// Around the widths of all register tiles and of their last, partly filled one; 288 is whole for every tile.
const POINTS: [u32; 13] = [1, 2, 7, 8, 9, 15, 16, 17, 32, 33, 65, 257, 288];

fn outcomes(text: &str, points: u32, schedule: Option<Schedule>) -> Vec<(String, Outcome)> {
    let given: Overrides = toml::from_str(text).unwrap();
    let spec = Overrides { points: Some(points), runs: Some(1), ..given }.resolve().unwrap();
    let plain = Engine::new(Some(1), engine::Isa::Only(Isa::Portable), true).unwrap();
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
        // A norm has no use for one point: that is refused before an engine computes it.
        let least = if text.contains("norm") { 2 } else { 1 };
        for points in POINTS.into_iter().filter(|&points| points >= least) {
            one(outcomes(text, points, None)).unwrap();
        }
        let given: Overrides = toml::from_str(text).unwrap();
        let single = Overrides { points: Some(1), ..given }.resolve();
        assert_eq!(
            single.is_err_and(|error| error.message.starts_with("--points 1 with a norm")),
            least == 2,
            "{text}"
        );
    }
    for text in [
        "depth = 3\nwidth = 19",
        "depth = 3\nwidth = 19\nnorm = 'centre'\nstatistics = 'full'",
        "depth = 4\nwidth = 17\nfamily = 'resnet'\nnorm = 'batch'\nstatistics = 'full'",
        "depth = 3\nwidth = 9\nfamily = 'crelu'\nnorm = 'batch'\nstatistics = 'full'\nderivative = 'forward'",
    ] {
        let schedules = [Schedule::WholeBatch, Schedule::Blocks { resident: 20 }];
        one(schedules.into_iter().flat_map(|schedule| outcomes(text, 70, Some(schedule))).collect()).unwrap();
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

#[derive(serde::Deserialize)]
struct Golden {
    name: String,
    spec: Overrides,
    digest: String,
}

/// What the second implementation made of several inputs, of one decimal that fixes another, and of runs that fail.
#[test]
fn goldens_of_the_desktop_hold() {
    let goldens: Vec<Golden> = serde_json::from_str(include_str!("../../tests/goldens-desktop.json")).unwrap();
    assert!(goldens.len() >= 11, "the golden file is complete");
    for Golden { name, spec, digest } in goldens {
        let runs = Some(spec.runs.unwrap_or(1));
        let spec = Overrides { runs, seed: Some(spec.seed.unwrap_or(0)), ..spec }.resolve().unwrap();
        for threads in [1, 2, 8] {
            let engine = Engine::new(Some(threads), engine::Isa::Auto, true).unwrap();
            let found = match engine.runs(&spec, "goldens").unwrap() {
                Ok(runs) => Digest::of_runs(runs.iter().map(|run| run.digest)).to_string(),
                Err(RunFault { fault, .. }) => {
                    let pass = if fault.pass == Pass::Forward { "forward" } else { "backward" };
                    format!("no result: {pass} {}", fault.layer)
                }
            };
            assert_eq!(found, digest, "{name}, {threads} threads");
        }
    }
}

/// The same decimal from the command line, a TOML file and JSON; and numbers that would become zero or infinite.
#[test]
fn decimals_of_specs_go_by_way_of_binary64() {
    use shatterscope_host::cli::{Cli, Command};
    use shatterscope_host::spec::Spec;
    let text = "1.000000059604644775390626";
    let words = ["shatterscope", "spec", "--gain", text];
    let Command::Spec(network) = Cli::of_words(words.map(Into::into)).command else { panic!("a spec") };
    let toml: Overrides = toml::from_str(&format!("gain = {text}")).unwrap();
    let json: Overrides = serde_json::from_str(&format!("{{\"gain\": {text}}}")).unwrap();
    for given in [network.overrides, toml, json] {
        assert_eq!(given.resolve().unwrap().gain.to_bits(), 1f32.to_bits(), "not the 1.0000001 of the direct way");
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("spec.toml");
    for (line, why) in [
        ("eps = 1e-400", "line 2: 1e-400: it is too small"),
        ("eps = 1e-46", "--eps: 1e-46: it is too small"),
        ("bias_std = 1e39", "--bias-std: 1e39: it is too large"),
        ("from = -inf", "--from: -inf: it must be finite"),
        ("family = 'highway'\ncarry = nan", "--carry must lie"),
        ("family = 'highway'\ncarry = 1e-50\ntransform = 1", "--carry: 1e-50: it is too small"),
    ] {
        std::fs::write(&path, format!("depth = 2\n{line}\n")).unwrap();
        let resolved = Spec::overrides_from_file(&path).and_then(Overrides::resolve);
        let error = resolved.unwrap_err().to_string();
        assert!(error.contains(why) && error.lines().count() == 1, "{line}: {error}");
    }
    // What a spec is printed as gives it back.
    let odd = Spec { eps: f32::from_bits(0x15ae_43fd), ..Overrides::default().resolve().unwrap() };
    let back: Overrides = toml::from_str(&odd.to_toml().unwrap()).unwrap();
    assert_eq!(back.resolve().unwrap(), odd);
}

/// Threads that flush subnormals, or round otherwise, are refused wherever they compute.
#[cfg(target_arch = "x86_64")]
mod float_modes {
    use shatterscope_host::data;
    use shatterscope_host::engine::{Engine, Isa, float_mode};
    use shatterscope_host::spec::{Overrides, Spec};
    use shatterscope_host::train::{Activation, Init, Kind, Net, Run, Skips, Spec as Training};

    const DEFAULT: u32 = 0x1f80;
    const MODES: [(&str, u32); 5] = [
        ("flush to zero", 0x8000),
        ("denormals are zero", 0x0040),
        ("downwards", 0x2000),
        ("upwards", 0x4000),
        ("towards zero", 0x6000),
    ];

    #[allow(unsafe_code)]
    fn set_mode(bits: u32) {
        let mode = DEFAULT | bits;
        // SAFETY: every x86-64 has this register; the thread ends, or is set back, before it does anything else with floats.
        unsafe { std::arch::asm!("ldmxcsr [{}]", in(reg) &raw const mode, options(nostack)) };
    }

    fn with_mode<T: Send + 'static>(bits: u32, work: impl FnOnce() -> T + Send + 'static) -> T {
        let work = move || {
            set_mode(bits);
            let result = work();
            set_mode(0);
            result
        };
        std::thread::spawn(work).join().unwrap()
    }

    fn spec(runs: u32, norm: &str) -> Spec {
        let text = format!("depth = 4\nwidth = 9\npoints = 40\nruns = {runs}\nnorm = \"{norm}\"");
        toml::from_str::<Overrides>(&text).unwrap().resolve().unwrap()
    }

    fn refused<T>(result: shatterscope_host::Result<T>) -> bool {
        result.is_err_and(|error| error.message.contains("flushes subnormal") && error.message.lines().count() == 1)
    }

    #[test]
    fn a_thread_of_another_mode_gets_no_result() {
        assert!(float_mode::check().is_ok());
        for (name, bits) in MODES {
            // A number of threads that no other test asks for: the pool is started by the thread of the wrong mode, and not kept.
            let found = with_mode(bits, || {
                let engine = Engine::new(Some(41), Isa::Auto, true).unwrap();
                [
                    refused(engine.runs(&spec(6, "none"), "")),
                    refused(engine.install(|| ())),
                    refused(float_mode::check()),
                ]
            });
            assert_eq!(found, [true; 3], "{name}");
            let engine = Engine::new(Some(41), Isa::Auto, true).unwrap();
            assert!(engine.runs(&spec(6, "none"), "").is_ok(), "the pool of after {name}");
        }
    }

    #[test]
    fn a_worker_of_another_mode_gives_no_wrong_result() {
        // A pool of a size that no other test uses.
        let engine = Engine::new(Some(37), Isa::Auto, true).unwrap();
        // Some threads of the pool change their mode after they have been started, as a library that they call may.
        let set = |bits: u32| {
            let one = move |context: rayon::BroadcastContext<'_>| {
                if context.index() % 2 == 1 {
                    set_mode(bits);
                }
            };
            while engine.install(|| rayon::broadcast(one)).is_err() {}
        };
        for (norm, runs) in [("none", 64), ("batch", 64), ("none", 1), ("batch", 1)] {
            let spec = spec(runs, norm);
            let right = engine.runs(&spec, "").unwrap();
            for (name, bits) in MODES {
                set(bits);
                for found in (0..20).map(|_| engine.runs(&spec, "")) {
                    // Those threads need not take part.
                    assert!(
                        found.as_ref().is_ok_and(|found| *found == right) || refused(found),
                        "{name}, {norm}, {runs}"
                    );
                }
                set(0);
                assert_eq!(engine.runs(&spec, "").unwrap(), right);
            }
        }
    }

    #[test]
    fn training_on_a_thread_of_another_mode_is_refused() {
        let net = Net {
            kind: Kind::Dense,
            depth: 1,
            width: 8,
            activation: Activation::Relu,
            slope: 1.0,
            init: Init::He,
            batch_norm: false,
            skips: Skips::None,
            beta: 1.0,
            dropout: 0.0,
        };
        for (name, bits) in MODES {
            // A pool of the caller's own, every thread of which has the mode.
            let pool =
                rayon::ThreadPoolBuilder::new().num_threads(2).start_handler(move |_| set_mode(bits)).build().unwrap();
            let net = net.clone();
            pool.install(move || {
                let data = data::open(None).unwrap();
                let mut run =
                    Run::new(Training::adam(net, 64, 1, 1e-3), &data, Isa::Auto.kernel().unwrap(), None).unwrap();
                assert!(refused(run.step()), "{name}: a step");
                assert!(refused(run.evaluate()), "{name}: an evaluation");
            });
        }
    }
}
