//! A step of training that is cancelled, and a forward pass: wherever the cancel comes, the state is that of before or after the step, and both go
//! on from there. Nothing in between is ever seen.
use crate::common::train_spec;
use shatterscope::Pass;
use shatterscope::contract::canonical_bits;
use shatterscope::exec::Isa;
use shatterscope::graph::{Graph, Op};
use shatterscope::plan::Want;
use shatterscope::wire::{
    Load, Predict, Predicted, Ready, StepRequest, StepResult, Store, Train, Why, examples_digest, words_digest,
};
use shatterscope_firmware::Work;
use shatterscope_host::data;
use shatterscope_host::device::link::{Link, LinkError, Standing, Watched, Words};
use shatterscope_host::predict::Placed;
use shatterscope_host::train::{Lesson, Model, Pupil, Run, request};
use shatterscope_simulated::{Fate, Looks, Made, Simulated};
use std::ops::Range;
use std::time::Duration;

/// Plain descent by single examples, which changes parameters where their gradients arise; and every way to store gradients of some parameters
/// first. Dense, convolution, batch norm, joins, dropout.
const COURSES: [&str; 8] = [
    "--depth 1 --width 2 --batch 1",
    "--depth 2 --width 3 --batch 3",
    "--depth 2 --width 2 --batch-norm --batch 3 --optimiser adam --rate 0.003",
    "--net lenet --width 1 --batch 1",
    "--net lenet --width 1 --batch 2 --optimiser momentum --decay 0.001",
    "--net stack --depth 4 --width 2 --skips resnet --activation prelu --batch-norm --batch 2",
    "--net convnet --depth 6 --width 1 --dropout 0.2 --batch 1 --optimiser adam --rate 0.001",
    "--depth 4 --width 3 --batch 2 --optimiser momentum --freeze 0,4,6.weight",
];

/// A training on a device, and the steps that this machine has done.
struct Course {
    link: Link,
    looks: Looks,
    asked: Train,
    placed: Placed,
    work: Work,
    models: Vec<Model>,
    lessons: Vec<Lesson>,
}

impl Course {
    fn new(words: &str) -> Self {
        let spec = train_spec(words);
        let digits = data::open(None).unwrap();
        let mut run = Run::new(spec.clone(), &digits, Isa::Portable, None).unwrap();
        let (placed, asked) = request(&spec, &run.model().layers, 0, 0).unwrap();
        let (mut models, mut lessons) = (vec![run.model().clone()], Vec::new());
        for _ in 0..2 {
            lessons.push(run.lesson().unwrap());
            run.step().unwrap();
            models.push(run.model().clone());
        }
        let made = Made::default();
        let looks = made.looks.clone();
        let link = Link::open(Simulated::new(made, Box::new(|_, _| Fate::Pass)), Duration::from_secs(10)).unwrap();
        let work = Work::of(&placed.plan().unwrap(), spec.batch);
        Self { link, looks, asked, placed, work, models, lessons }
    }

    fn ready(&mut self, session: u32) -> Ready {
        let words = self.placed.words();
        let nodes = Words { store: Store::Nodes, words: &words };
        self.link.ready(&Train { session, ..self.asked }, nodes).unwrap()
    }

    /// The step; it is cancelled with the first report, or not.
    fn teach(&mut self, session: u32, step: usize, cancel: bool) -> Result<StepResult, LinkError> {
        let Lesson { rate, examples, .. } = &self.lessons[step];
        let inputs: Vec<u32> = examples.inputs.iter().copied().map(canonical_bits).collect();
        let digest = examples_digest(examples.inputs.iter().copied(), examples.labels.iter().copied());
        let count = examples.count as u32;
        let teach = StepRequest { session, step: step as u32, rate: *rate, count, examples: digest };
        let (inputs, labels) =
            (Words { store: Store::Inputs, words: &inputs }, Words { store: Store::Labels, words: &examples.labels });
        let progress = &mut |_, _| !cancel;
        self.link.teach(&teach, inputs, labels, Watched { multiply_adds: self.work.total, every: 1, progress })
    }

    /// Whether the device has all that the model after so many steps has, bit for bit.
    fn stands(&mut self, session: u32, steps: usize) -> bool {
        let ready = self.ready(session);
        let model = self.models[steps].clone();
        let powers = [model.powers.beta1, model.powers.beta2];
        let mut has = |store, floats: &[f32]| {
            let there = self.link.words(session, store, floats.len() as u32).unwrap();
            there.iter().copied().eq(floats.iter().copied().map(canonical_bits))
        };
        (ready.step, ready.digest) == (model.step, model.digest())
            && has(Store::Parameters, &model.parameters)
            && has(Store::Running, &model.running)
            && has(Store::State, &model.state)
            && has(Store::Powers, &powers)
    }
}

