//! Probing: how much do the gradients of a deep network resemble white noise? (Balduzzi et al., "The shattered gradients problem", ICML 2017.)
//!
//! The gradient of a feedforward network is computed at the points of a grid, and so is that of a residual network. The autocorrelation of the first
//! falls at once, that of the second slowly.
//!
//! `cargo run --release --example probing`
use shatterscope::contract::Digest;
use shatterscope::exec::{Buffers, Run, Source};
use shatterscope::plan::{Plan, RunOptions};
use shatterscope::probe::{Autocorrelation, Grid, autocorrelation};
use shatterscope::spec::{Family, Spec};
use shatterscope::weights::Seeded;
use shatterscope::workers::Serial;

const POINTS: usize = 256;
const LAGS: usize = 8;

fn main() -> Result<(), shatterscope::Error> {
    probe("feedforward, 24 layers", &Spec::feedforward(24, 50))?;
    probe("resnet, 24 layers     ", &Spec::feedforward(24, 50).with_family(Family::Resnet { alpha: 1.0, beta: 0.1 }))?;
    Ok(())
}

fn probe(name: &str, spec: &Spec) -> Result<(), shatterscope::Error> {
    let options = RunOptions::new(POINTS as u32);
    let plan = Plan::family(spec, options.want())?;
    let lengths = plan.run(&options, 16)?;
    // Weights are drawn when they are needed: no memory holds the network.
    let weights = Seeded::new(spec, 1, 0);
    let mut arena = vec![0.0; lengths.arena_len(spec.panel_len())];
    let (mut outputs, mut gradient) = ([0.0; POINTS], [0.0; POINTS]);
    let mut run = Run::<_, 4, 16>::new(
        &plan,
        Source::Seeded(&weights),
        &Serial,
        Grid::new(POINTS as u32).input(),
        options,
        Buffers::of_run(&lengths, &mut arena)?,
        &mut outputs,
        &mut gradient,
    )?;
    run.run()?;
    println!("{name}: gradient digest {}", Digest::of(&gradient));
    let mut rho = [0.0; LAGS];
    autocorrelation(&mut gradient, Autocorrelation::MeanRemoved, &mut rho)?;
    let rho: Vec<String> = rho.iter().map(|rho| format!("{rho:6.3}")).collect();
    println!("{name}: autocorrelation {}", rho.join(" "));
    Ok(())
}
