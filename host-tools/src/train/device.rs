//! The same training on a device, held to this machine's after every step.
use super::difference::{self, Again, Difference};
use super::{Lesson, Model, Outcome, Spec};
use crate::device::counter::Counter;
use crate::device::link::{Identity, Link, LinkError, Mended, Standing, Watched, Words};
use crate::device::profile::{Profile, no_clock, no_mark};
use crate::{Failure, Result};
use serde::Serialize;
use shatterscope::Pass;
use shatterscope::contract::canonical_bits;
use shatterscope::plan::Want;
use shatterscope::wire::{
    self, Ready, Save, StepRequest, Store, Traced, Train, TrainConfig, examples_digest, training_tag, words_digest,
};
use shatterscope_engine::Placed;
use shatterscope_firmware::Work;
use shatterscope_layers::Layer;

/// What a training takes on a device.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// As `--target` has it.
    pub target: String,
    /// Who computed.
    pub device: Identity,
    /// Steps after which all digests were equal.
    pub steps: u32,
    /// Bytes of the arena used.
    pub arena_bytes: u32,
    /// Bytes that it could do with.
    pub least_bytes: u32,
    /// Most bytes of stack ever in use.
    pub stack_bytes: Option<u32>,
    /// Instructions of a step on average, where something counts them.
    pub instructions: Option<u64>,
    /// Ticks of a step on average, where the device has a clock.
    pub ticks: Option<u64>,
    /// Whether it went on from its own flash.
    pub restored: bool,
    /// Number of its last save in flash, if any.
    pub saved: Option<u32>,
    /// What went wrong on the line and was mended.
    pub mended: Mended,
}

/// A device that is taught.
pub struct Pupil {
    spec: Spec,
    placed: Placed,
    /// Of a step.
    work: Work,
    /// As it was asked for, but for its number.
    asked: Train,
    link: Link,
    counter: Option<Counter>,
    target: String,
    session: u32,
    ready: Ready,
    restored: bool,
    saved: Option<u32>,
    steps: u32,
    stack: Option<u32>,
    ticks: Option<u64>,
    instructions: u64,
}

/// The graph of a training, and the request for it but for its number.
///
/// # Errors
/// Wrong use: what no device does.
pub fn request(spec: &Spec, layers: &[Layer], step: u32, ram: u32) -> Result<(Placed, Train)> {
    if spec.clip_norm > 0.0 || spec.clip_value > 0.0 {
        return Err(Failure::usage("devices keep no gradient to clip: leave out --clip-norm and --clip-value"));
    }
    let frozen = spec.frozen(layers)?;
    let placed = Placed::frozen(layers, &frozen, Want::ParameterGradient)?;
    let (settings, start) = (spec.settings(), spec.net.start());
    let with = TrainConfig { batch: spec.batch, settings, start, seed: spec.seed, run: spec.run, step, ram };
    let (nodes, digest) = (placed.nodes.len() as u32, words_digest(placed.words()));
    // Without frozen parameters the tag is that of earlier versions.
    let tag = match frozen.contains(&[true; 2]) || frozen.iter().any(|frozen| frozen[0] != frozen[1]) {
        false => training_tag(layers, &with),
        true => training_tag(&layers.iter().zip(&frozen).collect::<Vec<_>>(), &with),
    };
    let train = Train { session: 0, nodes, digest, tag, with };
    Ok((placed, train))
}