/// Looks of a device that may do one multiply-add at a time: after each row of the weights of a node forward, backward after each row of the gradient of
/// its operand and then of its weights, and after every other node.
fn looks_of(graph: &Graph, node: u32, first: u32) -> [u64; 3] {
    let at = graph.node(node).unwrap();
    let x = graph.node(at.x).unwrap().shape;
    let (operand, rows) = match at.op {
        Op::Dense { .. } => (x.units().unwrap(), at.shape.channels),
        Op::Conv { .. } => (x.channels, at.shape.channels),
        _ => return [1, 0, 1],
    };
    let operand = if at.x >= first { operand } else { 0 };
    let learned = if graph.learns(node) { rows } else { 0 };
    [rows, operand, learned].map(u64::from)
}

const CANCELLED: LinkError = LinkError::Refused { why: Why::Cancelled, need: 0, have: 0 };

#[test]
fn a_cancelled_step_is_not_begun_or_done() {
    for words in COURSES {
        let mut course = Course::new(words);
        course.ready(1);
        assert_eq!(course.teach(1, 0, false).unwrap().digest, course.models[1].digest(), "{words}");
        let (nodes, first) = (course.placed.nodes.len() as u32, course.work.first());
        let plan = course.placed.plan().unwrap();
        let looks = |node: u32| looks_of(plan.graph(), node, first);
        let forward: u64 = (1..nodes).map(|node| looks(node)[0]).sum();
        let backward = |nodes: Range<u32>| nodes.map(|node| looks(node)[1] + looks(node)[2]).sum::<u64>();
        let units = forward + 1 + backward(first..nodes);
        assert_eq!(
            course.looks.take(),
            units,
            "{words}: a look after each row forward, the loss, and each row backward"
        );
        // The running statistics change at the end of the forward pass, parameters when the backward pass comes to the first row of some.
        let last = (0..nodes).rev().find(|&node| plan.graph().learns(node)).unwrap();
        let until_last = forward + 1 + backward(last + 1..nodes) + looks(last)[1];
        let unchanged = if plan.running_len > 0 { forward } else { until_last };
        let mut before = 0;
        // All before the first change, and some after it.
        for unit in (0..units).filter(|unit| *unit <= unchanged + 2 || unit % 7 == 0) {
            let session = 2 + unit as u32;
            course.ready(session);
            course.teach(session, 0, false).unwrap();
            course.looks.hear_after(unit);
            let told = course.teach(session, 1, true);
            course.looks.take();
            match told {
                Err(error) => {
                    assert_eq!(error, CANCELLED, "{words}, unit {unit}");
                    assert_eq!(before, unit, "{words}, unit {unit}: an earlier one was completed");
                    assert!(course.stands(session, 1), "{words}, unit {unit}: not as before");
                    before += 1;
                }
                Ok(taught) => {
                    assert_eq!((taught.step, taught.digest), (2, course.models[2].digest()), "{words}, {unit}")
                }
            }
            // It goes on as if nothing had been; a step that was done is not done again.
            assert_eq!(
                course.teach(session, 1, false).unwrap().digest,
                course.models[2].digest(),
                "{words}, unit {unit}"
            );
            assert!(course.stands(session, 2), "{words}, unit {unit}: not as after");
        }
        assert_eq!(before, unchanged, "{words}: of {units} units");
    }
}

/// A node further, and the device may have heard the cancel or not: its state is one of the two all the same.
#[test]
fn a_cancel_that_races_the_step_ends_on_either_side() {
    for words in COURSES {
        let mut course = Course::new(words);
        for session in 1..20 {
            course.ready(session);
            course.teach(session, 0, false).unwrap();
            match course.teach(session, 1, true) {
                Err(error) => assert!(error == CANCELLED && course.stands(session, 1), "{words}: {error}"),
                Ok(_) => assert!(course.stands(session, 2), "{words}"),
            }
        }
    }
}

/// A device without a host that listens is no device that is silent: whoever asks for no reports gets none, and whoever does gets them at the
/// distance that was asked for.
#[test]
fn a_step_reports_as_often_as_asked() {
    let mut course = Course::new("--net lenet --width 2 --batch 3");
    let all = course.work.total;
    for (session, every) in [(1, 1u32), (2, 300), (3, 3000), (4, u32::try_from(all).unwrap())] {
        course.ready(session);
        let Lesson { rate, examples, .. } = &course.lessons[0];
        let inputs: Vec<u32> = examples.inputs.iter().copied().map(canonical_bits).collect();
        let digest = examples_digest(examples.inputs.iter().copied(), examples.labels.iter().copied());
        let teach = StepRequest { session, step: 0, rate: *rate, count: examples.count as u32, examples: digest };
        let (inputs, labels) =
            (Words { store: Store::Inputs, words: &inputs }, Words { store: Store::Labels, words: &examples.labels });
        let mut told = vec![0];
        let progress = &mut |done, of| {
            assert_eq!(of, all);
            told.push(done);
            true
        };
        let watched = Watched { multiply_adds: all, every, progress };
        assert_eq!(course.link.teach(&teach, inputs, labels, watched).unwrap().digest, course.models[1].digest());
        assert!(told.is_sorted() && told.windows(2).all(|two| two[1] - two[0] >= every.into()), "{every}: {told:?}");
        assert_eq!(told.len() > 1, u64::from(every) < all, "{every}: {told:?}");
        assert!(*told.last().unwrap() < all);
    }
    // Each node that multiplies, in either direction, has reports of its own.
    let plan = course.placed.plan().unwrap();
    let of = |pass| (0..plan.graph().len() as u32).filter(move |&i| course.work.of_node(plan.graph(), pass, i) > 0);
    assert_eq!((of(Pass::Forward).count(), of(Pass::Backward).count()), (4, 4));
}

