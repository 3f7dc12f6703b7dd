//! Networks that learn for a figure: one after another, each with a checkpoint of its own, so that a figure goes on where it stopped.
use super::FigureContext;
use crate::data::Dataset;
use crate::engine::Engine;
use crate::files::claim;
use crate::output::{orderly, still_read};
use crate::plot::{Ran, Sheet};
use crate::progress::Progress;
use crate::train::{Checkpoint, Epoch, FILES, Run, Spec};
use crate::{Failure, Result, data};
use clap::ValueEnum;
use std::path::Path;
use std::time::{Duration, Instant};

/// How much of a figure that takes a data set is run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Scale {
    /// Seconds: some steps, to see that all of it runs; shows nothing
    Smoke,
    /// An hour or less for each figure, on a part of the data or in few epochs
    #[default]
    Subset,
    /// The paper's setting
    Full,
}

impl Scale {
    /// Its word on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Scale::Smoke => "smoke",
            Scale::Subset => "subset",
            Scale::Full => "full",
        }
    }
}

/// What figures with data share.
#[derive(Clone, Copy)]
pub struct DataInputs<'a> {
    /// The set.
    pub data: &'a Dataset,
    /// How much is run.
    pub scale: Scale,
    /// The figure's folder; checkpoints go below it.
    pub out: &'a Path,
}

/// The first examples of both parts, at most so many.
pub(super) fn part(data: &Dataset, train: usize, test: usize) -> Dataset {
    let units = data.image.units().unwrap_or(0) as usize;
    let first = |examples: &data::Examples, most: usize| data::Examples {
        pixels: examples.pixels[..units * most.min(examples.len())].to_vec(),
        labels: examples.labels[..most.min(examples.len())].to_vec(),
    };
    Dataset { train: first(&data.train, train), test: first(&data.test, test), ..data.clone() }
}

/// A network that is to learn.
pub(super) struct Job {
    /// Of its kind, in the figure's words.
    pub(super) label: String,
    /// Its folder.
    pub(super) folder: String,
    pub(super) spec: Spec,
}

/// One that did.
pub(super) struct TrainedNetwork {
    pub(super) label: String,
    pub(super) spec: Spec,
    pub(super) parameters: usize,
    /// Share of the test part that is right before the first step.
    pub(super) before: f64,
    pub(super) epochs: Vec<Epoch>,
    /// Where NaN or infinity ended it.
    pub(super) diverged: Option<String>,
}

impl TrainedNetwork {
    /// Share of the test part that is right at the end; none for networks that diverged.
    pub(super) fn accuracy(&self) -> Option<f64> {
        self.diverged.is_none().then(|| self.epochs.last().map(|epoch| epoch.test_accuracy)).flatten()
    }
}

/// At most so much work is lost when a figure is interrupted.
const BETWEEN: Duration = Duration::from_secs(60);

/// Trains one after another, or goes on with their checkpoints in `out/FIGURE-SCALE/FOLDER`.
pub(super) fn learn(
    context: &FigureContext,
    data_inputs: &DataInputs,
    data: &Dataset,
    figure: &str,
    jobs: Vec<Job>,
) -> Result<Vec<TrainedNetwork>> {
    let work = |job: &Job| u64::from(job.spec.net.depth) * u64::from(job.spec.epochs);
    let steps = |spec: &Spec| data.train.len() as u64 / u64::from(spec.batch.max(1));
    let all = jobs.iter().map(|job| work(job) * steps(&job.spec)).sum();
    let progress = Progress::new(figure, all, context.engine.quiet);
    let (engine, mut done) = (context.engine, 0);
    let mut trained = Vec::new();
    for job in jobs {
        let out = data_inputs.out.join(format!("{figure}-{}", data_inputs.scale.name())).join(&job.folder);
        progress.say(format!("{figure}, {}", job.folder));
        done += work(&job) * steps(&job.spec);
        trained.push(engine.install(|| one(engine, data, job, &out, &progress))??);
        // A network that diverged leaves steps undone.
        progress.set(done, all);
    }
    for one in &trained {
        context.ran.borrow_mut().push(Ran {
            what: format!("{figure}, {}", one.label),
            network: format!("{}, rate {:e}, {} epochs", one.spec.net.describe(), one.spec.rate, one.spec.epochs),
            runs: 1,
            digest: match &one.diverged {
                Some(_) => "diverged".to_owned(),
                None => one.epochs.last().map(|epoch| epoch.digest.clone()).unwrap_or_default(),
            },
            spec: serde_json::to_value(&one.spec).unwrap_or_default(),
        });
    }
    Ok(trained)
}

