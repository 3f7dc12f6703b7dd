use super::image::Image;
use super::tables::{Costs, Task, stack_of, twin};
use super::work::{parameters, work, work_of};
use super::zeros::Zeros;
use crate::device::Board;
use crate::device::firmware::Firmware;
use crate::device::fit::{Choice, Room, Unfit, request};
use crate::device::place::Settings;
use crate::device::profile::grouped;
use crate::engine::{Engine, Isa};
use crate::spec::Spec;
use crate::{Failure, Result};
use serde::Serialize;
use shatterscope::graph::Graph;
use shatterscope::plan::Schedule;

/// Bytes of memory by purpose.
#[derive(Clone, Debug, Serialize)]
pub struct Memory {
    /// Values of the resident points, their gradients or tangents.
    pub values: u64,
    /// The same, under the name that earlier versions printed.
    pub activations: u64,
    /// Always 0: earlier versions counted normalised values apart from the others.
    pub normalised: u64,
    /// Signs of preactivations.
    pub tape: u64,
    /// Means and deviations.
    pub statistics: u64,
    /// A block of weights.
    pub panel: u64,
    /// Outputs and gradient of one request.
    pub results: u64,
    /// All of these: what the run takes of the arena.
    pub arena_used: u64,
    /// The arena.
    pub arena: u64,
    /// Statics without the arena.
    pub other_statics: u64,
    /// Frame that comes in and frame that goes out; part of the stack.
    pub frames: u64,
    /// Bound of the stack; null for boards that nobody has measured.
    pub stack: Option<u64>,
}

/// A schedule that was looked at.
#[derive(Clone, Debug, Serialize)]
pub struct Considered {
    /// `whole-batch` or `blocks:N`.
    pub schedule: String,
    /// Bytes of the arena; null where the core refuses it.
    pub arena: Option<u64>,
    /// Multiply-adds.
    pub multiply_adds: Option<u64>,
    /// Weights drawn.
    pub weights_drawn: Option<u64>,
    /// Instructions, where the board's prices are known.
    pub instructions: Option<u64>,
    /// Chosen, or why not.
    pub verdict: String,
}

/// Instructions of an operation, a layer, or a kind of operation.
#[derive(Clone, Debug, Serialize)]
pub struct Part {
    /// The node of the graph; node 0 is the input.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node: Option<u32>,
    /// The same, under the name that earlier versions printed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operation: Option<u32>,
    /// Layer as in the paper, readout = depth + 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub layer: Option<u32>,
    /// dense, relu, ...
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<&'static str>,
    /// Instructions forward.
    pub forward: u64,
    /// Instructions backward.
    pub backward: u64,
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
    /// Bytes of flash that the program takes.
    pub flash: u64,
    /// Bytes of memory.
    pub memory: Memory,
    /// `whole-batch` or `blocks:N`.
    pub schedule: String,
    /// Points of one request.
    pub slice: u32,
    /// Weights of the network.
    pub parameters: u64,
    /// Of one run, recomputation included.
    pub multiply_adds: u64,
    /// Of one run: each weight as often as it is drawn.
    pub weights_drawn: u64,
    /// Of one run.
    pub instructions: Option<u64>,
    /// The same operation by operation, as `device profile` measures it; empty where the board's prices are not known.
    pub operations: Vec<Part>,
    /// By layer.
    pub layers: Vec<Part>,
    /// By kind of operation.
    pub kinds: Vec<Part>,
    /// How the factors were found that are zero: `counted` in a run on this machine, or `assumed`, half behind each ReLU, where such a
    /// run takes too long.
    pub zeros: &'static str,
    /// The board whose counts these are, where it is another.
    pub instructions_of: Option<&'static str>,
    /// All schedules.
    pub schedules: Vec<Considered>,
}

/// Plans a spec for a board: builds its firmware, reads its image, cuts the run.
///
/// # Errors
/// Firmware that cannot be built; a run that does not fit.
pub fn plan(spec: &Spec, board: &'static Board, settings: &Settings) -> Result<Planned> {
    spec.one_input("plan")?;
    let run = request(spec, 0, settings.ram)?;
    check_sweeps(&Graph::family(&run.spec)?)?;
    // What the board's memory cannot hold whatever its program is refused before that is built.
    let room = Room { words: board.most_memory() / 4, rows: board.tile.0, tile: board.tile.1, ram: settings.ram };
    match settings.schedule {
        None => room.choose(&run, |choice| choice.multiply_adds as f64)?,
        Some(schedule) => room.choice(&run, schedule, run.count).map_err(unfit)?,
    };
    let image = Image::read(&Firmware::find(settings.firmware.as_deref())?.program(board)?)?;
    plan_for(spec, board, &image, settings)
}

