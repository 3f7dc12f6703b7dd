//! How many bytes runs and trainings take, of networks drawn at random: never more than `arena.csv` says.
//!
//! The draws are fixed. A change that needs less writes the file anew: `cargo test -p shatterscope --test all -- --ignored write_arena`.
use shatterscope::Error;
use shatterscope::graph::Node;
use shatterscope::graph::{Image, Window};
use shatterscope::internals::op::{Conv, Pool, Shortcut};
use shatterscope::plan::{Derivative, Plan, RunOptions, Schedule, Statistics, Storage, Want, place};
use shatterscope::random::philox4x32_10;
use shatterscope::spec::{Family, Init, Norm, Spec};
use shatterscope::train::{Decay, Optimiser, Settings};
use shatterscope_layers::{Layer, to_graph};
use std::fmt::Write;

/// Numbers that follow each other.
struct Draw(u32);

impl Draw {
    fn below(&mut self, n: u32) -> u32 {
        self.0 += 1;
        ((u64::from(philox4x32_10([self.0, 0, 0, 0], [2026, 11])[0]) * u64::from(n)) >> 32) as u32
    }

    fn of<T: Copy, const N: usize>(&mut self, all: [T; N]) -> T {
        all[self.below(N as u32) as usize]
    }
}

const TILES: [u32; 3] = [1, 4, 16];

/// A run: what it is, and its bytes, None where it is refused.
fn run(draw: &mut Draw) -> (String, Option<u64>) {
    let (a, b) = (1.0, 0.5);
    let families = [
        Family::Feedforward,
        Family::Resnet { alpha: a, beta: b },
        Family::Highway { carry: 0.6, transform: 0.8 },
        Family::Crelu,
    ];
    let spec = Spec::feedforward(1 + draw.below(60), 1 + draw.below(200))
        .with_family(draw.of(families))
        .with_norm(draw.of([Norm::None, Norm::Centre, Norm::Batch]))
        .with_init(draw.of([Init::He, Init::Orthogonal]));
    let points = 1 + draw.below(300);
    let resident = 1 + draw.below(20);
    let options = RunOptions::new(points)
        .with_derivative(draw.of([Derivative::Reverse, Derivative::Reverse, Derivative::Forward]))
        .with_statistics(draw.of([Statistics::Detached, Statistics::Full]))
        .with_schedule(draw.of([Schedule::WholeBatch, Schedule::Blocks { resident }]));
    let tile = draw.of(TILES);
    let bytes = Plan::family(&spec, options.want())
        .and_then(|plan| plan.run(&options, tile))
        .ok()
        .map(|lengths| 4 * (lengths.values_len + lengths.statistics_len + spec.panel_len()) + lengths.tape_len);
    let RunOptions { derivative, statistics, schedule, .. } = options;
    let Spec { family, norm, init, depth, width, .. } = spec;
    let name = format!(
        "{family:?} {norm:?} {init:?} {depth} x {width}; {points} points; {derivative:?} {statistics:?} {schedule:?}; tile {tile}"
    );
    (name, bytes)
}

