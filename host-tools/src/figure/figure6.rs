use super::learning::{DataInputs, Job, Scale, TrainedNetwork, data_provenance, learn, part, sheet};
use super::{FigureContext, choice, provenance};
use crate::Result;
use crate::plot::{Body, Choice, Curve, Figure, Panel, Table};
use crate::train::{Activation, Init, Kind, Net, Schedule, Skips, Spec};
use std::borrow::Cow;

const DEPTHS: [u32; 6] = [6, 14, 30, 62, 102, 198];

/// (legend, folder, ReLU, initialisation, skips)
const NETS: [(&str, &str, Activation, Init, Skips); 5] = [
    ("CReLU, looks-linear", "crelu-looks-linear", Activation::Crelu, Init::LooksLinear, Skips::None),
    ("CReLU, He", "crelu-he", Activation::Crelu, Init::He, Skips::None),
    ("resnet", "resnet", Activation::Relu, Init::He, Skips::Highway),
    ("ReLU, He", "relu-he", Activation::Relu, Init::He, Skips::None),
    ("PReLU from slope 1", "prelu-from-1", Activation::Prelu, Init::Orthogonal, Skips::None),
];

/// What a scale means here.
struct Size {
    depths: &'static [u32],
    batch: u32,
    epochs: u32,
    runs: u32,
    /// Shifts, flips, dropout and falling rates.
    all: bool,
    examples: Option<(usize, usize)>,
}

fn size(scale: Scale) -> Size {
    match scale {
        Scale::Smoke => {
            Size { depths: &DEPTHS[..2], batch: 32, epochs: 1, runs: 1, all: false, examples: Some((128, 128)) }
        }
        Scale::Subset => {
            Size { depths: &DEPTHS, batch: 64, epochs: 10, runs: 3, all: false, examples: Some((5_120, 1_024)) }
        }
        Scale::Full => Size { depths: &DEPTHS, batch: 256, epochs: 200, runs: 1, all: true, examples: None },
    }
}

/// Figure 6: test accuracy against depth, of convnets that begin linear, of resnets and of plain ones.
///
/// # Errors
/// Checkpoints of other options or data, files that cannot be written; networks that diverge are part of the answer.
pub fn figure6(context: &FigureContext, data_inputs: &DataInputs) -> Result<Figure> {
    let size = size(data_inputs.scale);
    let data = match size.examples {
        Some((train, test)) => Cow::Owned(part(data_inputs.data, train, test)),
        None => Cow::Borrowed(data_inputs.data),
    };
    let mut jobs = Vec::new();
    for (label, folder, activation, init, skips) in NETS {
        for &depth in size.depths {
            jobs.extend((0..size.runs).map(|run| Job {
                label: label.to_owned(),
                folder: format!("{folder}-{depth}-seed{}-run{run}", context.seed),
                spec: spec(net(activation, init, skips, depth), &size, context.seed, run),
            }));
        }
    }
    let trained = learn(context, data_inputs, &data, "figure-6", jobs)?;
    let mut provenance = provenance(context);
    provenance.extend(data_provenance(&data, data_inputs.scale));
    let chance = 1.0 / f64::from(data.classes.max(1));
    let panel = |title: &str, y_label: &str, of: &dyn Fn(&TrainedNetwork) -> Option<f64>| {
        let mut curves: Vec<Curve> = NETS.iter().filter_map(|net| curve(net.0, &trained, of)).collect();
        let ends = [size.depths[0], size.depths[size.depths.len() - 1]].map(f64::from);
        curves.push(Curve { label: "chance".into(), x: ends.to_vec(), y: vec![chance; 2], spread: None, dashed: true });
        Panel {
            title: title.into(),
            x_label: "layers".into(),
            y_label: y_label.into(),
            y_range: None,
            body: Body::Curves { curves },
        }
    };
    let alive = |one: &TrainedNetwork, of: fn(&crate::train::Epoch) -> f64| {
        one.diverged.is_none().then(|| one.epochs.last().map(of)).flatten()
    };
    Ok(Figure {
        name: "figure-6".into(),
        title: format!("Figure 6: accuracy against depth, scale {}", data_inputs.scale.name()),
        caption: caption(data_inputs.scale, &size, &trained),
        choices: choices(&size),
        columns: 2,
        panels: vec![
            panel("(a) Test accuracy", "share of right answers", &TrainedNetwork::accuracy),
            panel("(b) Training accuracy, last epoch", "share of right answers", &|one| alive(one, |e| e.accuracy)),
        ],
        provenance,
        ran: context.ran.take(),
        sheets: vec![sheet(&trained)],
        tables: vec![table(&trained)],
    })
}

fn net(activation: Activation, init: Init, skips: Skips, depth: u32) -> Net {
    Net {
        kind: Kind::Convnet,
        depth,
        width: 8,
        activation,
        slope: 1.0,
        init,
        batch_norm: false,
        skips,
        beta: 1.0,
        dropout: 0.0,
    }
}