impl Pupil {
    /// Gets a device ready: it draws the weights itself, or goes on with those of a model that has done steps. If they lie in its own flash,
    /// it takes them from there.
    ///
    /// # Errors
    /// A device that has too little memory, or other weights than this machine.
    pub fn new(
        (mut link, counter): (Link, Option<Counter>),
        target: String,
        spec: &Spec,
        model: &Model,
        ram: u32,
    ) -> Result<Self> {
        let (placed, asked) = request(spec, &model.layers, model.step, ram)?;
        let refused = |error: LinkError| Failure::failed(error.about(&placed));
        let work = Work::of(&placed.plan()?, spec.batch);
        let words = placed.words();
        let nodes = Words { store: Store::Nodes, words: &words };
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        // Another one than before, whoever asked.
        let mut session = (since.as_micros() as u32).max(1);
        let mut train = Train { session, ..asked };
        let mut restored = false;
        if model.step > 0 {
            train.with.step = 0;
            link.ready(&train, nodes).map_err(refused)?;
            let newest = match link.restore(session) {
                Ok(saved) => (saved.step, saved.digest) == (model.step, model.digest()),
                // It has none, or another one.
                Err(LinkError::Refused { .. }) => false,
                Err(error) => return Err(error.into()),
            };
            restored = newest && stands(&mut link, session, model)?;
            if !restored {
                session = session.wrapping_add(1).max(1);
                train = Train { session, ..asked };
            }
        }
        let mut ready = link.ready(&train, nodes).map_err(refused)?;
        if model.step > 0 && !restored {
            arrive(&mut link, &target, session, model)?;
            ready = link.ready(&train, nodes).map_err(refused)?;
        }
        if ready.step != model.step {
            let (there, here) = (ready.step, model.step);
            return Err(Failure::failed(format!(
                "{target} says that it has done {there} steps of this training, here {here}"
            )));
        }
        if ready.digest != model.digest() {
            return Err(Failure::failed(format!(
                "{target} differs before step {}: parameters {}, here {}",
                model.step + 1,
                ready.digest,
                model.digest()
            )));
        }
        let lens = [model.parameters.len(), model.running.len(), model.state.len()];
        if [ready.parameters, ready.running, ready.state].map(|words| words as usize) != lens {
            return Err(Failure::failed(format!(
                "{target} trains {} parameters with {} running statistics and {} words of state, here {}, {} and {}",
                ready.parameters, ready.running, ready.state, lens[0], lens[1], lens[2]
            )));
        }
        let (steps, stack, ticks, instructions) = (0, None, Some(0), 0);
        let (spec, saved) = (spec.clone(), None);
        Ok(Self {
            spec,
            placed,
            work,
            asked,
            link,
            counter,
            target,
            session,
            ready,
            restored,
            saved,
            steps,
            stack,
            ticks,
            instructions,
        })
    }

    /// Has the state kept in the device's flash: from there it goes on after a loss of power.
    ///
    /// # Errors
    /// A device that has no flash, or too little.
    pub fn keep(&mut self, model: &Model) -> Result<()> {
        let save = Save { session: self.session, step: model.step, batch: model.batch, rate: model.rate };
        let saved = self.link.save(&save)?;
        if saved.digest != model.digest() {
            let here = model.digest();
            return Err(Failure::failed(format!("{}: keeps parameters {}, here {here}", self.target, saved.digest)));
        }
        self.saved = Some(saved.sequence);
        Ok(())
    }

    /// Does a step that this machine has done from one model to another: what came of it must be the same.
    ///
    /// # Errors
    /// A difference, with the step and the first number that differs; a device that does not answer.
    pub fn teach(&mut self, lesson: &Lesson, outcome: &Outcome, before: &Model, model: &Model) -> Result<()> {
        let inputs: Vec<u32> = lesson.examples.inputs.iter().copied().map(canonical_bits).collect();
        let labels = &lesson.examples.labels;
        let teach = self.step_of(lesson);
        let target = self.target.clone();
        let named = |error: String| Failure::failed(format!("{target}: step {}: {error}", lesson.step + 1));
        let inputs = Words { store: Store::Inputs, words: &inputs };
        let labels = Words { store: Store::Labels, words: labels };
        let mut on = |_, _| true;
        let watched = self.watched(&mut on);
        let taught = self.link.teach(&teach, inputs, labels, watched);
        let taught = taught.map_err(|error| named(error.about(&self.placed)))?;
        let here = model.digest();
        let differs = if taught.digest != here {
            Some(format!("parameters {}, here {here}", taught.digest))
        } else if (canonical_bits(taught.loss), taught.correct) != (canonical_bits(outcome.loss), outcome.correct) {
            Some(format!(
                "loss {:e} with {} right, here {:e} with {}",
                taught.loss, taught.correct, outcome.loss, outcome.correct
            ))
        } else {
            None
        };
        if let Some(differs) = differs {
            let located = match self.locate(lesson, before) {
                Ok(Some(difference)) => format!("the first difference: {difference}; then {differs}"),
                Ok(None) => format!("{differs}; done again, no node differs: the device does not repeat itself"),
                Err(error) => format!("{differs}; where it begins is not known: {error}"),
            };
            return Err(named(located));
        }
        self.steps += 1;
        self.stack = self.stack.max(taught.stack);
        self.ticks = self.ticks.zip(taught.ticks).map(|(sum, ticks): (u64, u64)| sum.saturating_add(ticks));
        if let Some(counter) = &mut self.counter {
            self.instructions += counter.regions()?.iter().map(|region| region.instructions).sum::<u64>();
        }
        Ok(())
    }

