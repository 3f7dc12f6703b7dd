//! Figures of networks that learn, and what is seen of them between steps, on small parts of the digits that are built in.
use crate::common::shatterscope;
use shatterscope::internals::kernel;
use shatterscope_host::cli::{self, Cli};
use shatterscope_host::data::{self, Dataset, Examples};
use shatterscope_host::engine::{Engine, Isa};
use shatterscope_host::figure::{DataInputs, FigureContext, Scale, fashion, figure5, figure6};
use shatterscope_host::plot::{Body, Curve, Figure, write_figure};
use shatterscope_host::train::{Activation, Checkpoint, Init, Kind, Net, Run, Skips, Spec};
use std::path::Path;
use tempfile::TempDir;

fn digits(train: usize, test: usize) -> Dataset {
    let digits = data::open(None).unwrap();
    let first = |examples: &Examples, count: usize| Examples {
        pixels: examples.pixels[..64 * count].to_vec(),
        labels: examples.labels[..count].to_vec(),
    };
    Dataset { train: first(&digits.train, train), test: first(&digits.test, test), ..digits }
}

fn drawn(
    figure: fn(&FigureContext, &DataInputs) -> shatterscope_host::Result<Figure>,
    data: &Dataset,
    out: &Path,
) -> Figure {
    let engine = Engine::new(None, Isa::Auto, true).unwrap();
    let data_inputs = DataInputs { data, scale: Scale::Smoke, out };
    let figure = figure(&FigureContext::new(&engine, 1, 1), &data_inputs).unwrap();
    write_figure(&figure, out).unwrap();
    figure
}

fn curves(figure: &Figure, panel: usize) -> &[Curve] {
    let Body::Curves { curves } = &figure.panels[panel].body else { panic!("panel {panel}: no curves") };
    curves
}

fn digests(figure: &Figure) -> Vec<&str> {
    figure.ran.iter().map(|ran| ran.digest.as_str()).collect()
}

/// A column of a figure's first sheet.
fn column(figure: &Figure, name: &str) -> Vec<String> {
    let sheet = &figure.sheets[0];
    let at = sheet.head.iter().position(|head| head == name).unwrap();
    sheet.rows.iter().map(|row| row[at].clone()).collect()
}

#[test]
fn figure_6_goes_on_where_it_stopped() {
    let (folder, other) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let digits = digits(128, 128);
    let figure = drawn(figure6, &digits, folder.path());
    // Five networks and chance; two depths; five times two runs of an epoch, and a row before it.
    assert_eq!(curves(&figure, 0).len(), 6);
    assert!(curves(&figure, 0).iter().all(|curve| curve.x == [6.0, 14.0]), "{:?}", curves(&figure, 0));
    assert_eq!(figure.sheets[0].rows.len(), 20);
    assert!(figure.title.contains("scale smoke") && figure.caption.contains("say nothing"));
    let csv = std::fs::read_to_string(folder.path().join("figure-6-epochs.csv")).unwrap();
    assert!(csv.starts_with("net,depth,") && csv.lines().count() == 21, "{csv}");
    // Drawn again, it takes all from the checkpoints.
    let again = drawn(figure6, &digits, folder.path());
    assert_eq!(
        (digests(&again), column(&again, "test_accuracy")),
        (digests(&figure), column(&figure, "test_accuracy"))
    );

    let at = |out: &Path| out.join("figure-6-smoke/resnet-14-seed1-run0");
    let read = |out: &Path| Checkpoint::read(&at(out), &digits).unwrap().unwrap();
    let whole = read(folder.path());
    let isa = Isa::Auto.kernel().unwrap();
    let mut begun = Run::new(whole.spec.clone(), &digits, isa, None).unwrap();
    begun.step().unwrap();
    begun.step().unwrap();
    begun.checkpoint().write(&at(other.path())).unwrap();
    let resumed = drawn(figure6, &digits, other.path());
    assert_eq!(digests(&resumed), digests(&figure));
    assert_eq!(read(other.path()), whole);
}

