use crate::device::hello;
use crate::line::framed;
use crate::serve::greeting;
use shatterscope::Pass;
use shatterscope::contract::Digest;
use shatterscope::plan::{Schedule, Want};
use shatterscope::train::{Initializer, Settings};
use shatterscope::wire::{
    Broken, Done, Frame, Get, Load, Message, Part, Predict, Put, Ready, Run, Stage, StepRequest, StepResult, Store,
    Trace, Traced, Train, TrainConfig, Why, examples_digest, words_digest,
};
use shatterscope_host::compare::suite;
use shatterscope_host::device::fit::request;
use shatterscope_host::predict::Placed;
use shatterscope_host::tensors::Bundle;
use shatterscope_layers::Layer;

/// Inputs to start from: good ones, of every kind.
pub fn seeds(target: &str) -> Vec<Vec<u8>> {
    match target {
        "frames" => bodies().into_iter().flat_map(|body| [framed(&body), body]).collect(),
        "serve" => bodies()
            .iter()
            .map(|body| piece(body))
            .chain([bodies().iter().flat_map(|body| piece(body)).collect()])
            .collect(),
        "device" => answers(),
        "specs" => runs().iter().map(written).collect(),
        "files" => FILES.iter().map(|text| text.as_bytes().to_vec()).chain(printed()).collect(),
        "nets" => NETS.iter().map(|text| text.as_bytes().to_vec()).collect(),
        "data" => sets(),
        "tensors" => bundles(),
        "checkpoint" => crate::checkpoint::seeds(),
        "graph" => crate::graph::seeds(),
        "onnx" => crate::models::seeds(),
        "native" => crate::native::seeds(),
        _ => Vec::new(),
    }
}

/// Small sets in both formats, one of them with a file that is packed, and some that are cut.
fn sets() -> Vec<Vec<u8>> {
    let behind_its_length = |file: &[u8]| [&(file.len() as u16).to_le_bytes(), file].concat();
    let images =
        |count: u8| [&[0, 0, 8, 3, 0, 0, 0, count, 0, 0, 0, 2, 0, 0, 0, 1][..], &vec![7; 2 * count as usize]].concat();
    let labels = |labels: &[u8]| [&[0, 0, 8, 1, 0, 0, 0, labels.len() as u8], labels].concat();
    // The labels 0 and 1 as gzip stores them, without a deflated block.
    let packed = [
        0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255, 1, 10, 0, 245, 255, 0, 0, 8, 1, 0, 0, 0, 2, 0, 1, 111, 50, 224, 45, 10,
        0, 0, 0,
    ];
    let idx = |files: [&[u8]; 4]| [vec![1], files.map(behind_its_length).concat()].concat();
    let (two, one) = (images(2), images(1));
    let record = |label: u8| [vec![label], vec![9; 3072]].concat();
    let cifar = [vec![0], behind_its_length(&[record(3), record(9)].concat()), behind_its_length(&record(0))].concat();
    let plain = idx([&two, &labels(&[0, 1]), &one, &labels(&[1])]);
    vec![
        plain[..plain.len() - 1].to_vec(),
        plain,
        idx([&two, &packed, &one, &labels(&[1])]),
        cifar[..3000].to_vec(),
        cifar,
    ]
}

/// Files of tensors in both formats, with and without a spec, and a deflated archive as NumPy writes it.
fn bundles() -> Vec<Vec<u8>> {
    let mut bundle = Bundle::default();
    bundle.add("a".into(), vec![2, 1], vec![1.0, -2.5]);
    bundle.add("b.bias".into(), vec![1], vec![0.5]);
    let with = Bundle { spec: Some("{\"depth\":3}".to_owned()), ..bundle.clone() };
    let files = |bundle: &Bundle| {
        let npz = bundle.to_npz().expect("a bundle has a .npz file");
        let safetensors = bundle.to_safetensors().expect("a bundle has a .safetensors file");
        [[&[0], &npz[..]].concat(), [&[1], &safetensors[..]].concat()]
    };
    [files(&bundle), files(&with)].concat().into_iter().chain([[&[0], DEFLATED].concat()]).collect()
}

fn written<T: serde::Serialize>(x: &T) -> Vec<u8> {
    postcard::to_stdvec(x).expect("messages have a postcard form")
}

/// A body as `serve` hears it in a whole frame.
fn piece(body: &[u8]) -> Vec<u8> {
    [&[1, body.len() as u8], body].concat()
}

