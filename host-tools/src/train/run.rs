use super::check::EVALUATED;
use super::probe::Prober;
use super::record::{Recorder, Taken};
use super::{Batch, Checkpoint, Epoch, Limits, Machine, Metrics, Model, Spec, machine};
use crate::data::{Dataset, Inputs, Loader, Provenance};
use crate::{Failure, Result};
use shatterscope::exec::Isa;
use shatterscope::train::shuffle;
use std::path::Path;

/// A training run on data, from a spec or a checkpoint.
pub struct Run<'d> {
    spec: Spec,
    data: &'d Dataset,
    inputs: Inputs,
    provenance: Provenance,
    model: Model,
    metrics: Metrics,
    sums: [f64; 3],
    machine: Box<dyn Machine>,
    evaluator: Box<dyn Machine>,
    prober: Option<Prober>,
    order: Vec<u32>,
    recorder: Option<Recorder>,
}

/// What a step is taken on.
#[derive(Clone, Debug)]
pub struct Lesson {
    /// Steps done before.
    pub step: u32,
    /// Learning rate.
    pub rate: f32,
    /// Inputs as `[example][unit]`.
    pub examples: Batch,
}

impl<'d> Run<'d> {
    /// Begins one, or goes on with one.
    ///
    /// # Errors
    /// Wrong use: a spec that does not fit the data or the core refuses; a checkpoint of other data.
    pub fn new(spec: Spec, data: &'d Dataset, isa: Isa, from: Option<Checkpoint>) -> Result<Self> {
        spec.check_on(data, rayon::current_num_threads())?;
        let inputs = Inputs::of(data, spec.scaling);
        let provenance = data.provenance(&inputs);
        let (model, metrics, sums) = match from {
            Some(from) if from.data != provenance => {
                return Err(Failure::failed(format!(
                    "the checkpoint was made with other data than {}: give the folder that it was begun with",
                    data.name
                )));
            }
            Some(from) => (from.model, from.metrics, from.sums),
            None => (spec.model(data)?, Metrics::default(), [0.0; 3]),
        };
        let seed = spec.seed;
        let prober =
            if spec.probe_every > 0 { Some(Prober::new(&model.layers, data, &inputs, isa, seed)?) } else { None };
        Ok(Self {
            machine: machine(&model.layers, &spec.frozen(&model.layers)?, spec.batch, isa, seed)?,
            evaluator: machine(&model.layers, &[], EVALUATED.min(data.test.len().max(1) as u32), isa, seed)?,
            prober,
            spec,
            data,
            inputs,
            provenance,
            model,
            metrics,
            sums,
            order: Vec::new(),
            recorder: None,
        })
    }

    /// Records every step from here on in a folder, for another program to check.
    ///
    /// # Errors
    /// Wrong use: a folder that holds a record. Files that cannot be written.
    pub fn record(&mut self, folder: &Path) -> Result<()> {
        let recorder = Recorder::start(folder, self.data.image, &self.spec, &self.provenance, &self.model)?;
        self.recorder = Some(recorder);
        Ok(())
    }

    /// The model as it stands.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// Epochs done.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Whether all epochs are done.
    pub fn is_done(&self) -> bool {
        self.model.rate.epoch >= self.spec.epochs
    }

    /// Steps of an epoch; the examples that fill no whole batch are left out, others in each epoch.
    pub fn steps(&self) -> u32 {
        self.data.train.len() as u32 / self.spec.batch
    }

    /// As it stands, to be written.
    pub fn checkpoint(&self) -> Checkpoint {
        Checkpoint {
            spec: self.spec.clone(),
            data: self.provenance.clone(),
            model: self.model.clone(),
            sums: self.sums,
            metrics: self.metrics.clone(),
        }
    }

    /// The examples of the step that comes next, and its learning rate.
    ///
    /// # Errors
    /// None, but what the loader refuses.
    pub fn lesson(&mut self) -> Result<Lesson> {
        let first = self.shuffled()?;
        let (spec, model) = (&self.spec, &self.model);
        let numbers = &self.order[first..first + spec.batch as usize];
        let epoch = model.rate.epoch;
        let loader = Loader::train(self.data, &self.inputs)?.augmented(spec.augment(), spec.seed, spec.run, epoch)?;
        let examples = load(&loader, numbers, 1)?;
        Ok(Lesson { step: model.step, rate: spec.rate()?.current(&model.rate), examples })
    }

    /// The order of the epoch at hand; where in it the next step begins.
    fn shuffled(&mut self) -> Result<usize> {
        if self.order.len() != self.data.train.len() || self.model.batch == 0 {
            self.order.resize(self.data.train.len(), 0);
            shuffle(self.spec.seed, self.model.rate.epoch, &mut self.order)?;
        }
        Ok((self.model.batch * self.spec.batch) as usize)
    }

