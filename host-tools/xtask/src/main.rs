//! `cargo xtask test` proves the whole: formats, lints, documentation, tests at every optimisation level, every target,
//! devices in the emulator, the absence of panics, and that a broken contract would be found.

mod bench;
mod boards;
mod emulated;
mod fuzz;
mod lanes;
mod lint;
mod locations;
mod machines;
mod memory;
mod models;
mod mutants;
mod numerics;
mod panics;
mod programs;
mod qemu;
mod rust;
mod soft_float;
mod step;
mod supply;
mod tools;
mod training;
mod tree;
mod usage;
mod wasm;
mod wrong;

use clap::{Parser, Subcommand};
use lanes::Lane;
use std::process::ExitCode;
use step::Report;
use tools::Tools;
use tree::Tree;

#[derive(Parser)]
#[command(about = "Proves shatterscope: run it before you push")]
struct Cli {
    #[command(subcommand)]
    command: Task,
}

#[derive(Subcommand)]
enum Task {
    /// All that a push must pass: about 30 minutes on two idle cores
    Test {
        /// Only tests and goldens of the core and the tool, and one emulated board if QEMU is installed: five minutes
        #[arg(long, conflicts_with = "long")]
        quick: bool,
        /// Also what takes longer: large goldens, the second implementation, the benchmarks' build
        #[arg(long)]
        long: bool,
    },
    /// Firmware in the emulator against this machine
    Qemu,
    /// Firmware of real boards: lints, images against the chips' memory, and what an emulator can run of it
    Boards {
        /// Also against probe-rs (ten minutes to build) and in rp2040js (npm)
        #[arg(long)]
        long: bool,
    },
    /// The firmware on processors that no board has, under QEMU's emulation of one process
    Machines,
    /// WebAssembly with SIMD128 and without: goldens, kernels, the suite
    Wasm,
    /// Searches for inputs of the wire, of specs and of files that break a promise
    Fuzz {
        /// Inputs for each target
        #[arg(long, default_value_t = fuzz::MILLION)]
        runs: u64,
        /// Commit what reaches new code to fuzz/corpus
        #[arg(long)]
        keep: bool,
        /// Search nothing; delete from fuzz/corpus the inputs whose coverage the other ones have
        #[arg(long, conflicts_with_all = ["runs", "keep"])]
        minimise: bool,
    },
    /// No symbol of core::panicking in a program that uses the whole core
    Panics,
    /// Breaks the contract, one place at a time, and wants the golden tests to notice
    Mutants,
    /// The kernels at the edge of their memory, under AddressSanitizer; and under Miri
    Memory {
        /// Also under Miri (minutes, a nightly compiler)
        #[arg(long)]
        long: bool,
    },
    /// `cargo deny check` of all workspaces
    Supply,
    /// What it costs
    Bench(bench::Bench),
    /// Writes goldens and vectors anew with docs/strict1.py: for a change of the contract only
    Bless,
    /// Some of the steps of `test`, for `test` itself
    #[command(hide = true)]
    Lane { lane: Lane },
}

fn main() -> ExitCode {
    if let Some(code) = lint::answer() {
        return code;
    }
    let task = Cli::parse().command;
    let mut report = if let Task::Lane { .. } = task { Report::of_lane() } else { Report::new() };
    match Tree::find() {
        Ok(tree) => {
            run(&task, &tree, &mut report);
            report.finish(&tree.target)
        }
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: &Task, tree: &Tree, report: &mut Report) {
    match task {
        Task::Test { quick: true, .. } => lanes::run(report, &[Lane::Quick]),
        Task::Test { long, .. } => {
            tools::provide(report);
            lanes::run(report, &[Lane::Host, Lane::Devices]);
            if *long {
                lanes::run(report, &[Lane::Long]);
            }
        }
        Task::Lane { lane } => match tools::found() {
            Ok(tools) => steps_of(*lane, tree, report, &tools),
            Err(error) => report.step("tools", || Err(error)),
        },
        Task::Qemu => {
            let tools = tools::provide(report);
            qemu::firmware(tree, report, &tools);
            qemu::steps(tree, report, &tools);
            wrong::steps(tree, report, &tools);
        }
        Task::Boards { long } => {
            let tools = tools::provide(report);
            boards::firmware(tree, report, &tools);
            boards::steps(tree, report, &tools);
            if *long {
                boards::long_steps(tree, report);
            }
        }
        Task::Machines => {
            let tools = tools::provide(report);
            machines::builds(tree, report, &tools);
            machines::steps(tree, report, &tools);
        }
        Task::Wasm => {
            let tools = tools::provide(report);
            wasm::steps(tree, report, &tools);
        }
        Task::Fuzz { minimise: true, .. } => fuzz::minimise(tree, report),
        Task::Fuzz { runs, keep, .. } => fuzz::steps(tree, report, *runs, *keep),
        Task::Panics => {
            let tools = tools::provide(report);
            panics::steps(tree, report, &tools);
        }
        Task::Mutants => mutants::steps(tree, report),
        Task::Memory { long } => {
            memory::steps(tree, report);
            if *long {
                memory::long_steps(tree, report);
            }
        }
        Task::Supply => supply::steps(tree, report),
        Task::Bench(bench) => bench::steps(tree, report, bench),
        Task::Bless => report.step("bless", || numerics::bless(tree)),
    }
}

fn steps_of(lane: Lane, tree: &Tree, report: &mut Report, tools: &Tools) {
    match lane {
        Lane::Host => {
            // The tests first: they build the program that the other lane waits for.
            rust::tests(tree, report, tools);
            rust::style(tree, report);
            rust::features(tree, report);
            mutants::steps(tree, report);
            bench::counted(tree, report, tools, false);
            memory::steps(tree, report);
            supply::steps(tree, report);
            // Builds in folders of their own, so that neither lane waits for the other.
            rust::targets(tree, report, tools);
            machines::builds(tree, report, tools);
            machines::steps(tree, report, tools);
            wasm::steps(tree, report, tools);
        }
        Lane::Devices => {
            // First what needs no program of this machine: the other lane builds those, and cargo locks their folder meanwhile.
            qemu::firmware(tree, report, tools);
            bench::on_boards(tree, report, tools, true);
            boards::firmware(tree, report, tools);
            panics::steps(tree, report, tools);
            qemu::steps(tree, report, tools);
            wrong::steps(tree, report, tools);
            boards::steps(tree, report, tools);
            rust::report(tree, report, tools);
        }
        Lane::Quick => {
            rust::format(tree, report);
            rust::quick(tree, report);
            qemu::quick(tree, report, tools);
        }
        Lane::Long => {
            rust::long_tests(tree, report);
            numerics::steps(tree, report);
            memory::long_steps(tree, report);
            qemu::long_steps(tree, report);
            boards::long_steps(tree, report);
            models::steps(tree, report);
            bench::covered(tree, report);
            fuzz::steps(tree, report, fuzz::MILLION, false);
        }
    }
}
