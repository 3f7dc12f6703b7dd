//! Kernels and gradients under node, with SIMD128 and without: both builds in turns, medians.
use crate::tree::{Tree, output_of, succeed};
use crate::wasm::{BUILDS, WASI, with};
use anyhow::{Context, Result, bail};
use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

/// Seconds of each build, and the digest.
type Measured = BTreeMap<usize, (String, String, [Vec<f64>; 2])>;

/// Builds both programs, runs them `rounds` times in turns, and prints a table.
pub fn measure(tree: &Tree, rounds: u32) -> Result<()> {
    let mut programs = Vec::new();
    for (isa, flags) in BUILDS {
        let mut build = tree.cargo(&format!("build --quiet --release -p shatterscope-wasm-bench --target {WASI}"));
        succeed(with(&mut build, tree, flags))?;
        // Both builds have one name.
        let (built, program) =
            (tree.target.join(WASI).join("release/wasm.wasm"), tree.target.join(isa).with_extension("wasm"));
        fs::copy(&built, &program).with_context(|| format!("{}", built.display()))?;
        programs.push(program);
    }
    let mut measured = Measured::new();
    for _ in 0..rounds {
        for (build, program) in programs.iter().enumerate() {
            let mut node = Command::new("node");
            node.arg("--no-warnings").arg(tree.root.join("host-tools/goldens/wasi.mjs")).arg(program);
            for (i, line) in output_of(&mut node)?.lines().enumerate() {
                let mut fields = line.split('\t').map(str::to_owned);
                let (name, digest) = fields.next().zip(fields.next()).context("name and digest")?;
                let seconds: f64 = fields.next().context("seconds")?.parse()?;
                let entry = measured.entry(i).or_insert_with(|| (name.clone(), digest.clone(), Default::default()));
                if (&entry.0, &entry.1) != (&name, &digest) {
                    bail!("{name}: {digest}, but {} of the other build", entry.1);
                }
                entry.2[build].push(seconds);
            }
        }
    }
    let node = output_of(Command::new("node").arg("--version"))?;
    println!(
        "{}; node {}; medians of {rounds} runs in turns, milliseconds",
        super::peers::machine::processor(),
        node.trim()
    );
    println!("| | {} | {} | | digest |\n|---|---|---|---|---|", BUILDS[0].0, BUILDS[1].0);
    for (name, digest, seconds) in measured.values() {
        let [portable, simd] = seconds.each_ref().map(|seconds| median(seconds) * 1e3);
        println!("| {name} | {portable:.3} | {simd:.3} | {:.2} x | {digest} |", portable / simd);
    }
    Ok(())
}

fn median(values: &[f64]) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
