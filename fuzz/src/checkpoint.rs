use crate::refused::refused;
use shatterscope::exec::Isa;
use shatterscope_host::data::{self, Dataset, Examples};
use shatterscope_host::tensors::Bundle;
use shatterscope_host::train::{Checkpoint, Run, Spec};
use std::sync::OnceLock;

/// The networks that a step is taken with: larger ones stop the search.
const PARAMETERS: usize = 4096;

/// As the checkpoint of a training run, or as the document of one whose digest is right: refused in one line, or a run that takes its
/// next step or says why it cannot.
pub fn checkpoint(data: &[u8]) {
    let Some((&kind, rest)) = data.split_first() else { return };
    let crafted;
    let file = if kind % 2 == 0 {
        rest
    } else {
        let Ok(text) = std::str::from_utf8(rest) else { return };
        let bundle = Bundle { spec: Some(text.to_owned()), ..tensors().clone() };
        crafted = bundle.to_safetensors().expect("the tensors of a checkpoint have a file");
        &crafted
    };
    let read = match Checkpoint::parse(file, digits()) {
        Err(error) => return refused(&error),
        Ok(read) => read,
    };
    if read.model.parameters.len() > PARAMETERS || read.spec.batch > 64 {
        return;
    }
    let isa = Isa::Portable;
    let spec = read.spec.clone();
    if let Ok(mut run) = Run::new(spec, digits(), isa, Some(read))
        && !run.is_done()
    {
        let _ = run.step();
    }
}

/// A few digits: a checkpoint belongs to its data.
fn digits() -> &'static Dataset {
    static DIGITS: OnceLock<Dataset> = OnceLock::new();
    DIGITS.get_or_init(|| {
        let digits = data::open(None).expect("the digits are built in");
        let first = |examples: &Examples, count: usize| Examples {
            pixels: examples.pixels[..64 * count].to_vec(),
            labels: examples.labels[..count].to_vec(),
        };
        Dataset { train: first(&digits.train, 32), test: first(&digits.test, 8), ..digits }
    })
}

/// Small checkpoints with Adam and probes: after an epoch and a step, and after an epoch.
pub(crate) fn whole() -> Vec<Vec<u8>> {
    const ADAM: &str = "{\"net\":{\"kind\":\"dense\",\"depth\":2,\"width\":2,\"activation\":\"relu\",\"slope\":1.0,\"init\":\"he\",\
                        \"batch-norm\":true,\"skips\":\"none\",\"beta\":1.0,\"dropout\":0.0},\"scaling\":\"standard\",\"shift\":0,\
                        \"flip\":false,\"seed\":1,\"run\":0,\"batch\":16,\"epochs\":3,\"optimiser\":\"adam\",\"rate\":0.003,\
                        \"momentum\":0.9,\"betas\":[0.9,0.999],\"eps\":1e-6,\"decay\":0.0,\"decoupled\":false,\"clip-norm\":0.0,\
                        \"clip-value\":0.0,\"warm-up\":0,\"schedule\":\"plateau\",\"steps\":[],\"factor\":0.1,\"patience\":0,\
                        \"threshold\":0.0,\"drops\":2,\"probe-every\":2}";
    let spec: Spec = serde_json::from_str(ADAM).expect("the spec is written as the tool writes it");
    let isa = Isa::Portable;
    let after = |steps: usize| {
        let mut run = Run::new(spec.clone(), digits(), isa, None).expect("the digits fit the spec");
        for _ in 0..steps {
            run.step().expect("a small step goes well");
        }
        run.checkpoint().to_bytes().expect("a checkpoint has a file")
    };
    vec![after(3), after(2)]
}

fn tensors() -> &'static Bundle {
    static TENSORS: OnceLock<Bundle> = OnceLock::new();
    TENSORS.get_or_init(|| Bundle::from_safetensors(&whole()[0]).expect("a checkpoint is read"))
}

/// Files and documents to start from.
pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let document = |file: &Vec<u8>| Bundle::from_safetensors(file).ok()?.spec;
    let files = whole();
    let documents = files.iter().filter_map(document).map(|text| [&[1], text.as_bytes()].concat());
    documents.take(1).chain(files.iter().skip(1).take(1).map(|file| [&[0], &file[..]].concat())).collect()
}
