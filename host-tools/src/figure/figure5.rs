use super::clusters::{by_group, k_means, products};
use super::learning::{DataInputs, Scale, data_provenance};
use super::{FigureContext, choice, provenance};
use crate::data::{Inputs, Loader};
use crate::plot::{Body, Curve, Figure, Panel, Ran, Sheet};
use crate::progress::Progress;
use crate::rank::gaussian_rank;
use crate::train::{Activation, Init, Kind, Net, Scalar, Skips, Spec, load, machine, probed};
use crate::{Failure, Result};
use shatterscope::contract::Digest;
use shatterscope::exec::Isa;
use shatterscope::train::shuffle;

const DEPTHS: [u32; 5] = [2, 4, 10, 24, 50];
const GROUPS: usize = 10;
const BETA: f32 = 0.1;
/// (legend, skips)
const NETS: [(&str, Skips); 2] = [("feedforward", Skips::None), ("resnet, beta 0.1", Skips::Resnet)];

/// What a scale means here.
struct Size {
    depths: &'static [u32],
    width: u32,
    examples: u32,
    minibatches: u32,
}

fn size(scale: Scale) -> Size {
    match scale {
        Scale::Smoke => Size { depths: &DEPTHS[..3], width: 4, examples: 32, minibatches: 2 },
        Scale::Subset => Size { depths: &DEPTHS, width: 16, examples: 256, minibatches: 5 },
        Scale::Full => Size { depths: &DEPTHS, width: 16, examples: 256, minibatches: 30 },
    }
}

/// What one network and depth came to.
struct Measured {
    label: &'static str,
    depth: u32,
    /// (minibatch, |correlation|, effective rank, relative)
    rows: Vec<(u32, Option<f64>, f64, f64)>,
    /// Of the first minibatch, scaled alike.
    first: Vec<Vec<f64>>,
}

/// Figure 5: covariance of the input gradients of one minibatch, and their effective rank against depth.
///
/// # Errors
/// NaN or infinity, with the network; gradients that are zero.
pub fn figure5(context: &FigureContext, data_inputs: &DataInputs) -> Result<Figure> {
    let size = size(data_inputs.scale);
    let data = data_inputs.data;
    let examples = size.examples.min(data.train.len() as u32);
    let units = data.image.units().unwrap_or(0);
    let gaussian = gaussian_rank(examples as usize, units as usize)
        .ok_or_else(|| Failure::failed("figure 5: no images, no gradients"))?;
    let work: u32 = size.depths.iter().sum();
    let progress =
        Progress::new("figure 5", u64::from(work * size.minibatches) * NETS.len() as u64, context.engine.quiet);
    let mut measured = Vec::new();
    for (label, skips) in NETS {
        for &depth in size.depths {
            let (isa, seed) = (context.engine.isa, context.seed);
            let one = || measure((isa, seed), data_inputs, &size, (label, skips, depth), gaussian, &progress);
            let (one, ran) = context.engine.install(one)??;
            measured.push(one);
            context.ran.borrow_mut().push(ran);
        }
    }
    let first = measured.first().ok_or_else(|| Failure::failed("figure 5: no network"))?;
    let order = by_group(&k_means(&first.first, GROUPS, context.seed));
    let ends = [size.depths[0], size.depths[size.depths.len() - 1]];
    let mut panels = Vec::new();
    for (label, _) in NETS {
        for depth in ends {
            let one = measured.iter().find(|one| one.label == label && one.depth == depth);
            panels.extend(one.map(|one| image(one, &order)));
        }
    }
    let curves = NETS.iter().map(|net| curve(net.0, &measured)).collect();
    panels.push(Panel {
        title: "Relative effective rank".into(),
        x_label: "layers".into(),
        y_label: "rank / that of Gaussian noise".into(),
        y_range: None,
        body: Body::Curves { curves },
    });
    let mut provenance = provenance(context);
    provenance.extend(data_provenance(data, data_inputs.scale));
    provenance.push(("effective rank of Gaussian matrices".into(), format!("{gaussian:.3}, {examples} x {units}")));
    Ok(Figure {
        name: "figure-5".into(),
        title: format!("Figure 5: gradients of convnets at initialisation, scale {}", data_inputs.scale.name()),
        caption: caption(&size, examples, units, data_inputs.scale),
        choices: choices(&size),
        columns: 5,
        panels,
        provenance,
        ran: context.ran.take(),
        sheets: vec![sheet(&measured)],
        tables: Vec::new(),
    })
}

