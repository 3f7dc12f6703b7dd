//! What it costs: this machine against other people's libraries, growth with size, counted instructions.
mod boards;
mod counts;
mod coverage;
mod peers;
mod runs;
mod wasm;

use crate::step::Report;
use crate::tools::{self, Tools};
use crate::tree::Tree;
use clap::{Args, Subcommand};
use std::path::PathBuf;

#[derive(Args)]
#[command(arg_required_else_help = true)]
pub struct Bench {
    /// This machine: ourselves, plain loops, matrixmultiply, gemm, faer, candle, NumPy, PyTorch (5 GB from PyPI), taking turns
    #[arg(long)]
    peers: bool,
    /// Training on this machine: convolutions and whole steps, ourselves and PyTorch (5 GB from PyPI), taking turns
    #[arg(long)]
    training: bool,
    /// WebAssembly under node: kernels and gradients, with SIMD128 and without, taking turns
    #[arg(long)]
    wasm: bool,
    /// Turns of each contestant, of --peers, --training and --wasm
    #[arg(long, default_value_t = 20)]
    rounds: u32,
    /// Instructions of every kernel under valgrind, against benches/counts.toml
    #[arg(long)]
    counts: bool,
    /// Lines of the importer that its tests and the committed fuzz inputs reach: nine tenths at least
    #[arg(long)]
    coverage: bool,
    /// Writes benches/counts.toml anew
    #[arg(long, requires = "counts")]
    bless: bool,
    /// Time against width, depth and points as a figure, and the smallest networks beside plain loops as a table
    #[arg(long)]
    scaling: bool,
    /// Folder of what is written [default: benches; of the figure: out/bench]
    #[arg(long)]
    out: Option<PathBuf>,
    #[command(subcommand)]
    what: Option<What>,
}

#[derive(Subcommand)]
enum What {
    /// Every kernel on every emulated board: writes boards/kernels.csv and its table
    Boards {
        /// Measure again, and hold what is committed to it
        #[arg(long)]
        check: bool,
    },
    /// Whole runs and steps of training on two emulated boards, against boards/runs.csv
    Runs {
        /// Writes it anew
        #[arg(long)]
        bless: bool,
    },
}

pub fn steps(tree: &Tree, report: &mut Report, bench: &Bench) {
    let out = |folder: &str| bench.out.clone().unwrap_or_else(|| tree.root.join(folder));
    if bench.peers {
        report.step("peers", || peers::measure(tree, &out("benches"), bench.rounds));
    }
    if bench.training {
        report.step("training", || peers::training(tree, &out("benches"), bench.rounds));
    }
    if bench.wasm {
        report.step("WebAssembly", || wasm::measure(tree, bench.rounds));
    }
    if bench.scaling {
        report.step("scaling", || peers::scaling(tree, &out("out/bench")));
    }
    if bench.counts {
        let tools = tools::provide(report);
        counted(tree, report, &tools, bench.bless);
    }
    if bench.coverage {
        covered(tree, report);
    }
    match bench.what {
        Some(What::Boards { check }) => {
            let tools = tools::provide(report);
            on_boards(tree, report, &tools, check);
        }
        Some(What::Runs { bless }) => {
            let tools = tools::provide(report);
            whole(tree, report, &tools, bless);
        }
        None => {}
    }
}

/// Lines of the importer that tests and fuzz inputs reach.
pub fn covered(tree: &Tree, report: &mut Report) {
    let name = "lines of the importer that tests reach";
    match coverage::Programs::provide() {
        Ok(programs) => report.step(name, || coverage::measure(tree, &programs)),
        Err(reason) => report.skip(name, &reason),
    }
}

/// Instructions of the kernels on emulated boards; with `check` against those that are committed.
pub fn on_boards(tree: &Tree, report: &mut Report, tools: &Tools, check: bool) {
    boards::steps(tree, report, tools, check);
}

/// Whole runs on emulated boards against those that are committed.
pub fn whole(tree: &Tree, report: &mut Report, tools: &Tools, bless: bool) {
    let name = "devices: whole runs as counted before";
    match tools.emulators() {
        Ok(()) => report.step(name, || runs::check(tree, bless)),
        Err(reason) => report.skip(name, &reason),
    }
}

/// Instructions against those that are committed: what a push must pass.
pub fn counted(tree: &Tree, report: &mut Report, tools: &Tools, bless: bool) {
    let name = "instruction counts";
    match (tools.valgrind(), counts::missing()) {
        (Ok(()), None) => report.step(name, || counts::check(tree, bless)),
        (Err(reason), _) => report.skip(name, &reason),
        (_, Some(reason)) => report.skip(name, reason),
    }
}