#[test]
fn another_experiment_in_the_folder_is_named() {
    let folder = TempDir::new().unwrap();
    let small = digits(128, 128);
    let at = folder.path().join("figure-6-smoke/crelu-looks-linear-6-seed1-run0");
    let isa = Isa::Auto.kernel().unwrap();
    Run::new(Spec { batch: 8, ..spec(Kind::Dense) }, &small, isa, None).unwrap().checkpoint().write(&at).unwrap();
    let engine = Engine::new(None, Isa::Auto, true).unwrap();
    let data_inputs = DataInputs { data: &small, scale: Scale::Smoke, out: folder.path() };
    let error = figure6(&FigureContext::new(&engine, 1, 1), &data_inputs).unwrap_err();
    assert!(error.message.contains("begun with other options"), "{error}");
}

#[test]
fn figure_5_measures_ranks_and_covariances() {
    let folder = TempDir::new().unwrap();
    let figure = drawn(figure5, &digits(100, 10), folder.path());
    assert_eq!(figure.panels.len(), 5);
    for panel in &figure.panels[..4] {
        let Body::Image { columns: 32, values, .. } = &panel.body else { panic!("{}: no image of 32", panel.title) };
        let diagonal: f64 = (0..32).map(|i| values[33 * i]).sum();
        assert!((diagonal / 32.0 - 1.0).abs() < 1e-9, "{}: mean square {}", panel.title, diagonal / 32.0);
        assert!((0..32).all(|i| (0..32).all(|k| values[32 * i + k] == values[32 * k + i])), "{}", panel.title);
    }
    let [plain, resnet] = curves(&figure, 4) else { panic!("two curves") };
    for curve in [plain, resnet] {
        assert_eq!(curve.x, [2.0, 4.0, 10.0]);
        assert!(curve.y.iter().all(|y| (0.0..1.5).contains(y)), "{curve:?}");
    }
    // Skips have no place in the network of two layers.
    assert_eq!(plain.y[0], resnet.y[0]);
    assert_ne!(plain.y[2], resnet.y[2]);
    assert_eq!(figure.sheets[0].rows.len(), 2 * 3 * 2);
    assert_eq!(digests(&drawn(figure5, &digits(100, 10), folder.path())), digests(&figure));
}

#[test]
fn fashion_shows_every_run() {
    let folder = TempDir::new().unwrap();
    let figure = drawn(fashion, &digits(128, 128), folder.path());
    assert_eq!(figure.panels.len(), 10);
    for panel in 0..10 {
        let [run] = curves(&figure, panel) else { panic!("one run") };
        assert_eq!((run.x.as_slice(), run.label.as_str()), ([0.0, 4.0, 8.0].as_slice(), "run 0"));
    }
    assert!(folder.path().join("fashion-epochs.csv").exists());
}

fn spec(kind: Kind) -> Spec {
    let line = "{\"net\":{\"kind\":\"dense\",\"depth\":6,\"width\":16,\"activation\":\"crelu\",\"slope\":1.0,\"init\":\"looks-linear\",\
                \"batch-norm\":false,\"skips\":\"none\",\"beta\":1.0,\"dropout\":0.0},\"scaling\":\"standard\",\"shift\":0,\"flip\":false,\
                \"seed\":1,\"run\":0,\"batch\":16,\"epochs\":2,\"optimiser\":\"adam\",\"rate\":0.003,\"momentum\":0.9,\"betas\":[0.9,0.999],\
                \"eps\":1e-6,\"decay\":0.0,\"decoupled\":false,\"clip-norm\":0.0,\"clip-value\":0.0,\"warm-up\":0,\"schedule\":\"never\",\
                \"steps\":[],\"factor\":0.1,\"patience\":5,\"threshold\":0.0,\"drops\":2}";
    let spec: Spec = serde_json::from_str(line).unwrap();
    assert_eq!(spec.probe_every, 0, "specs of before have no probes");
    Spec { net: Net { kind, ..spec.net.clone() }, ..spec }
}