/// A training: its layers in short, and its bytes.
fn training(draw: &mut Draw) -> (String, Option<u64>) {
    let side = draw.of([1, 4, 7, 8]);
    let mut at = Image { channels: 1 + draw.below(8), height: side, width: side };
    let (mut layers, mut name) = (Vec::new(), format!("{}x{}x{}", at.channels, at.height, at.width));
    for _ in 0..1 + draw.below(5) {
        let kept = draw.below(3) == 0;
        let fork = at;
        if kept {
            layers.push(Layer::Fork { image: at });
            name += " (";
        }
        for _ in 0..1 + draw.below(3) {
            let units = at.units().unwrap();
            match draw.below(8) {
                0 => {
                    layers.push(Layer::BatchNorm { image: at, eps: 1e-5, momentum: 0.1 });
                    name += " norm";
                }
                1 => {
                    layers.push(Layer::Prelu { image: at, slope: 0.25 });
                    name += " prelu";
                }
                2 if at.channels < 64 => {
                    layers.push(Layer::Crelu { image: at });
                    at.channels *= 2;
                    name += " crelu";
                }
                3 | 4 => {
                    let (channels, stride) = (1 + draw.below(12), draw.of([1, 1, 2]));
                    let conv = Conv { input: at, channels, window: Window::half_padded(draw.of([1, 3]), stride) };
                    layers.push(Layer::Conv { conv, bias: draw.below(2) == 0 });
                    at = conv.output().unwrap();
                    let _ = write!(name, " conv{}s{stride}->{channels}", conv.window.height);
                }
                5 if at.height >= 2 => {
                    let pool = Pool { input: at, window: Window { height: 2, width: 2, stride: 2, padding: 0 } };
                    let average = draw.below(2) == 0;
                    layers.push(if average { Layer::AveragePool { pool } } else { Layer::MaxPool { pool } });
                    at = pool.output().unwrap();
                    name += if average { " mean2" } else { " max2" };
                }
                6 => {
                    layers.push(Layer::Dropout { units, rate: 0.25 });
                    name += " dropout";
                }
                _ => {
                    layers.push(Layer::Relu { units });
                    name += " relu";
                }
            }
        }
        if kept {
            let shortcut = Shortcut { input: fork, channels: at.channels, stride: fork.height.div_ceil(at.height) };
            // A branch that its shortcut cannot follow joins nothing: the fork is taken back.
            if at.channels >= fork.channels && shortcut.output() == Some(at) {
                layers.push(Layer::Join { shortcut, a: 1.0, b: 0.5 });
                name += " )";
            } else {
                let fork = layers.iter().rposition(|layer| matches!(layer, Layer::Fork { .. })).unwrap();
                layers.remove(fork);
                name += " /";
            }
        }
    }
    let (inputs, outputs) = (at.units().unwrap(), 1 + draw.below(10));
    layers.push(Layer::Dense { inputs, outputs, bias: true });
    let (batch, tile) = (1 + draw.below(40), draw.of(TILES));
    let optimiser = draw.of([Optimiser::Sgd, Optimiser::Adam { beta1: 0.9, beta2: 0.999, eps: 1e-8 }]);
    let (steps, settings) = (draw.below(2) == 0, Settings::new(optimiser));
    let want = if steps { Want::ParameterGradient } else { Want::Gradients };
    let bytes = bytes(&layers, want, (batch, tile), settings).ok();
    let for_what = if steps { format!("steps {optimiser:?}") } else { "gradients".to_owned() };
    (format!("{name} dense->{outputs}; {batch} points; {for_what}; tile {tile}"), bytes)
}

/// Bytes of a training's buffers.
fn bytes(layers: &[Layer], want: Want, (batch, tile): (u32, u32), settings: Settings) -> Result<u64, Error> {
    let mut nodes = vec![Node::EMPTY; 3 * layers.len() + 1];
    let graph = to_graph(layers, &mut nodes)?;
    let (mut slots, mut storages) =
        (vec![0; graph.len() * want.slots()], vec![Storage::EMPTY; graph.len() * want.slots()]);
    place(&graph, want, &mut storages, &mut slots)?;
    let plan = Plan::new(&graph, want, &slots)?;
    let plain = settings.optimiser == Optimiser::Sgd && settings.decay == Decay::None;
    let alone = plain && want == Want::ParameterGradient && (batch, tile) == (1, 1);
    let scratch = if alone { plan.descent_scratch[0] } else { plan.scratch_len };
    let floats = plan.values_len(batch, tile).unwrap() + plan.statistics_len() + scratch + plan.gathered_len(tile);
    Ok(4 * floats + plan.tape_len(batch, tile).unwrap())
}

/// 200 of each.
fn all() -> Vec<(String, Option<u64>)> {
    let mut draw = Draw(0);
    let runs: Vec<_> = (0..200).map(|_| run(&mut draw)).collect();
    let trainings = (0..200).map(|_| training(&mut draw));
    runs.into_iter().chain(trainings).collect()
}

fn file() -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/arena.csv")
}

#[test]
fn no_network_takes_more_memory_than_before() {
    let text = std::fs::read_to_string(file()).unwrap();
    let mut lines = text.lines().skip(1);
    for (name, bytes) in all() {
        let line = lines.next().unwrap();
        let (before, said) = line.split_once(',').unwrap();
        assert_eq!(said.trim_matches('"'), name, "the draws are those of the file");
        match (bytes, before.parse::<u64>()) {
            (Some(bytes), Ok(before)) => assert!(bytes <= before, "{name}: {bytes} bytes, {before} before"),
            // What was refused may run by now.
            (_, Err(_)) => assert_eq!(before, "refused"),
            (None, Ok(_)) => panic!("{name} is refused"),
        }
    }
    assert!(lines.next().is_none());
}

#[test]
#[ignore = "writes arena.csv"]
fn write_arena() {
    let mut text = "bytes,network\n".to_owned();
    for (name, bytes) in all() {
        let bytes = bytes.map_or("refused".to_owned(), |bytes| bytes.to_string());
        let _ = writeln!(text, "{bytes},\"{name}\"");
    }
    std::fs::write(file(), text).unwrap();
}
