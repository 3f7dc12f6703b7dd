//! What it costs.
mod counts;

use crate::step::Report;
use crate::tools::{self, Tools};
use crate::tree::Tree;
use clap::Args;

#[derive(Args)]
pub struct Bench {
    /// Instructions of every kernel under valgrind, against benches/counts.toml
    #[arg(long)]
    counts: bool,
    /// Writes benches/counts.toml anew
    #[arg(long, requires = "counts")]
    bless: bool,
}

pub fn steps(tree: &Tree, report: &mut Report, bench: &Bench) {
    if bench.counts {
        let tools = tools::provide(report);
        counted(tree, report, &tools, bench.bless);
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