/// A linear network has one gradient for all examples; a rectified one has not. Resumed runs see the same.
#[test]
fn probes_see_gradients_and_outlive_a_checkpoint() {
    let digits = digits(64, 8);
    let isa = Isa::Auto.kernel().unwrap();
    let spec = Spec { probe_every: 3, ..spec(Kind::Dense) };
    let mut whole = Run::new(spec.clone(), &digits, isa, None).unwrap();
    let (folder, mut restored) = (TempDir::new().unwrap(), None);
    while !whole.is_done() {
        whole.step().unwrap();
        if whole.model().step == 5 {
            whole.checkpoint().write(folder.path()).unwrap();
            restored = Checkpoint::read(folder.path(), &digits).unwrap();
        }
    }
    let probes = whole.metrics().probes.clone();
    assert_eq!(probes.iter().map(|probe| probe.step).collect::<Vec<_>>(), [0, 3, 6]);
    let (correlation, rank) = (probes[0].absolute_correlation.unwrap(), probes[0].effective_rank.unwrap());
    assert!(correlation > 1.0 - 1e-5 && (rank - 1.0).abs() < 1e-4, "{probes:?}");
    assert!(probes[2].absolute_correlation.unwrap() < correlation);
    let mut resumed = Run::new(spec.clone(), &digits, isa, restored).unwrap();
    while !resumed.is_done() {
        resumed.step().unwrap();
    }
    assert_eq!(resumed.checkpoint(), whole.checkpoint());
    whole.metrics().write(folder.path()).unwrap();
    let csv = std::fs::read_to_string(folder.path().join("probes.csv")).unwrap();
    assert!(csv.starts_with("step,absolute_correlation,effective_rank,relative_effective_rank\n0,"), "{csv}");
    assert_eq!(std::fs::read_to_string(folder.path().join("probes.jsonl")).unwrap().lines().count(), 3);
    // Looking changes nothing.
    let mut unseen = Run::new(Spec { probe_every: 0, ..spec }, &digits, isa, None).unwrap();
    while !unseen.is_done() {
        unseen.step().unwrap();
    }
    assert_eq!(unseen.model(), whole.model());
}

#[test]
fn stacks_have_the_paper_s_depths() {
    let image = digits(1, 1).image;
    let net = |depth, skips| Net {
        kind: Kind::Stack,
        depth,
        width: 3,
        activation: Activation::Relu,
        init: Init::He,
        skips,
        beta: 0.1,
        ..spec(Kind::Stack).net
    };
    use shatterscope_layers::Layer;
    for depth in [2u32, 4, 10, 24, 50] {
        let [twos, threes] = [2, 3].map(|each| (depth - 2).div_ceil(each));
        for (skips, blocks) in [(Skips::None, 0), (Skips::Resnet, twos), (Skips::Bottleneck, threes)] {
            let layers = net(depth, skips).layers(image, 10).unwrap();
            let count = |of: fn(&Layer) -> bool| layers.iter().filter(|layer| of(layer)).count() as u32;
            assert_eq!(count(|layer| matches!(layer, Layer::Conv { .. })), depth - 1);
            assert_eq!(count(|layer| matches!(layer, Layer::Dense { .. })), 1);
            assert_eq!(count(|layer| matches!(layer, Layer::Relu { .. })), depth - 1);
            assert_eq!(count(|layer| matches!(layer, Layer::Join { b, .. } if *b == 0.1)), blocks);
        }
    }
    assert!(net(1, Skips::None).layers(image, 10).is_err());
    let narrow: Vec<u32> = Net { width: 8, ..net(5, Skips::Bottleneck) }
        .layers(image, 10)
        .unwrap()
        .iter()
        .filter_map(|layer| if let Layer::Conv { conv, .. } = layer { Some(conv.channels) } else { None })
        .collect();
    assert_eq!(narrow, [8, 2, 2, 8]);
    assert!(Net { kind: Kind::Dense, ..net(5, Skips::Bottleneck) }.layers(image, 10).is_err());
}

/// A training as the second implementation has it: options, and what each epoch came to, or where NaN or infinity stood.
#[derive(serde::Deserialize)]
struct Golden {
    name: String,
    train: usize,
    test: usize,
    options: serde_json::Map<String, serde_json::Value>,
    epochs: Vec<serde_json::Value>,
}

