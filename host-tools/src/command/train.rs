//! `train`: a network on labelled images, epoch by epoch.
use super::{print, print_json, print_part};
use crate::cli::{Common, Given, Train};
use crate::device::place::open_link;
use crate::device::{Settings, Target};
use crate::engine::Engine;
use crate::files::{Claim, claim, find, refuse_inputs};
use crate::output::{orderly, still_read};
use crate::train::{Checkpoint, Epoch, FILES, Probe, Pupil, Report, Run, START, Spec, request};
use crate::{Failure, Result, data};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// What `--json` prints.
#[derive(Serialize)]
struct Document<'a> {
    contract: &'static str,
    spec: &'a Spec,
    data: &'a data::Provenance,
    parameters: usize,
    epochs: &'a [Epoch],
    probes: &'a [Probe],
    digest: String,
    /// Null on this machine alone.
    device: Option<Report>,
}

/// Trains.
///
/// # Errors
/// Data that cannot be read, a spec that does not fit them, a checkpoint that is another run's; NaN or infinity, with the step.
pub fn run(asked: &Train, given: &Given, engine: &Engine, common: &Common) -> Result<()> {
    let spec = asked.spec()?;
    spec.check()?;
    let data = data::open(asked.data.as_deref())?;
    given.check_training(&spec, &data)?;
    let _ours = folders(asked)?;
    let _orderly = orderly();
    let checkpoint = match (&asked.out, asked.resume) {
        (Some(out), true) => Some(resumed(out, asked, &data)?),
        (Some(out), false) => {
            if Checkpoint::read(out, &data)?.is_some() {
                let out = out.display();
                return Err(Failure::usage(format!(
                    "{out} holds a checkpoint: go on from it with --resume, or give another folder"
                )));
            }
            None
        }
        (None, _) => None,
    };
    let target = Target::parse(&asked.device.target)?;
    if target == Target::Host && asked.device.flash_every.is_some() {
        return Err(Failure::usage("--flash-every is for the flash of a device: name one with --target"));
    }
    let settings = asked.device.reach.settings()?;
    engine.install(|| {
        let mut run = Run::new(spec.clone(), &data, engine.isa, checkpoint)?;
        let mut pupil = pupil(&run, &spec, &target, &settings)?;
        if let (Some(out), true) = (&asked.out, asked.resume) {
            run.checkpoint().restore_metrics(out)?;
        }
        if !common.json && !common.quiet {
            print_part(&heading(&run, &data))?;
        }
        if let Some(folder) = &asked.record {
            run.record(folder)?;
        }
        epochs(&mut run, &mut pupil, asked, common)?;
        let report = pupil.map(|pupil| pupil.report());
        let (model, metrics) = (run.model(), run.metrics());
        if common.json {
            return print_json(&Document {
                contract: shatterscope::contract::CONTRACT,
                spec: &spec,
                data: &run.checkpoint().data,
                parameters: model.parameters.len(),
                epochs: &metrics.epochs,
                probes: &metrics.probes,
                digest: model.digest().to_string(),
                device: report,
            });
        }
        if let Some(report) = report.filter(|_| !common.quiet) {
            print_part(&told(&report))?;
        }
        print(&format!("parameters {}\n", model.digest()))
    })?
}

/// The folders of the results, for this process alone.
fn folders(asked: &Train) -> Result<Vec<Claim>> {
    let mut claims = Vec::new();
    let inputs = data::files(asked.data.as_deref())?;
    let refuse = |folder: Option<&PathBuf>, names: &[&str]| {
        folder.map_or(Ok(()), |folder| refuse_inputs(folder, names, &inputs))
    };
    refuse(asked.out.as_ref(), &FILES)?;
    refuse(asked.record.as_ref(), &[START])?;
    if let Some(out) = &asked.out {
        // Nothing is made for a checkpoint that is not there.
        if asked.resume && find(out).map_err(|error| Failure::file(out, "cannot look into", error))?.is_none() {
            return Err(nothing_in(out));
        }
        claims.push(claim(out, &FILES)?);
    }
    if let Some(record) = &asked.record {
        let same = |out: &PathBuf| out.canonicalize().ok().is_some_and(|out| record.canonicalize().ok() == Some(out));
        if !asked.out.as_ref().is_some_and(same) {
            claims.push(claim(record, &[START])?);
        }
    }
    Ok(claims)
}

fn nothing_in(out: &Path) -> Failure {
    Failure::usage(format!("no checkpoint in {}: begin without --resume", out.display()))
}

/// The checkpoint that is gone on from: of the same spec, but for the number of epochs.
fn resumed(out: &Path, asked: &Train, data: &data::Dataset) -> Result<Checkpoint> {
    let found = Checkpoint::read(out, data)?;
    let Some(found) = found else { return Err(nothing_in(out)) };
    let spec = asked.spec()?;
    if (Spec { epochs: found.spec.epochs, ..spec.clone() }) != found.spec {
        return Err(Failure::usage(format!(
            "the checkpoint in {} was begun with other options ({}): give the same ones (only --epochs may differ)",
            out.display(),
            differing(&spec, &found.spec).join(", ")
        )));
    }
    let done = found.model.rate.epoch;
    if spec.epochs < done {
        let epochs = spec.epochs;
        return Err(Failure::usage(format!(
            "--epochs {epochs}: the checkpoint in {} has done {done}: give more",
            out.display()
        )));
    }
    Ok(Checkpoint { spec, ..found })
}

