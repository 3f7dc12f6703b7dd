use super::learning::{DataInputs, Job, Scale, TrainedNetwork, data_provenance, learn, part, sheet};
use super::{FigureContext, choice, provenance};
use crate::Result;
use crate::plot::{Body, Curve, Figure, Panel, Table};
use crate::train::{Activation, Init, Kind, Net, Skips, Spec};

const DEPTH: u32 = 200;
const RATES: [f32; 5] = [1e-5, 3e-5, 1e-4, 3e-4, 1e-3];
/// (legend, folder, ReLU, initialisation, width): as many parameters.
const NETS: [(&str, &str, Activation, Init, u32); 2] = [
    ("CReLU, looks-linear", "crelu-looks-linear", Activation::Crelu, Init::LooksLinear, 64),
    ("ReLU, He", "relu-he", Activation::Relu, Init::He, 91),
];

/// What a scale means here.
struct Size {
    depth: u32,
    batch: u32,
    epochs: u32,
    runs: u32,
    train: usize,
    test: usize,
}

fn size(scale: Scale) -> Size {
    match scale {
        Scale::Smoke => Size { depth: 20, batch: 32, epochs: 2, runs: 1, train: 128, test: 128 },
        Scale::Subset => Size { depth: DEPTH, batch: 128, epochs: 10, runs: 3, train: 6_400, test: 2_000 },
        Scale::Full => Size { depth: DEPTH, batch: 128, epochs: 20, runs: 3, train: usize::MAX, test: usize::MAX },
    }
}

/// Dense networks of 200 layers without skips on small grey images: accuracy against steps, by learning rate.
///
/// # Errors
/// Checkpoints of other options or data, files that cannot be written; networks that diverge are part of the answer.
pub fn fashion(context: &FigureContext, data_inputs: &DataInputs) -> Result<Figure> {
    let size = size(data_inputs.scale);
    let data = part(data_inputs.data, size.train, size.test);
    let mut jobs = Vec::new();
    for (label, folder, activation, init, width) in NETS {
        for rate in RATES {
            for run in 0..size.runs {
                let net = Net {
                    kind: Kind::Dense,
                    depth: size.depth,
                    width,
                    activation,
                    slope: 1.0,
                    init,
                    batch_norm: false,
                    skips: Skips::None,
                    beta: 1.0,
                    dropout: 0.0,
                };
                let folder = format!("{folder}-{rate:e}-seed{}-run{run}", context.seed);
                let spec = Spec { seed: context.seed, run, ..Spec::adam(net, size.batch, size.epochs, rate) };
                jobs.push(Job { label: label.to_owned(), folder, spec });
            }
        }
    }
    let trained = learn(context, data_inputs, &data, "fashion", jobs)?;
    let mut provenance = provenance(context);
    provenance.extend(data_provenance(&data, data_inputs.scale));
    let mut panels = Vec::new();
    for (label, ..) in NETS {
        for rate in RATES {
            let these = trained.iter().filter(|one| one.label == label && one.spec.rate == rate);
            panels.push(Panel {
                title: format!("{label}, {rate:e}"),
                x_label: "steps".into(),
                y_label: "test accuracy".into(),
                y_range: Some((0.0, 1.0)),
                body: Body::Curves { curves: these.map(curve).collect() },
            });
        }
    }
    let note = match data_inputs.scale {
        Scale::Smoke => {
            format!(
                "Scale smoke: networks of {} layers and a few steps on a few images, to see that all of it runs. These numbers say \
                 nothing about the networks.",
                size.depth
            )
        }
        Scale::Subset => format!(
            "Scale subset: {} images to train on, {} to test with, {} epochs.",
            data.train.len(),
            data.test.len(),
            size.epochs
        ),
        Scale::Full => format!("Scale full: all images, {} epochs.", size.epochs),
    };
    Ok(Figure {
        name: "fashion".into(),
        title: format!(
            "{} dense layers without skips on {}, scale {}",
            size.depth,
            data.name,
            data_inputs.scale.name()
        ),
        caption: format!(
            "Share of the test part whose class is found, against steps of {} images, at five learning rates of Adam, {} \
             run{} each, every one drawn. Above, CReLU networks of width 64 that begin linear; below, plain ReLU \
             networks of width 91 with He's initialisation: about as many parameters. A curve that ends before the others \
             diverged there, and its legend says so.\n\n{note}",
            size.batch,
            size.runs,
            if size.runs == 1 { "" } else { "s" }
        ),
        choices: vec![
            choice(
                "Not in the paper",
                "the data, the dense networks of 200 layers and the rates",
                "the paper shows dense networks of 40 layers at most; these images need no convolutions and fit the claim \
                 at its full depth",
            ),
            choice(
                "Learning rates",
                "1e-5 to 1e-3, the same for all depths and both networks",
                "a rate that suits one network may be another's ruin: each may choose its best",
            ),
        ],
        columns: RATES.len(),
        panels,
        provenance,
        ran: context.ran.take(),
        sheets: vec![sheet(&trained)],
        tables: vec![table(&trained)],
    })
}

/// From before the first step on.
fn curve(one: &TrainedNetwork) -> Curve {
    let label = match one.diverged {
        Some(_) => format!("run {} (diverged)", one.spec.run),
        None => format!("run {}", one.spec.run),
    };
    let steps = one.epochs.iter().map(|epoch| f64::from(epoch.step));
    let right = one.epochs.iter().map(|epoch| epoch.test_accuracy);
    Curve {
        label,
        x: std::iter::once(0.0).chain(steps).collect(),
        y: std::iter::once(one.before).chain(right).collect(),
        spread: None,
        dashed: false,
    }
}

fn table(trained: &[TrainedNetwork]) -> Table {
    let row = |one: &TrainedNetwork| {
        let best = one.epochs.iter().map(|epoch| epoch.test_accuracy).fold(one.before, f64::max);
        let end = match (&one.diverged, one.accuracy()) {
            (Some(why), _) => format!("diverged: {why}"),
            (None, Some(accuracy)) => format!("{:.1}%", 100.0 * accuracy),
            (None, None) => "not trained".to_owned(),
        };
        vec![
            one.label.clone(),
            one.parameters.to_string(),
            format!("{:e}", one.spec.rate),
            format!("{}/{}", one.spec.seed, one.spec.run),
            format!("{:.1}%", 100.0 * best),
            end,
        ]
    };
    let head = ["Network", "Parameters", "Rate", "Seed/run", "Best test accuracy", "At the end"];
    Table { title: "Every run".into(), head: head.map(String::from).into(), rows: trained.iter().map(row).collect() }
}
