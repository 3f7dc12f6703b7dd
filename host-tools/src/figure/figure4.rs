use super::networks::{NETWORKS, WIDTH, over_networks, three};
use super::{FigureContext, choice, provenance};
use crate::Result;
use crate::plot::{Body, Figure, Panel};
use crate::spec::Spec;
use crate::usage::Raster;

/// The deepest layer with a norm before it in each network.
const LAYER: usize = 49;
const BINS: usize = 20;

/// Figure 4: which neuron is active where, and how that is distributed.
///
/// # Errors
/// A run that meets NaN or infinity.
pub fn figure4(context: &FigureContext) -> Result<Figure> {
    let mut provenance = provenance(context);
    provenance.push(("networks of the histograms".into(), NETWORKS.to_string()));
    let mut rows: [Vec<Panel>; 3] = Default::default();
    for (title, spec) in three(context)? {
        let what = format!("figure 4 {title}");
        let layers = over_networks(context, &what, &spec, |rasters| rasters[LAYER - 1].clone())?;
        let activation: Vec<f64> = layers.iter().flat_map(Raster::activation).collect();
        let lengths: Vec<f64> =
            layers.iter().flat_map(Raster::run_lengths).map(|length| (length as f64).log2()).collect();
        let letter = title.split(' ').next().unwrap_or(title);
        rows[0].push(raster(title, &spec, &layers[0]));
        rows[1].push(histogram(&format!("{letter} activation"), "share of points that a neuron is active for", {
            bars(&activation, (0..=BINS).map(|bin| bin as f64 / BINS as f64).collect())
        }));
        rows[2].push(histogram(&format!("{letter} stretches"), "length in points, log2", {
            bars(&lengths, (0..=9).map(f64::from).collect())
        }));
    }
    Ok(Figure {
        name: "figure-4".into(),
        title: "Figure 4: which neurons are active where".into(),
        caption: format!(
            "Top: the {WIDTH} neurons of layer {LAYER} of one network against the grid; white where a neuron is active. Middle: \
             share of the points that a neuron is active for, over the neurons of that layer in {NETWORKS} networks. Bottom: \
             lengths of the stretches of the grid over which a neuron keeps its state, in powers of two, the last bar for \
             neurons that never switch.\n\n\
             Without a norm most neurons of a deep layer are on, or off, for the whole grid: the network has stopped telling its \
             inputs apart. Batch norm makes every neuron active for half of the points, but in a feedforward network it switches \
             every few points, while in the resnet the stretches stay long."
        ),
        choices: vec![
            choice("Layer", "49 of 50", "the last one with a norm before it in all networks"),
            choice("Resnet", "beta = 1", "the branch scale of this figure is not printed"),
            choice("Order of neurons", "as they are", "sorting would show nothing that the histograms do not"),
        ],
        columns: 3,
        panels: rows.into_iter().flatten().collect(),
        provenance,
        ran: context.ran.take(),
        sheets: Vec::new(),
        tables: Vec::new(),
    })
}

fn raster(title: &str, spec: &Spec, layer: &Raster) -> Panel {
    Panel {
        title: title.into(),
        x_label: "input x".into(),
        y_label: "neuron".into(),
        y_range: None,
        body: Body::Image {
            x: (f64::from(spec.from), f64::from(spec.to)),
            y: (0.0, layer.rows().count() as f64),
            columns: layer.points,
            values: layer.active.iter().map(|&active| f64::from(u8::from(active))).collect(),
            clip: 1.0,
            ends: ("off".into(), "on".into()),
        },
    }
}

fn histogram(title: &str, x_label: &str, body: Body) -> Panel {
    Panel { title: title.into(), x_label: x_label.into(), y_label: "share".into(), y_range: Some((0.0, 0.6)), body }
}

/// Shares of the values between edges; the last bin has both of its edges.
fn bars(values: &[f64], edges: Vec<f64>) -> Body {
    let last = edges.len().saturating_sub(2);
    let mut shares = vec![0.0; last + 1];
    for value in values {
        let bin = edges.partition_point(|edge| edge <= value).saturating_sub(1).min(last);
        shares[bin] += 1.0 / values.len() as f64;
    }
    Body::Bars { edges, shares }
}