/// What devices say to a run for nine gradients, request 2, and to what is asked of a training.
fn answers() -> Vec<Vec<u8>> {
    let values = [0.5f32; 9];
    let bytes: Vec<u8> = values.iter().flat_map(|x| x.to_le_bytes()).collect();
    let done = |values: &[f32]| {
        let (elements, digest) = (values.len() as u32, Digest::of(values));
        Message::Done(Done { elements, digest, arena: 64, panel: 16, stack: Some(9), ticks: Some(7) })
    };
    let said = |asked: u8, messages: &[Message]| {
        let frame =
            |(message, sequence): (&Message, u32)| piece(&written(&Frame { request: 2, sequence, message: *message }));
        [vec![asked], messages.iter().zip(0..).flat_map(frame).collect()].concat()
    };
    let value = Message::Value { first: 0, bytes: &bytes };
    let digest = Digest { hash: 1, bytes: 72 };
    let ready = Ready { step: 0, parameters: 18, running: 0, state: 0, arena: 512, least: 256, digest };
    let taught = StepResult { step: 5, loss: 0.5, correct: 1, digest, stack: None, ticks: Some(3) };
    let good = said(0, &[Message::Progress { done: 1, of: 504 }, value, done(&values)]);
    vec![
        [&[8][..], &piece(&hello()), &good[1..]].concat(),
        good,
        said(0, &[done(&[])]),
        said(1, &[value, done(&[f32::NAN; 9])]),
        said(2, &[Message::Value { first: u32::MAX, bytes: &bytes[..32] }]),
        said(3, &[Message::Refused { why: Why::Cancelled, need: 0, have: 0 }]),
        said(5, &[Message::Ready(ready)]),
        said(6, &[Message::StepResult(taught)]),
        said(7, &[Message::Value { first: 17, bytes: &bytes[..8] }, done(&values)]),
    ]
}

/// A small run.
pub fn run() -> Run {
    runs()[0]
}

/// The suite that devices are compared with, each entry small, and every part.
fn runs() -> Vec<Run> {
    let parts = [
        Part::Gradient,
        Part::Outputs,
        Part::Digests { first: 0, count: 3 },
        Part::Values { pass: Pass::Backward, node: 1 },
    ];
    let entries = suite().expect("the suite resolves").into_iter().zip(parts.into_iter().cycle());
    let small = |(entry, part): (shatterscope_host::compare::Entry, Part)| {
        let run = request(&entry.spec, 0, 0).expect("the suite has one input");
        let schedule = entry.schedule.unwrap_or(Schedule::WholeBatch);
        let spec = shatterscope::spec::Spec { depth: run.spec.depth.min(4), ..run.spec };
        Run { spec, points: 9, count: 9, schedule, part, report_every: 64, ..run }
    };
    let mut runs: Vec<Run> = entries.map(small).collect();
    runs.extend(runs.first().map(|run| Run { part: Part::Profile { first: 0, count: 3 }, ..*run }));
    runs
}

/// Bodies of frames: every message.
fn bodies() -> Vec<Vec<u8>> {
    let done =
        Done { elements: 2, digest: Digest::of(&[1.0, -2.0]), arena: 64, panel: 16, stack: Some(9), ticks: None };
    let others = [
        greeting(),
        Message::Value { first: 56, bytes: &[0, 0, 128, 63, 0, 0, 0, 0] },
        Message::Progress { done: 3, of: 1 << 40 },
        Message::Done(done),
        Message::Refused { why: Why::Frame, need: Broken::Checksum as u64, have: 0 },
        Message::Cancel,
    ];
    let placed = trained();
    let placed_words: Vec<u8> = placed.words().into_iter().flat_map(u32::to_le_bytes).collect();
    let nodes: Vec<u32> =
        crate::graph::seeds()[1].as_chunks::<4>().0.iter().map(|word| u32::from_le_bytes(*word)).collect();
    let words = [nodes.as_slice(), &SLOTS].concat();
    let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    let (nodes, digest) = (SLOTS.len() as u32, words_digest(words));
    let load = Message::Load(Load { session: 3, nodes, digest, batch: 2, ram: 0 });
    let put =
        |(i, bytes): (u32, _)| Message::Put(Put { session: 3, step: 0, store: Store::Nodes, first: 54 * i, bytes });
    let inputs = words_digest([0; 8]);
    let inference = [load]
        .into_iter()
        .chain((0..).zip(bytes.chunks(216)).map(put))
        .chain([load, Message::Put(Put { session: 3, step: 0, store: Store::Inputs, first: 0, bytes: &[0; 32] })])
        .chain([Message::Predict(Predict { session: 3, count: 1, inputs })])
        .chain([Message::Get(Get { session: 3, store: Store::Outputs, first: 0, count: 15 })]);
    let with = TrainConfig {
        batch: 2,
        settings: Settings::default(),
        start: Initializer::He,
        seed: 1,
        run: 0,
        step: 0,
        ram: 0,
    };
    let digest = words_digest(placed.words());
    let train = Message::Train(Train { session: 4, nodes: placed.nodes.len() as u32, digest, tag: 5, with });
    let of_training = |step, store, first, bytes| Message::Put(Put { session: 4, step, store, first, bytes });
    let put = |(i, bytes): (u32, _)| of_training(0, Store::Nodes, 54 * i, bytes);
    let step = |step| StepRequest { session: 4, step, rate: 0.5, count: 1, examples: examples_digest([0.0; 4], [1]) };
    let what = Traced::Values { stage: Stage::Backward, node: 2 };
    let training = [train]
        .into_iter()
        .chain((0..).zip(placed_words.chunks(216)).map(put))
        .chain([train, of_training(0, Store::Inputs, 0, &[0; 16]), of_training(0, Store::Labels, 0, &[1, 0, 0, 0])])
        .chain([Message::StepRequest(step(0)), of_training(1, Store::Inputs, 0, &[0; 16])])
        .chain([Message::Trace(Trace { step: step(1), what: Traced::Digests })])
        .chain([of_training(2, Store::Inputs, 0, &[0; 16]), Message::Trace(Trace { step: step(2), what })])
        .chain([Message::Get(Get { session: 4, store: Store::Parameters, first: 0, count: 23 })])
        .chain([of_training(3, Store::Inputs, 0, &[0; 16])])
        .chain([Message::Trace(Trace { step: step(3), what: Traced::Profile })])
        .chain([of_training(4, Store::Inputs, 0, &[0; 16]), of_training(4, Store::Report, 0, &[1, 0, 0, 0])])
        .chain([Message::StepRequest(step(4))]);
    let messages = others.into_iter().chain(runs().into_iter().map(Message::Run)).chain(inference).chain(training);
    messages.zip(1..).map(|(message, request)| written(&Frame { request, sequence: 0, message })).collect()
}

