use super::networks::{DEPTH, NETWORKS, WIDTH, over_networks, three};
use super::{FigureContext, choice, provenance};
use crate::plot::{Body, Curve, Figure, Panel};
use crate::progress::Progress;
use crate::spec::Spec;
use crate::theory::{Draws, predict_coactivation};
use crate::{Failure, Result};

/// Figure 3: for how many inputs, and for how many pairs of inputs, a neuron is active, by layer.
///
/// # Errors
/// A run that meets NaN or infinity.
pub fn figure3(context: &FigureContext) -> Result<Figure> {
    let mut provenance = provenance(context);
    provenance.push(("networks".into(), NETWORKS.to_string()));
    let mut panels = Vec::new();
    for (title, spec) in three(context)? {
        panels.push(panel(context, title, &spec)?);
    }
    Ok(Figure {
        name: "figure-3".into(),
        title: "Figure 3: how often neurons are active, by layer".into(),
        caption: format!(
            "Share of the 256 grid points that a neuron is active for, and share of the pairs of distinct points that it is \
             active for both of, by layer: mean over the {WIDTH} neurons of a layer and {NETWORKS} networks, bands of one \
             standard error over networks. Dashed: the limit of infinite width, from arc-cosine kernels for (a), from \
             normalised Gaussian samples for (b) and (c).\n\n\
             A neuron is active for half of the points in every network. Independent halves would share a quarter of the \
             pairs: batch norm keeps them so, while without it the points align with depth and share ever more. The last \
             relu of the resnet stands before the readout, without a norm."
        ),
        choices: vec![
            choice(
                "Layers",
                "the preactivations of every ReLU, that before the readout included",
                "50 in each network",
            ),
            choice(
                "Resnet",
                "beta = 1",
                "the branch scale of this figure is not printed; a smaller one climbs more slowly to the same",
            ),
            choice("Pairs", "distinct ones", "with a point paired with itself all values would be .001 higher"),
        ],
        columns: 3,
        panels,
        provenance,
        ran: context.ran.take(),
        sheets: Vec::new(),
        tables: Vec::new(),
    })
}

fn panel(context: &FigureContext, title: &str, spec: &Spec) -> Result<Panel> {
    let mean = |shares: Vec<f64>| shares.iter().sum::<f64>() / shares.len() as f64;
    let shares = over_networks(context, &format!("figure 3 {title}"), spec, |rasters| {
        rasters.iter().map(|raster| [mean(raster.activation()), mean(raster.coactivation())]).collect::<Vec<_>>()
    })?;
    let limit =
        predict_coactivation(spec, Draws::BESIDE_RUNS, &Progress::new("figure 3, wide limit", 0, context.engine.quiet))
            .map_err(|why| Failure::failed(format!("figure 3: {why}")))?;
    let curves = vec![
        measured("active", &shares, 0),
        measured("co-active", &shares, 1),
        Curve { label: "co-active, wide limit".into(), x: layers(), y: limit.0, spread: None, dashed: true },
    ];
    Ok(Panel {
        title: title.into(),
        x_label: "layer".into(),
        y_label: "share of points, of pairs".into(),
        y_range: Some((0.2, 0.55)),
        body: Body::Curves { curves },
    })
}

fn layers() -> Vec<f64> {
    (1..=DEPTH).map(f64::from).collect()
}

/// Mean over networks by layer, with its standard error.
fn measured(label: &str, networks: &[Vec<[f64; 2]>], which: usize) -> Curve {
    let n = networks.len() as f64;
    let (mut mean, mut error) = (Vec::new(), Vec::new());
    for layer in 0..DEPTH as usize {
        let at = |network: &Vec<[f64; 2]>| network[layer][which];
        let m = networks.iter().map(at).sum::<f64>() / n;
        let square = networks.iter().map(|network| (at(network) - m).powi(2)).sum::<f64>();
        mean.push(m);
        error.push((square / (n * (n - 1.0))).sqrt());
    }
    Curve { label: label.into(), x: layers(), y: mean, spread: Some(error), dashed: false }
}