#[test]
fn a_cancelled_forward_pass_leaves_the_graph_usable() {
    let spec = train_spec("--net lenet --width 2 --batch-norm");
    let digits = data::open(None).unwrap();
    let layers = spec.layers(&digits).unwrap();
    let placed = Placed::of_layers(&layers, Want::Output).unwrap();
    let nodes = placed.words();
    let digest = words_digest(nodes.iter().copied());
    let load = Load { session: 1, nodes: placed.nodes.len() as u32, digest, batch: 3, ram: 0 };
    let made = Made::default();
    let looks = made.looks.clone();
    let mut link = Link::open(Simulated::new(made, Box::new(|_, _| Fate::Pass)), Duration::from_secs(10)).unwrap();
    let loaded = link.load(&load, Words { store: Store::Nodes, words: &nodes }).unwrap();
    let floats =
        |len: u32, from: f32| (0..len).map(|i| canonical_bits(from + i as f32 / len as f32)).collect::<Vec<u32>>();
    let at = Standing { session: 1, step: 0 };
    link.put(at, Words { store: Store::Parameters, words: &floats(loaded.parameters, -0.5) }).unwrap();
    link.put(at, Words { store: Store::Running, words: &floats(loaded.running, 0.5) }).unwrap();
    let kept = link.loaded(&load).unwrap().digest;
    let inputs = floats(3 * loaded.inputs, -1.0);
    let work = Work::of(&placed.plan().unwrap(), 3).total;
    assert_eq!(work, 3 * placed.plan().unwrap().multiply_adds);
    let predict = |link: &mut Link, cancel: bool| {
        let predict = Predict { session: 1, count: 3, inputs: words_digest(inputs.iter().copied()) };
        let watched = Watched { multiply_adds: work, every: 1, progress: &mut |_, _| !cancel };
        link.predict(&predict, Words { store: Store::Inputs, words: &inputs }, watched)
    };
    let Predicted { digest, .. } = predict(&mut link, false).unwrap();
    let units = looks.take();
    let plan = placed.plan().unwrap();
    assert_eq!(units, (1..placed.nodes.len() as u32).map(|node| looks_of(plan.graph(), node, 0)[0]).sum::<u64>());
    for unit in 0..units {
        looks.hear_after(unit);
        assert_eq!(predict(&mut link, true), Err(CANCELLED), "unit {unit}");
        looks.take();
        // No outputs are left of an earlier pass, and nothing else has changed.
        let outputs = link.words(1, Store::Outputs, 3 * loaded.outputs);
        assert!(matches!(outputs, Err(LinkError::Refused { why: Why::Store, .. })), "unit {unit}: {outputs:?}");
        assert_eq!(link.loaded(&load).unwrap().digest, kept, "unit {unit}");
        assert_eq!(predict(&mut link, false).unwrap().digest, digest, "unit {unit}");
    }
}

/// The clock of the simulated device ticks ten times at each mark.
#[test]
fn a_profile_of_a_step_has_every_node() {
    for words in COURSES {
        let spec = train_spec(words);
        let digits = data::open(None).unwrap();
        let mut run = Run::new(spec.clone(), &digits, Isa::Portable, None).unwrap();
        let link = Link::open(Simulated::new(Made::default(), Box::new(|_, _| Fate::Pass)), Duration::from_secs(10));
        let mut pupil = Pupil::new((link.unwrap(), None), "simulated".to_owned(), &spec, run.model(), 0).unwrap();
        let (before, lesson) = (run.model().clone(), run.lesson().unwrap());
        run.step().unwrap();
        let profile = pupil.profile(&lesson, &before, run.model()).unwrap();
        let work = Work::of(&pupil.placed().plan().unwrap(), spec.batch);
        let nodes = pupil.placed().nodes.len();
        assert_eq!((profile.operations.len(), profile.kernel.is_empty()), (nodes + 1, false), "{words}");
        for (i, [forward, backward]) in profile.operations.iter().enumerate() {
            assert_eq!(forward.ticks, if i > 0 { 10 } else { 0 }, "{words}: node {i}");
            let reached = i < nodes && i >= work.first() as usize;
            assert_eq!(backward.ticks, if reached { 10 } else { 0 }, "{words}: node {i}");
        }
        let sum: u64 = profile.operations.iter().flatten().map(|spent| spent.multiply_adds).sum();
        assert_eq!((sum, profile.total.multiply_adds), (work.total, work.total), "{words}");
        // A step from another state is not what was asked for.
        let error = pupil.profile(&lesson, &before, &before).unwrap_err().to_string();
        assert!(error.contains("simulated: profiled, step 1 has parameters"), "{error}");
    }
}