/// A graph with slots for a training.
fn trained() -> Placed {
    let dense = |inputs, outputs| Layer::Dense { inputs, outputs, bias: true };
    let layers = [dense(4, 3), Layer::Relu { units: 3 }, dense(3, 2)];
    Placed::of_layers(&layers, Want::ParameterGradient).expect("the layers follow each other")
}

/// Slots for the second graph of the seeds: each value in a place of its own.
const SLOTS: [u32; 7] = [0, 3, 8, 13, 18, 23, 28];

/// Specs of the suite as the tool prints them.
fn printed() -> Vec<Vec<u8>> {
    let text = |entry: &shatterscope_host::compare::Entry| entry.spec.to_toml().expect("a spec has a TOML form");
    suite().expect("the suite resolves").iter().map(|entry| text(entry).into_bytes()).collect()
}

const FILES: [&str; 4] = [
    "",
    "depth = 50\nfamily = 'highway'\ncarry = 0.8",
    "norm = 'batch'\nstatistics = 'full'\neps = 1e-3\npoints = 7\nfrom = -1.5\nto = 3",
    "{\"depth\": 3, \"width\": 8, \"norm\": \"batch\", \"eps\": 1e-3, \"from\": -1.5}",
];

/// Lists of the layers that the model of `nets` has tensors for.
const NETS: [&str; 5] = [
    "layers = [{ dense = \"a\" }]",
    "layers = [{ dense = \"a\" }, \"centre\", \"fork\", { dense = \"b\" }, { join = { a = 1.0, b = 0.5 } }, \"crelu\", { dense = \"d\" }]",
    "layers = [{ dense = \"a\" }, { batch-norm = { eps = 1e-5 } }, \"relu\", { dense = \"b\" }]",
    "input = [3, 4, 4]\nlayers = [{ conv = { name = \"k\", padding = 1, stride = [2, 1] } }, { max-pool = { kernel = 2 } }, \"flatten\", { softmax = {} }]",
    "inputs = { p = [4], q = [4] }\nlayers = [{ add = { inputs = [\"p\", \"q\"], name = \"s\" } }, { concat = { inputs = [\"s\", \"p\"] } }, { gelu = {} }, { dense = \"d\" }]",
];

/// An array of f8, big-endian and in Fortran order, as Python's zipfile deflates it.
const DEFLATED: &[u8] = &[
    80, 75, 3, 4, 20, 0, 0, 0, 8, 0, 0, 0, 33, 0, 156, 199, 149, 212, 88, 0, 0, 0, 176, 0, 0, 0, 5, 0, 0, 0, 119, 46,
    110, 112, 121, 155, 236, 23, 234, 27, 16, 201, 200, 80, 198, 80, 173, 158, 146, 90, 156, 92, 164, 110, 165, 160,
    110, 151, 102, 161, 174, 163, 160, 158, 150, 95, 84, 82, 148, 152, 23, 159, 95, 148, 146, 10, 18, 15, 41, 42, 77,
    5, 10, 23, 103, 36, 22, 164, 2, 185, 26, 70, 58, 10, 198, 154, 58, 10, 181, 10, 228, 3, 46, 251, 15, 12, 96, 224,
    192, 0, 165, 57, 160, 180, 0, 148, 22, 129, 210, 18, 16, 26, 0, 80, 75, 1, 2, 20, 3, 20, 0, 0, 0, 8, 0, 0, 0, 33,
    0, 156, 199, 149, 212, 88, 0, 0, 0, 176, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 128, 1, 0, 0, 0, 0, 119, 46,
    110, 112, 121, 80, 75, 5, 6, 0, 0, 0, 0, 1, 0, 1, 0, 51, 0, 0, 0, 123, 0, 0, 0, 0, 0,
];