    /// One step, and after the last one of an epoch its evaluation.
    ///
    /// # Errors
    /// NaN or infinity, with the layer.
    pub fn step(&mut self) -> Result<super::Outcome> {
        self.probe()?;
        let first = self.shuffled()?;
        let (spec, model) = (&self.spec, &mut self.model);
        let epoch = model.rate.epoch;
        let numbers = &self.order[first..first + spec.batch as usize];
        let loader = Loader::train(self.data, &self.inputs)?.augmented(spec.augment(), spec.seed, spec.run, epoch)?;
        let batch = load(&loader, numbers, self.machine.tile())?;
        let rate = spec.rate()?.current(&model.rate);
        let at_step =
            |error: Failure, step| Failure { message: format!("epoch {}, step {step}: {error}", epoch + 1), ..error };
        let gradient = match self.recorder {
            Some(_) => self.machine.gradient(model, &batch).map_err(|error| at_step(error, model.step + 1))?,
            None => Vec::new(),
        };
        let limits = Limits { norm: spec.clip_norm, value: spec.clip_value };
        let outcome = self.machine.train(model, &spec.settings(), rate, limits, &batch);
        let outcome = outcome.map_err(|error| at_step(error, model.step + 1))?;
        if let Some(recorder) = &self.recorder {
            let (tile, loss) = (self.machine.tile(), outcome.loss);
            recorder.step(model, &Taken { batch: &batch, tile, gradient: &gradient, rate, loss })?;
        }
        let examples = f64::from(spec.batch);
        let add = [f64::from(outcome.loss) * examples, f64::from(outcome.correct), outcome.gradient_norm];
        self.sums.iter_mut().zip(add).for_each(|(sum, add)| *sum += add);
        model.batch += 1;
        if model.batch == self.steps() {
            self.end_epoch()?;
            if self.is_done() {
                self.probe()?;
            }
        }
        Ok(outcome)
    }

    /// Looks at the input gradients where it is time to, once.
    fn probe(&mut self) -> Result<()> {
        let (step, every) = (self.model.step, self.spec.probe_every);
        let seen = self.metrics.probes.last().is_some_and(|last| last.step == step);
        if let (Some(prober), false) = (&mut self.prober, seen || every == 0 || !step.is_multiple_of(every)) {
            self.metrics.probes.push(prober.probe(&self.model)?);
        }
        Ok(())
    }

    fn end_epoch(&mut self) -> Result<()> {
        let batches = f64::from(self.model.batch);
        let examples = batches * f64::from(self.spec.batch);
        let rate = self.spec.rate()?;
        let used = rate.current(&self.model.rate);
        let epoch = self.model.rate.epoch + 1;
        let (test_loss, test_accuracy) = self
            .evaluate()
            .map_err(|error| Failure { message: format!("epoch {epoch}, test part: {error}"), ..error })?;
        let loss = self.sums[0] / examples;
        rate.advance(&mut self.model.rate, loss as f32);
        self.metrics.epochs.push(Epoch {
            epoch: self.model.rate.epoch,
            step: self.model.step,
            rate: used,
            loss,
            accuracy: self.sums[1] / examples,
            gradient_norm: self.sums[2] / batches,
            test_loss,
            test_accuracy,
            digest: self.model.digest().to_string(),
        });
        (self.model.batch, self.sums) = (0, [0.0; 3]);
        Ok(())
    }

    /// (mean loss, share of right answers) on the test part.
    ///
    /// # Errors
    /// NaN or infinity, with the layer.
    pub fn evaluate(&mut self) -> Result<(f64, f64)> {
        let loader = Loader::test(self.data, &self.inputs)?;
        let numbers: Vec<u32> = (0..self.data.test.len() as u32).collect();
        let mut sums = [0.0; 2];
        for numbers in numbers.chunks(EVALUATED as usize) {
            let batch = load(&loader, numbers, self.evaluator.tile())?;
            let outcome = self.evaluator.evaluate(&self.model, &batch)?;
            sums[0] += f64::from(outcome.loss) * numbers.len() as f64;
            sums[1] += f64::from(outcome.correct);
        }
        let all = numbers.len().max(1) as f64;
        Ok((sums[0] / all, sums[1] / all))
    }
}

/// Examples of these numbers in tiles.
pub(crate) fn load(loader: &Loader<'_>, numbers: &[u32], tile: usize) -> Result<Batch> {
    let mut batch = Batch {
        inputs: vec![0.0; loader.inputs_len(numbers.len(), tile)],
        labels: vec![0; loader.labels_len(numbers.len(), tile)],
        count: numbers.len(),
    };
    loader.fill(numbers, tile, &mut batch.inputs, &mut batch.labels)?;
    Ok(batch)
}