/// The spec that options mean, by way of the command line.
fn spec_of(options: &serde_json::Map<String, serde_json::Value>) -> Spec {
    let mut words = vec!["shatterscope".to_owned(), "train".to_owned()];
    for (name, value) in options {
        let name = format!("--{}", name.replace('_', "-"));
        let text = |value: &serde_json::Value| value.to_string().trim_matches('"').to_owned();
        match value {
            serde_json::Value::Bool(given) => words.extend(given.then_some(name)),
            serde_json::Value::Array(values) if name == "--at" || name == "--freeze" => {
                words.extend([name, values.iter().map(text).collect::<Vec<_>>().join(",")]);
            }
            serde_json::Value::Array(values) => words.extend(std::iter::once(name).chain(values.iter().map(text))),
            value => words.push(format!("{name}={}", text(value))),
        }
    }
    match Cli::of_words(words.into_iter().map(Into::into)).command {
        cli::Command::Train(train) => train.spec().unwrap(),
        other => panic!("{other:?}"),
    }
}

/// Every figure of every epoch, to the bit, on the smallest and on the widest registers.
#[test]
fn trainings_agree_with_the_second_implementation() {
    let goldens: Vec<Golden> = serde_json::from_str(include_str!("../../tests/goldens-training.json")).unwrap();
    assert!(goldens.len() >= 13, "the golden file is complete");
    agree(goldens);
}

/// What `docs/strict1_training.py draw` wrote to the file that `SHATTERSCOPE_TRAININGS` names.
#[test]
#[ignore = "needs a file of trainings: cargo xtask test --long"]
fn drawn_trainings_agree_with_the_second_implementation() {
    let path = std::env::var_os("SHATTERSCOPE_TRAININGS").expect("SHATTERSCOPE_TRAININGS names a file");
    let goldens: Vec<Golden> = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    assert!(!goldens.is_empty());
    agree(goldens);
}

fn agree(goldens: Vec<Golden>) {
    for Golden { name, train, test, options, epochs } in goldens {
        let (data, spec) = (digits(train, test), spec_of(&options));
        for isa in [Isa::Only(kernel::Isa::Portable), Isa::Auto] {
            let mut run = Run::new(spec.clone(), &data, isa.kernel().unwrap(), None).unwrap();
            let mut failed = None;
            while !run.is_done() && failed.is_none() {
                failed = run.step().err();
            }
            let found = run.metrics().epochs.iter().map(|epoch| {
                serde_json::json!({
                    "rate": f64::from(epoch.rate), "loss": epoch.loss, "accuracy": epoch.accuracy,
                    "gradient_norm": epoch.gradient_norm, "test_loss": epoch.test_loss,
                    "test_accuracy": epoch.test_accuracy, "digest": epoch.digest,
                })
            });
            let (done, fault): (Vec<_>, Vec<_>) = epochs.iter().partition(|epoch| epoch.is_object());
            for (i, (found, expected)) in found.zip(&done).enumerate() {
                assert_eq!(found, **expected, "{name}, epoch {}, {isa:?}", i + 1);
            }
            assert_eq!(run.metrics().epochs.len(), done.len(), "{name}");
            // "epoch E, step S: PASS LAYER"
            match (failed, fault.first().and_then(|fault| fault.as_str()).map(|fault| fault.rsplit_once(' ').unwrap()))
            {
                (None, None) => {}
                (Some(failed), Some((at, layer))) => {
                    let (step, pass) = at.rsplit_once(' ').unwrap();
                    let said = failed.to_string();
                    assert!(said.starts_with(step) && said.contains(&format!("{pass} pass")), "{name}: {said}");
                    // Addresses count from 1, the names of nodes from 0.
                    let node = format!("first at node {}.", layer.parse::<u32>().unwrap() - 1);
                    assert!(said.contains(&node), "{name}: {said}");
                }
                (failed, fault) => panic!("{name}: {failed:?}, {fault:?}"),
            }
        }
    }
}