fn one(engine: &Engine, data: &Dataset, job: Job, out: &Path, progress: &Progress) -> Result<TrainedNetwork> {
    let Job { label, spec, .. } = job;
    let isa = engine.isa;
    let _ours = claim(out, &FILES)?;
    let _orderly = orderly();
    let before = Run::new(spec.clone(), data, isa, None)?.evaluate()?.1;
    let from = Checkpoint::read(out, data)?;
    if from.as_ref().is_some_and(|from| from.spec != spec) {
        return Err(Failure::usage(format!(
            "the checkpoint in {} was begun with other options: give another --out, or take that folder away",
            out.display()
        )));
    }
    let resumed = from.is_some();
    let mut run = Run::new(spec.clone(), data, isa, from)?;
    if resumed {
        run.checkpoint().restore_metrics(out)?;
    }
    let each = u64::from(spec.net.depth);
    progress.add(each * u64::from(run.model().step));
    let (mut last, mut diverged) = (Instant::now(), None);
    while !run.is_done() {
        match run.step() {
            Ok(_) => progress.add(each),
            Err(error) if error.non_finite => {
                diverged = Some(error.message);
                break;
            }
            Err(error) => return Err(error),
        }
        if run.is_done() || last.elapsed() > BETWEEN {
            run.checkpoint().write(out)?;
            last = Instant::now();
        } else if let Err(closed) = still_read() {
            run.checkpoint().write(out)?;
            return Err(closed);
        }
    }
    let (parameters, epochs) = (run.model().parameters.len(), run.metrics().epochs.clone());
    Ok(TrainedNetwork { label, spec, parameters, before, epochs, diverged })
}

/// Every epoch of every network as rows.
pub(super) fn sheet(trained: &[TrainedNetwork]) -> Sheet {
    let head = "net,depth,width,parameters,rate,batch,seed,run,epoch,step,learning_rate,loss,accuracy,gradient_norm,test_loss,\
                test_accuracy,digest,diverged";
    let mut rows = Vec::new();
    for one in trained {
        let Spec { net, rate, batch, seed, run, .. } = &one.spec;
        let network = [
            one.label.clone(),
            net.depth.to_string(),
            net.width.to_string(),
            one.parameters.to_string(),
            rate.to_string(),
            batch.to_string(),
            seed.to_string(),
            run.to_string(),
        ];
        let empty = || vec![String::new(); 6];
        let row = |numbers: Vec<String>| network.iter().cloned().chain(numbers).collect::<Vec<_>>();
        let mut start = ["0", "0"].map(String::from).to_vec();
        start.extend(empty().into_iter().take(5));
        start.extend([one.before.to_string(), String::new(), String::new()]);
        rows.push(row(start));
        rows.extend(one.epochs.iter().map(|epoch| {
            let (loss, accuracy, norm) = (epoch.loss, epoch.accuracy, epoch.gradient_norm);
            row(vec![
                epoch.epoch.to_string(),
                epoch.step.to_string(),
                epoch.rate.to_string(),
                loss.to_string(),
                accuracy.to_string(),
                norm.to_string(),
                epoch.test_loss.to_string(),
                epoch.test_accuracy.to_string(),
                epoch.digest.clone(),
                String::new(),
            ])
        }));
        if let Some(why) = &one.diverged {
            let mut end = vec![String::new(); 9];
            end.push(why.clone());
            rows.push(row(end));
        }
    }
    Sheet {
        name: "epochs".into(),
        about: "one row for each network and epoch, epoch 0 before the first step: its kind, depth, width, number of parameters, rate and \
                batch, seed and run of the seed; epoch, steps done, learning rate, mean training loss and share of right answers over \
                the epoch, mean norm of the gradient, loss and share of right answers on the test part, digest of parameters and running \
                statistics; a network that diverged ends with a row that says where."
            .into(),
        head: head.split(',').map(String::from).collect(),
        rows,
    }
}

/// What every figure of networks that learn should say of its data.
pub(super) fn data_provenance(data: &Dataset, scale: Scale) -> Vec<(String, String)> {
    [
        ("scale", scale.name().to_owned()),
        ("data", format!("{}, {} to train on, {} to test with", data.name, data.train.len(), data.test.len())),
        ("digest of the data", data.digest().to_string()),
    ]
    .map(|(what, value)| (what.to_owned(), value))
    .to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Isa;
    use crate::train::{Activation, Init, Kind, Net, Skips};

    #[test]
    fn a_network_that_diverges_is_said_to() {
        let folder = tempfile::tempdir().unwrap();
        let engine = Engine::new(None, Isa::Auto, true).unwrap();
        let context = FigureContext::new(&engine, 1, 1);
        let data = part(&data::open(None).unwrap(), 64, 16);
        assert_eq!((data.train.len(), data.test.len()), (64, 16));
        let net = Net {
            kind: Kind::Dense,
            depth: 8,
            width: 16,
            activation: Activation::Relu,
            slope: 1.0,
            init: Init::He,
            batch_norm: false,
            skips: Skips::None,
            beta: 1.0,
            dropout: 0.0,
        };
        let job = |rate: f32| Job {
            label: "net".into(),
            folder: format!("{rate:e}"),
            spec: Spec::adam(net.clone(), 16, 2, rate),
        };
        let data_inputs = DataInputs { data: &data, scale: Scale::Smoke, out: folder.path() };
        let trained = learn(&context, &data_inputs, &data, "test", vec![job(1e30), job(1e-4)]).unwrap();
        let why = trained[0].diverged.as_deref().unwrap();
        assert!(why.contains("step"), "{why}");
        assert_eq!((trained[0].accuracy(), trained[1].epochs.len()), (None, 2));
        assert_eq!(context.ran.borrow()[0].digest, "diverged");
        let rows = sheet(&trained).rows;
        assert!(rows.iter().all(|row| row.len() == sheet(&trained).head.len()));
        // Both before the first step, where the one ended, two epochs of the other.
        assert_eq!(rows.len(), 5);
        assert_eq!(rows[1].last().unwrap(), why);
    }
}