/// Plans a spec for a board whose program is known.
///
/// # Errors
/// A run that does not fit.
pub fn plan_for(spec: &Spec, board: &Board, image: &Image, settings: &Settings) -> Result<Planned> {
    let (rows, tile) = board.tile;
    let room = Room { words: image.arena / 4, rows, tile, ram: settings.ram };
    let run = request(spec, 0, settings.ram)?;
    let costs = Costs::committed()?;
    let chosen = match settings.schedule {
        None => room.choose(&run, |choice| costs.of_choice(Some(board), board.fpu(), &run, choice, &room))?,
        Some(schedule) => room.choice(&run, schedule, run.count).map_err(unfit)?,
    };
    let engine = Engine::new(None, Isa::Auto, true)?;
    let quick = chosen.multiply_adds <= QUICK && engine.check(&Spec { runs: 1, ..spec.clone() }).is_ok();
    let zeros = if quick { Zeros::found(spec, &run, &engine, board)? } else { Zeros::assumed(&run, board) };
    let price = |choice: &Choice| costs.instructions(board, &work(&run, choice, (rows, tile), &zeros));
    let mut schedules = room.schedules(&run);
    if !schedules.iter().any(|(schedule, _)| *schedule == chosen.schedule) {
        schedules.push((chosen.schedule, Ok(chosen)));
    }
    let best = price(&chosen);
    let considered = schedules.into_iter().map(|(schedule, choice)| {
        let name = name_of(schedule);
        match choice {
            Ok(choice) => {
                let instructions = price(&choice);
                let verdict = match (choice.schedule == chosen.schedule, settings.schedule, best.zip(instructions)) {
                    (true, Some(_), _) => "chosen: asked for".to_owned(),
                    (true, None, _) => "chosen: the least work that fits".to_owned(),
                    (false, _, Some((best, this))) if this >= best => format!("{:.2} times the work", this / best),
                    (false, ..) => "not asked for".to_owned(),
                };
                Considered {
                    schedule: name,
                    arena: Some(choice.layout.bytes()),
                    multiply_adds: Some(choice.multiply_adds),
                    weights_drawn: Some(choice.weights),
                    instructions: instructions.map(|count| count.round() as u64),
                    verdict,
                }
            }
            Err(unfit) => Considered {
                schedule: name,
                arena: if let Unfit::Short(short) = &unfit { Some(short.need) } else { None },
                multiply_adds: None,
                weights_drawn: None,
                instructions: None,
                verdict: match unfit {
                    Unfit::Short(short) => format!("does not fit: {} B are there", short.have),
                    Unfit::Refused(error) => error.to_string(),
                },
            },
        }
    });
    let layout = chosen.layout;
    let graph = Graph::family(&run.spec)?;
    let priced: Option<Vec<[f64; 2]>> = work_of(&run, &chosen, (rows, tile), &zeros)
        .iter()
        .map(|[forward, backward]| Some([costs.instructions(board, forward)?, costs.instructions(board, backward)?]))
        .collect();
    let priced = priced.unwrap_or_default();
    let part = |[forward, backward]: [f64; 2]| {
        let [forward, backward] = [forward, backward].map(|count| count.round() as u64);
        Part { node: None, operation: None, layer: None, kind: None, forward, backward }
    };
    let operations = (0..).zip(&priced).filter_map(|(i, spent)| {
        let node = graph.node(i).filter(|node| !node.is_input())?;
        let (layer, kind) = (Some(node.address), Some(node.op.name()));
        Some(Part { node: Some(i), operation: Some(i), layer, kind, ..part(*spent) })
    });
    let layers = grouped(&graph, &priced, |node| node.address);
    let kinds = grouped(&graph, &priced, |node| node.op.name());
    let prices = twin(board).filter(|twin| twin.name != board.name).map(|twin| twin.name);
    Ok(Planned {
        schedules: considered.collect(),
        operations: operations.collect(),
        layers: layers.into_iter().map(|(layer, spent)| Part { layer: Some(layer), ..part(spent) }).collect(),
        kinds: kinds.into_iter().map(|(kind, spent)| Part { kind: Some(kind), ..part(spent) }).collect(),
        spec: spec.clone(),
        contract: spec.contract(),
        board: board.name.to_owned(),
        core: board.core,
        register_tile: [board.tile.0, board.tile.1],
        flash: image.flash,
        memory: Memory {
            values: 4 * layout.values,
            activations: 4 * layout.values,
            normalised: 0,
            tape: 4 * layout.tape,
            statistics: 4 * layout.statistics,
            panel: 4 * layout.panel,
            results: 4 * (layout.gradient + layout.outputs),
            arena_used: layout.bytes(),
            arena: image.arena,
            other_statics: image.statics - image.arena,
            frames: 2 * shatterscope::wire::MAX_FRAME as u64,
            stack: stack_of(board, Task::Run, image)?,
        },
        schedule: name_of(chosen.schedule),
        slice: chosen.slice,
        parameters: parameters(&spec.network()),
        multiply_adds: chosen.multiply_adds,
        weights_drawn: chosen.weights,
        instructions: best.map(|count| count.round() as u64),
        instructions_of: best.and(prices),
        zeros: if quick { "counted" } else { "assumed" },
    })
}

/// Multiply-adds that this machine does in seconds: above them a plan does not look for the zeros of a run.
const QUICK: u64 = 50_000_000_000;

/// Refuses networks whose sweeps, one a norm, take minutes to count.
fn check_sweeps(graph: &Graph) -> Result<()> {
    const MOST: u64 = 1 << 28;
    let norms = (0..).map_while(|i| graph.node(i)).filter(|node| node.op.norm().is_some()).count() as u64;
    if norms.max(1) * graph.len() as u64 > MOST {
        return Err(Failure::usage(format!(
            "a plan counts every operation once for each of {norms} norms, at most {MOST} together: lower --depth"
        )));
    }
    Ok(())
}

fn unfit(unfit: Unfit) -> Failure {
    match unfit {
        Unfit::Refused(error) => error.into(),
        Unfit::Short(short) => Failure::failed(format!(
            "this schedule needs {} B of memory for runs, {} B are there",
            short.need, short.have
        )),
    }
}

/// As `--schedule` takes it.
pub fn name_of(schedule: Schedule) -> String {
    match schedule {
        Schedule::WholeBatch => "whole-batch".to_owned(),
        Schedule::Blocks { resident } => format!("blocks:{resident}"),
    }
}