    /// The first number of a step that differs, if both do it again.
    fn locate(&mut self, lesson: &Lesson, before: &Model) -> Result<Option<Difference>> {
        let isa = shatterscope::exec::Isa::Portable;
        let (spec, placed) = (self.spec.clone(), self.placed.clone());
        let again = Again { spec: &spec, placed: &placed, before, lesson, isa };
        let (here, _) = again.traced(None)?;
        let (there, _) = self.trace(lesson, before, Traced::Digests, here.len())?;
        let Some(i) = here.iter().zip(&there).position(|(here, there)| here != there) else { return Ok(None) };
        let at = again.place(i);
        let (_, here) = again.traced(Some(at))?;
        let (there, _) = self.trace(lesson, before, difference::asked(at), again.len(at))?;
        Ok(again.first(at, &here, &there))
    }

    /// The step from a model once more, in a training of its own, and what is asked for of it.
    fn trace(
        &mut self,
        lesson: &Lesson,
        before: &Model,
        what: Traced,
        elements: usize,
    ) -> Result<(Vec<u64>, Option<u64>)> {
        self.session = self.session.wrapping_add(1).max(1);
        let mut train = Train { session: self.session, ..self.asked };
        train.with.step = before.step;
        let words = self.placed.words();
        self.link.ready(&train, Words { store: Store::Nodes, words: &words })?;
        if before.step > 0 {
            arrive(&mut self.link, &self.target, self.session, before)?;
        }
        let inputs: Vec<u32> = lesson.examples.inputs.iter().copied().map(canonical_bits).collect();
        let step = self.step_of(lesson);
        let inputs = Words { store: Store::Inputs, words: &inputs };
        let labels = Words { store: Store::Labels, words: &lesson.examples.labels };
        let mut on = |_, _| true;
        // An emulator would count what is reported.
        let watched = if self.counter.is_none() { Some(self.watched(&mut on)) } else { None };
        Ok(self.link.trace(&wire::Trace { step, what }, inputs, labels, elements, watched)?)
    }