/// A network's spec; no step of it is taken.
fn spec(depth: u32, width: u32, skips: Skips, seed: u64, run: u32, batch: u32) -> Spec {
    let net = Net {
        kind: Kind::Stack,
        depth,
        width,
        activation: Activation::Relu,
        slope: 1.0,
        init: Init::He,
        batch_norm: true,
        skips,
        beta: BETA,
        dropout: 0.0,
    };
    Spec { seed, run, ..Spec::adam(net, batch, 0, 150e-6) }
}

fn measure(
    (isa, seed): (Isa, u64),
    data_inputs: &DataInputs,
    size: &Size,
    (label, skips, depth): (&'static str, Skips, u32),
    gaussian: f64,
    progress: &Progress,
) -> Result<(Measured, Ran)> {
    let data = data_inputs.data;
    let examples = size.examples.min(data.train.len() as u32);
    let inputs = Inputs::of(data, crate::data::Scaling::Standard);
    let loader = Loader::train(data, &inputs)?;
    let mut order = vec![0; data.train.len()];
    // So many minibatches share a shuffle.
    let each = (data.train.len() as u32 / examples.max(1)).max(1);
    let (mut rows, mut first, mut digest) = (Vec::new(), Vec::new(), Digest::new());
    let whole = spec(depth, size.width, skips, seed, 0, examples);
    let layers = whole.net.layers(data.image, data.classes)?;
    let mut machine = machine(&layers, &[], examples, isa, seed)?;
    for minibatch in 0..size.minibatches {
        let model = Spec { run: minibatch, ..whole.clone() }.model(data)?;
        shuffle(seed, minibatch / each, &mut order)?;
        let at = (minibatch % each * examples) as usize;
        let batch = load(&loader, &order[at..at + examples as usize], machine.tile())?;
        let gradient = machine.input_gradient(&model, &batch, Scalar::Outputs).map_err(|error| Failure {
            message: format!("figure 5, {label}, {depth} layers, minibatch {minibatch}: {error}"),
            ..error
        })?;
        let seen = probed(&gradient, examples as usize, Some(gaussian), 0);
        let (Some(rank), Some(relative)) = (seen.effective_rank, seen.relative_effective_rank) else {
            return Err(Failure::failed(format!(
                "figure 5, {label}, {depth} layers, minibatch {minibatch}: gradients are zero or not finite"
            )));
        };
        rows.push((minibatch, seen.absolute_correlation, rank, relative));
        for &g in &gradient {
            digest.push_bytes(&shatterscope::contract::canonical_bits(g).to_le_bytes());
        }
        if minibatch == 0 {
            first = scaled(&gradient, examples as usize);
        }
        progress.add(u64::from(depth));
    }
    let ran = Ran {
        what: format!("figure 5, {label}"),
        network: whole.net.describe(),
        runs: size.minibatches,
        digest: digest.to_string(),
        spec: serde_json::to_value(&whole).unwrap_or_default(),
    };
    Ok((Measured { label, depth, rows, first }, ran))
}

/// One vector an example, their mean square length 1.
fn scaled(gradient: &[f32], examples: usize) -> Vec<Vec<f64>> {
    let mean = gradient.iter().map(|&g| f64::from(g) * f64::from(g)).sum::<f64>() / examples.max(1) as f64;
    let inv = 1.0 / mean.sqrt();
    let units = gradient.len() / examples.max(1);
    gradient.chunks_exact(units.max(1)).map(|g| g.iter().map(|&g| f64::from(g) * inv).collect()).collect()
}

fn image(one: &Measured, order: &[usize]) -> Panel {
    let values = products(&one.first, order).into_iter().map(f64::abs).collect();
    let n = order.len() as f64;
    Panel {
        title: format!("{}, {} layers", one.label.split(',').next().unwrap_or(one.label), one.depth),
        x_label: "example, by group".into(),
        y_label: "example, by group".into(),
        y_range: None,
        body: Body::Image {
            x: (0.0, n),
            y: (0.0, n),
            columns: order.len(),
            values,
            clip: 1.0,
            ends: ("0".into(), "\u{2265} 1".into()),
        },
    }
}

fn curve(label: &str, measured: &[Measured]) -> Curve {
    let (mut x, mut y, mut spread) = (Vec::new(), Vec::new(), Vec::new());
    for one in measured.iter().filter(|one| one.label == label) {
        let n = one.rows.len() as f64;
        let mean = one.rows.iter().map(|row| row.3).sum::<f64>() / n;
        let variance = one.rows.iter().map(|row| (row.3 - mean).powi(2)).sum::<f64>() / (n - 1.0).max(1.0);
        x.push(f64::from(one.depth));
        y.push(mean);
        spread.push((variance / n).sqrt());
    }
    Curve { label: label.into(), x, y, spread: Some(spread), dashed: false }
}

fn sheet(measured: &[Measured]) -> Sheet {
    let row = |one: &Measured, row: &(u32, Option<f64>, f64, f64)| {
        let &(minibatch, correlation, rank, relative) = row;
        let correlation = correlation.map(|value| value.to_string()).unwrap_or_default();
        let numbers =
            [one.depth.to_string(), minibatch.to_string(), correlation, rank.to_string(), relative.to_string()];
        std::iter::once(one.label.to_owned()).chain(numbers).collect::<Vec<_>>()
    };
    Sheet {
        name: "ranks".into(),
        about: "one row for each network and minibatch: its kind, depth and the minibatch, which is also the run that its weights are \
                drawn in; mean of |g_i . g_k| / (|g_i| |g_k|) over pairs of examples; effective rank; and that over the rank of \
                Gaussian noise."
            .into(),
        head: ["net", "depth", "minibatch", "absolute_correlation", "effective_rank", "relative_effective_rank"]
            .map(String::from)
            .into(),
        rows: measured.iter().flat_map(|one| one.rows.iter().map(move |r| row(one, r))).collect(),
    }
}

fn caption(size: &Size, examples: u32, units: u32, scale: Scale) -> String {
    let note = match scale {
        Scale::Smoke => {
            "Scale smoke: narrow networks, few layers, few examples, to see that all of it runs. These numbers say nothing about the \
             networks."
        }
        Scale::Subset => "Scale subset: the networks and minibatches of the full figure, fewer of the latter.",
        Scale::Full => "Scale full: as many minibatches as in the paper.",
    };
    format!(
        "Images: |g_i . g_k| over the mean of |g_i|^2, of the gradients with respect to the {units} pixels of {examples} images of one \
         minibatch, at initialisation; examples are in the order of {GROUPS} groups that k-means finds in the gradients of the shallow \
         feedforward network, the same order in all. Blocks are images whose gradients resemble each other.\n\n\
         Curves: effective rank tr(A^T A) / ||A||^2 of the matrix of those gradients over that of Gaussian noise of its shape, mean of \
         {} minibatches, each with weights of its own; bands of one standard error. 1 is white noise.\n\n{note}",
        size.minibatches
    )
}

fn choices(size: &Size) -> Vec<crate::plot::Choice> {
    vec![
        choice(
            "The gradient",
            "of the sum of the ten outputs, before softmax",
            "the paper's is d(output)/d(input); the gradient of the loss would have the labels in it",
        ),
        choice(
            "Networks",
            &format!(
                "3x3 convolutions of {} channels at the images' size, batch norm and ReLU between them, a dense readout; depth counts all, \
                 a skip over two convolutions",
                size.width
            ),
            "the paper's widths and pools are not printed",
        ),
        choice(
            "Batch norm",
            "statistics of the minibatch, differentiated through",
            "as a step of training would have it",
        ),
        choice("Mean gradient", "not removed", "the rank of the paper is that of the matrix as it is"),
        choice("k-means", "k-means++, seeded by position", "the paper's start is not printed"),
    ]
}