/// The fields in which two specs differ, with both values: asked, then found.
fn differing(asked: &Spec, found: &Spec) -> Vec<String> {
    let fields = |spec: &Spec| {
        // Through text, so that numbers are those that were typed.
        let text = serde_json::to_string(spec).unwrap_or_default();
        let mut all: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
        let net = all.get_mut("net").map(serde_json::Value::take).unwrap_or_default();
        let all = [net, all].into_iter().filter_map(|value| value.as_object().cloned()).flatten();
        all.filter(|(name, _)| name != "net" && name != "epochs").collect::<Vec<_>>()
    };
    let both = fields(asked).into_iter().zip(fields(found));
    let unlike = both.filter(|((_, asked), (_, found))| asked != found);
    unlike.map(|((name, asked), (_, found))| format!("{name} {asked} here, {found} there")).collect()
}

/// The device, ready for the next step; none for this machine.
fn pupil(run: &Run<'_>, spec: &Spec, target: &Target, settings: &Settings) -> Result<Option<Pupil>> {
    if let Target::Host = target {
        return Ok(None);
    }
    // What no device does is said before anything is built.
    request(spec, &run.model().layers, run.model().step, settings.ram)?;
    let line = open_link(target, settings)?;
    Pupil::new(line, target.to_string(), spec, run.model(), settings.ram).map(Some)
}

fn epochs(run: &mut Run<'_>, pupil: &mut Option<Pupil>, asked: &Train, common: &Common) -> Result<()> {
    let bar = bar(run, common);
    // What a device has learned is read back from it.
    let write = |run: &Run<'_>, pupil: &mut Option<Pupil>| match &asked.out {
        Some(out) => {
            let mut checkpoint = run.checkpoint();
            if let Some(pupil) = pupil {
                checkpoint.model = pupil.model(run.model())?;
            }
            checkpoint.write(out)
        }
        None => Ok(()),
    };
    let (mut since, mut left, mut ended) = (0, asked.stop_after, Ok(()));
    while !run.is_done() && left != Some(0) && ended.is_ok() {
        let done = run.metrics().epochs.len();
        let before = pupil.as_ref().map(|_| run.model().clone());
        let lesson = pupil.as_ref().map(|_| run.lesson()).transpose()?;
        let outcome = run.step()?;
        if let (Some(pupil), Some(lesson), Some(before)) = (pupil.as_mut(), &lesson, &before) {
            pupil.teach(lesson, &outcome, before, run.model())?;
            if asked.device.flash_every.is_some_and(|every| run.model().step.is_multiple_of(every)) {
                pupil.keep(run.model())?;
            }
        }
        bar.inc(1);
        bar.set_message(format!("loss {:.4}", outcome.loss));
        since += 1;
        left = left.map(|left| left - 1);
        if let Some(epoch) = run.metrics().epochs.get(done) {
            write(run, pupil)?;
            since = 0;
            if !common.json {
                bar.suspend(|| print_part(&line(epoch)))?;
            }
        } else if asked.checkpoint_every.is_some_and(|every| since >= every) {
            write(run, pupil)?;
            since = 0;
        }
        ended = still_read();
    }
    // Stopped within an epoch.
    if since > 0 {
        write(run, pupil)?;
    }
    bar.finish_and_clear();
    ended
}

fn told(report: &Report) -> String {
    let Report { target, steps, arena_bytes, least_bytes, stack_bytes, instructions, restored, saved, mended, .. } =
        report;
    let stack = stack_bytes.map_or(String::new(), |stack| format!(", {stack} B of stack"));
    let each = instructions.map_or(String::new(), |count| format!(", {count} instructions a step"));
    let mut text = format!(
        "{target}: {steps} steps, equal after each; {arena_bytes} B of the arena ({least_bytes} B would do){stack}{each}\n"
    );
    if *restored {
        text += "it went on from its own flash\n";
    }
    if let Some(sequence) = saved {
        text += &format!("its flash holds save {sequence}\n");
    }
    if *mended != Default::default() {
        text += &format!("the line was mended: {mended:?}\n");
    }
    text
}

fn bar(run: &Run<'_>, common: &Common) -> ProgressBar {
    let target = if common.quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
    let epochs = u64::from(run.checkpoint().spec.epochs);
    let bar = ProgressBar::with_draw_target(Some(epochs * u64::from(run.steps())), target);
    if let Ok(style) = ProgressStyle::with_template("{msg} {wide_bar} {pos} of {len} steps, {eta} left") {
        bar.set_style(style);
    }
    bar.set_position(u64::from(run.model().step));
    bar
}

fn heading(run: &Run<'_>, data: &data::Dataset) -> String {
    let model = run.model();
    format!(
        "{}: {} to train on, {} to test with; {} layers, {} parameters\n{:>5} {:>9} {:>8} {:>8} {:>9} {:>9} {:>8}\n",
        data.name,
        data.train.len(),
        data.test.len(),
        model.layers.len(),
        model.parameters.len(),
        "epoch",
        "rate",
        "loss",
        "right",
        "gradient",
        "test loss",
        "right",
    )
}

fn line(epoch: &Epoch) -> String {
    let Epoch { epoch, rate, loss, accuracy, gradient_norm, test_loss, test_accuracy, .. } = epoch;
    let (accuracy, test_accuracy) = (100.0 * accuracy, 100.0 * test_accuracy);
    format!(
        "{epoch:>5} {rate:>9.3e} {loss:>8.4} {accuracy:>7.2}% {gradient_norm:>9.3e} {test_loss:>9.4} {test_accuracy:>7.2}%\n"
    )
}