#[test]
fn what_lacks_its_data_says_so_in_one_line() {
    for (figure, file) in [("5", "data_batch_1.bin"), ("6", "data_batch_1.bin"), ("fashion", "train-images-idx3-ubyte")]
    {
        let (code, _, error) = shatterscope(&format!("figures {figure}"));
        assert_eq!((code, error.lines().count()), (Some(2), 1), "{error}");
        assert!(error.contains(file) && error.contains("--data"), "{error}");
    }
    // Grey images are no CIFAR-10.
    let folder = TempDir::new().unwrap();
    let header = |magic: u32, dimensions: &[u32]| -> Vec<u8> {
        std::iter::once(&magic).chain(dimensions).flat_map(|word| word.to_be_bytes()).collect()
    };
    for name in ["train", "t10k"] {
        let (mut images, mut labels) = (header(0x803, &[40, 4, 4]), header(0x801, &[40]));
        images.extend((0..640u32).map(|i| (i * i % 251) as u8));
        labels.extend((0..40u8).map(|i| i % 10));
        std::fs::write(folder.path().join(format!("{name}-images-idx3-ubyte")), images).unwrap();
        std::fs::write(folder.path().join(format!("{name}-labels-idx1-ubyte")), labels).unwrap();
    }
    let data = folder.path().display();
    let (code, _, error) = shatterscope(&format!("figures 6 --data {data}"));
    assert_eq!((code, error.lines().count()), (Some(2), 1), "{error}");
    assert!(error.contains(&format!("which {data} does not hold")), "{error}");
    let out = folder.path().join("out");
    let (code, text, error) =
        shatterscope(&format!("figures fashion --data {data} --scale smoke --json -q --out {}", out.display()));
    assert_eq!(code, Some(0), "{error}");
    let result: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(result["left_out"].as_array().unwrap().len(), 0);
    let page = std::fs::read_to_string(out.join("index.html")).unwrap();
    assert!(page.contains("fashion-epochs.csv") && page.contains("scale smoke"));
    // Results are never written over the data, under whatever name.
    let images = folder.path().join("train-images-idx3-ubyte");
    let before = std::fs::read(&images).unwrap();
    for (words, name) in [
        ("train -q --epochs 1 --batch 4 --out", "metrics.csv"),
        ("train -q --epochs 1 --batch 4 --steps 1 --record", "start.safetensors"),
        ("figures fashion -q --scale smoke --out", "fashion.csv"),
    ] {
        let out = TempDir::new_in(&folder).unwrap();
        std::fs::hard_link(&images, out.path().join(name)).unwrap();
        let (code, _, error) = shatterscope(&format!("{words} {} --data {data}", out.path().display()));
        assert_eq!((code, error.lines().count()), (Some(2), 1), "{error}");
        assert!(error.contains(name) && error.contains("is the input"), "{error}");
        assert_eq!(std::fs::read_dir(&out).unwrap().count(), 1);
    }
    assert_eq!(std::fs::read(&images).unwrap(), before);
}

#[test]
fn train_probes_and_goes_on() {
    let folder = TempDir::new().unwrap();
    let out = folder.path().display();
    let line = format!("train --depth 3 --width 8 --batch 500 --epochs 1 --probe-every 2 --out {out} -q --json");
    let (code, text, error) = shatterscope(&line);
    assert_eq!(code, Some(0), "{error}");
    let result: serde_json::Value = serde_json::from_str(&text).unwrap();
    let steps = |result: &serde_json::Value| {
        result["probes"].as_array().unwrap().iter().map(|probe| probe["step"].as_u64().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(steps(&result), [0, 2]);
    let (code, text, error) = shatterscope(&format!("{line} --resume --epochs 2"));
    assert_eq!(code, Some(0), "{error}");
    assert_eq!(steps(&serde_json::from_str(&text).unwrap()), [0, 2, 4, 6]);
    let csv = std::fs::read_to_string(folder.path().join("probes.csv")).unwrap();
    assert_eq!(csv.lines().count(), 5);
}