fn spec(net: Net, size: &Size, seed: u64, run: u32) -> Spec {
    let plain = Spec { seed, run, ..Spec::adam(net, size.batch, size.epochs, 150e-6) };
    if !size.all {
        return plain;
    }
    let net = Net { dropout: 0.0012, ..plain.net };
    let steps = vec![size.epochs / 2, size.epochs * 3 / 4, size.epochs * 7 / 8];
    Spec { net, shift: 4, flip: true, schedule: Schedule::Steps, steps, ..plain }
}

/// Means over the runs of each depth, a standard deviation around them where there are several; None where nothing can be drawn.
fn curve(label: &str, trained: &[TrainedNetwork], of: &dyn Fn(&TrainedNetwork) -> Option<f64>) -> Option<Curve> {
    let (mut x, mut y, mut spread, mut lost) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for &depth in &DEPTHS {
        let of_depth: Vec<_> = trained.iter().filter(|one| one.label == label && one.spec.net.depth == depth).collect();
        if of_depth.iter().any(|one| one.diverged.is_some()) {
            lost.push(depth.to_string());
        }
        let values: Vec<f64> = of_depth.iter().filter_map(|one| of(one)).collect();
        if !values.is_empty() {
            let n = values.len() as f64;
            let mean = values.iter().sum::<f64>() / n;
            x.push(f64::from(depth));
            y.push(mean);
            spread.push((values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1.0).max(1.0)).sqrt());
        }
    }
    let label = if lost.is_empty() { label.to_owned() } else { format!("{label} (diverged at {})", lost.join(", ")) };
    (!y.is_empty()).then_some(Curve { label, x, y, spread: Some(spread), dashed: false })
}

fn caption(scale: Scale, size: &Size, trained: &[TrainedNetwork]) -> String {
    let how = match scale {
        Scale::Smoke => {
            "Scale smoke: a few steps on a few images, to see that all of it runs. These numbers say nothing about the networks."
        }
        Scale::Subset => {
            "Scale subset: the same few epochs for every network, without shifts, flips, dropout or falling rates, on a \
             tenth of CIFAR-10. It shows which networks begin to learn, not where they would end; the paper's \
             accuracies need scale full."
        }
        Scale::Full => "Scale full: the paper's context.",
    };
    let lost: Vec<_> = trained
        .iter()
        .filter_map(|one| {
            let why = one.diverged.as_ref()?;
            Some(format!("{}, {} layers, run {} ({why})", one.label, one.spec.net.depth, one.spec.run))
        })
        .collect();
    let lost = match lost.is_empty() {
        true => "None diverged.".to_owned(),
        false => format!("Diverged, and not in the curves: {}.", lost.join("; ")),
    };
    format!(
        "Share of CIFAR-10 images whose class is found, after {} epochs in batches of {}: convnets without batch norm, whose CReLU \
         networks have fewer channels, so that all have about as many parameters. Bands are one standard deviation over runs, where \
         there are several.\n\n{how}\n\n{lost}",
        size.epochs, size.batch
    )
}

fn choices(size: &Size) -> Vec<Choice> {
    let mut all = vec![
        choice(
            "Resnet",
            "x <- sqrt(1 - t^2) x + t F(x), two convolutions a skip, t = 2 / skips; no batch norm",
            "whether the paper's 2 / modules counts convolutions or skips is not printed; shortcuts between sections have no parameters",
        ),
        choice(
            "PReLU",
            "a slope a channel, 1 to begin with, that learns at the rate of the weights",
            "from 1 the network begins linear, as looks-linear does; one a channel is the first of He et al.'s two ways to share them",
        ),
        choice(
            "Learning rate",
            "150e-6 at every depth, Adam (0.9, 0.999, 1e-6)",
            "the paper's rate falls with depth by hand",
        ),
        choice(
            "Width",
            "8 channels, twice as many in each of four sections; CReLU floor(width / sqrt 2)",
            "the release's",
        ),
    ];
    if size.all {
        all.push(choice(
            "Rates",
            "an eighth at 1/2, 3/4 and 7/8 of the epochs",
            "the factor of these drops is not printed",
        ));
    } else {
        all.push(choice("Dropout, shifts, flips", "none", "in few epochs they only slow learning down"));
    }
    all
}

fn table(trained: &[TrainedNetwork]) -> Table {
    let percent = |x: f64| format!("{:.1}%", 100.0 * x);
    let row = |one: &TrainedNetwork| {
        let last = one.epochs.last();
        let end = match (&one.diverged, last) {
            (Some(why), _) => format!("diverged: {why}"),
            (None, Some(last)) => percent(last.test_accuracy),
            (None, None) => "not trained".to_owned(),
        };
        vec![
            one.label.clone(),
            one.spec.net.depth.to_string(),
            one.parameters.to_string(),
            format!("{}/{}", one.spec.seed, one.spec.run),
            percent(one.before),
            last.map_or_else(String::new, |last| percent(last.accuracy)),
            end,
        ]
    };
    let head = ["Network", "Layers", "Parameters", "Seed/run", "Test before", "Training, last epoch", "Test after"];
    Table { title: "Every run".into(), head: head.map(String::from).into(), rows: trained.iter().map(row).collect() }
}