    fn watched<'a>(&self, progress: &'a mut dyn FnMut(u64, u64) -> bool) -> Watched<'a> {
        Watched { multiply_adds: self.work.total, every: self.link.identity().report_every(), progress }
    }

    /// Does the step between two models once more, in a training of its own: what each node takes in either direction, and the loss behind the last
    /// node.
    ///
    /// # Errors
    /// A device that does not answer, has nothing to measure with, or does not arrive at the second model.
    pub fn profile(&mut self, lesson: &Lesson, before: &Model, after: &Model) -> Result<Profile> {
        let name = self.link.identity().board.clone();
        if self.counter.is_none() && self.link.identity().clock == 0 {
            return Err(no_clock(&name));
        }
        if let Some(counter) = &mut self.counter {
            counter.marked()?;
        }
        let (nodes, first) = (self.placed.nodes.len() as u32, self.work.first());
        // A name, the forward pass behind the input, the loss, the backward pass.
        let elements = 1 + (nodes - 1) + 1 + (nodes - first);
        let (elements, ticks) = self.trace(lesson, before, Traced::Profile, elements as usize)?;
        let train =
            Train { session: self.session, with: TrainConfig { step: before.step, ..self.asked.with }, ..self.asked };
        let words = self.placed.words();
        let ready = self.link.ready(&train, Words { store: Store::Nodes, words: &words })?;
        if (ready.step, ready.digest) != (after.step, after.digest()) {
            let (target, here) = (&self.target, after.digest());
            return Err(Failure::failed(format!(
                "{target}: profiled, step {} has parameters {}, here {here}",
                ready.step, ready.digest
            )));
        }
        let mut profile = Profile::of(nodes as usize + 1);
        profile.of_step(first, &elements);
        profile.total.ticks = ticks.unwrap_or(0);
        match &mut self.counter {
            Some(counter) => {
                let (total, marks) = counter.marked()?;
                profile.count(total, &marks);
            }
            None if elements.len() < 2 => return Err(no_mark(&name)),
            None => {}
        }
        let plan = self.placed.plan()?;
        for (i, [forward, backward]) in (0..).zip(&mut profile.operations) {
            let work = |pass| self.work.of_node(plan.graph(), pass, i);
            (forward.multiply_adds, backward.multiply_adds) = (work(Pass::Forward), work(Pass::Backward));
        }
        profile.total.multiply_adds = self.work.total;
        Ok(profile)
    }

    /// The graph, node by node.
    pub fn placed(&self) -> &Placed {
        &self.placed
    }

    fn step_of(&self, lesson: &Lesson) -> StepRequest {
        let Lesson { step, rate, examples } = lesson;
        let digest = examples_digest(examples.inputs.iter().copied(), examples.labels.iter().copied());
        StepRequest { session: self.session, step: *step, rate: *rate, count: examples.count as u32, examples: digest }
    }

    /// The model as the device has it: word for word what this machine has.
    ///
    /// # Errors
    /// A device that does not answer, or the first word that differs.
    pub fn model(&mut self, model: &Model) -> Result<Model> {
        for (store, here) in &stores(model) {
            let there = self.link.words(self.session, *store, here.len() as u32)?;
            if let Some(i) = there.iter().zip(here).position(|(there, here)| there != here) {
                return Err(Failure::failed(format!(
                    "{}: after step {} word {i} of {} is {:08x} ({:e}), here {:08x} ({:e})",
                    self.target,
                    model.step,
                    name_of(*store),
                    there[i],
                    f32::from_bits(there[i]),
                    here[i],
                    f32::from_bits(here[i])
                )));
            }
        }
        Ok(model.clone())
    }

    /// What it took.
    pub fn report(&self) -> Report {
        let each = |sum: u64| sum / u64::from(self.steps.max(1));
        Report {
            target: self.target.clone(),
            device: self.link.identity().clone(),
            steps: self.steps,
            arena_bytes: self.ready.arena,
            least_bytes: self.ready.least,
            stack_bytes: self.stack,
            instructions: (self.instructions > 0).then(|| each(self.instructions)),
            ticks: self.ticks.map(each),
            restored: self.restored,
            saved: self.saved,
            mended: self.link.mended(),
        }
    }
}

/// Puts a model that has done steps, until the device has all of it.
fn arrive(link: &mut Link, target: &str, session: u32, model: &Model) -> Result<()> {
    for _ in 0..2 {
        for (store, words) in &stores(model) {
            link.put(Standing { session, step: model.step }, Words { store: *store, words })?;
        }
        if stands(link, session, model)? {
            return Ok(());
        }
    }
    Err(Failure::failed(format!("{target}: the checkpoint does not arrive whole")))
}

/// What a store is called.
fn name_of(store: Store) -> &'static str {
    match store {
        Store::Inputs => "the inputs",
        Store::Labels => "the labels",
        Store::Parameters => "the parameters",
        Store::Running => "the running statistics",
        Store::State => "the optimiser's state",
        Store::Powers => "the optimiser's powers",
        Store::Nodes => "the nodes",
        Store::Outputs => "the outputs",
        Store::Report => "the distance of reports",
    }
}

/// All that a device has of a model.
fn stores(model: &Model) -> [(Store, Vec<u32>); 4] {
    let powers = [model.powers.beta1, model.powers.beta2];
    let floats = |values: &[f32]| values.iter().copied().map(canonical_bits).collect::<Vec<u32>>();
    [
        (Store::Parameters, floats(&model.parameters)),
        (Store::Running, floats(&model.running)),
        (Store::State, floats(&model.state)),
        (Store::Powers, floats(&powers)),
    ]
}

/// Whether the device has a model word for word.
fn stands(link: &mut Link, session: u32, model: &Model) -> Result<bool> {
    for (store, words) in &stores(model) {
        if link.words(session, *store, words.len() as u32)? != *words {
            return Ok(false);
        }
    }
    Ok(true)
}
