//! The theorems: measured, against what they state, against networks of infinite width.
mod limits;
mod masked;
mod normed;

use super::{FigureContext, choice, provenance};
use crate::Result;
use crate::plot::{Body, Curve, Figure, Panel};

/// Half-width of a 95% interval, in standard errors.
const INTERVAL: f64 = 1.96;
/// Least power of ten that is drawn.
const LEAST: f64 = -4.0;

/// Every theorem of the paper against depth, and what its text says beside them.
///
/// # Errors
/// A run that meets NaN or infinity.
pub fn theorems(context: &FigureContext) -> Result<Figure> {
    let mut provenance = provenance(context);
    let (layers, first) = masked::SHALLOW;
    provenance.push(("runs of masks".into(), format!("{}; {first} to layer {layers}", masked::RUNS)));
    let masked = masked::panels(context)?;
    let mut rows = vec![masked.correlations, masked.ratios, masked.scaled];
    let [correlation, variance, sweep] = normed::panels(context)?;
    rows[0].insert(2, correlation);
    rows[1].insert(2, variance);
    rows[2].push(sweep);
    rows[2].push(limits::crelu(context)?);
    rows.push(limits::one_layer(context)?.into());
    Ok(Figure {
        name: "theorems".into(),
        title: "Theorems 1 to 4: measured, stated, and at infinite width".into(),
        caption: format!(
            "First row: correlation of the gradients of two inputs with respect to a neuron, L layers below the output, as a power \
             of ten. Second row: what was measured over what the theorem states (for theorem 3, powers of ten of the variance). \
             Bands are 95% intervals; from where one reaches zero its upper end is drawn alone, and where it is wider than the \
             value itself nothing is claimed and the ratio is left out.\n\n\
             Theorems 1, 2 and 4 take every unit to be active for half of the inputs and for a quarter of the pairs, whatever its \
             weights. TrainConfig masks that are drawn so ({} units) they hold at every width: that is \"measured, masks\". In real networks \
             the gates follow from the preactivations, which align with depth: correlations then fall like a power of the depth and \
             not exponentially (\"infinite width\"), and networks of 200 units on pairs of Gaussian inputs (\"measured, \
             networks\") keep even more once their depth is no longer small against their width. Depth \
             alone does not shatter gradients; depth without alignment does, and norms prevent alignment.\n\n\
             Theorem 3 counts the variance of a layer as beta^2 (L - 1) + 1. Batch norm divides by the centred variance, which \
             grows (1 - 1/pi) as fast: the corrected product follows the measurement, at beta = 1 and 50 layers a variance of \
             149 instead of 50.\n\n\
             Third row: with alpha = 1/sqrt 2 the resnet keeps its variance and its correlation is theorem 2's; a highway whose \
             transform shrinks as 1/L tends to exp(-1/2) = .607; beta between .1 and .3 decides how much of a 50-layer resnet's \
             correlation is left; CReLU with He weights shatters as ReLU does when centred, and only looks-linear weights keep it \
             flat. Last row: the gradient of one layer is a sum of independent steps. Its correlation is the same at every width; \
             Donsker's limit is the shape: the excess kurtosis falls as 15 over the width, to a Gaussian process.",
            masked::WIDTH
        ),
        choices: vec![
            choice("L in theorems 1, 2, 4", "layers above the neuron", "so that L = 0 is the readout's own weight"),
            choice(
                "Theorem 3",
                "vectors of 200 standard normals as inputs, linear readout of N(0, 1), detached statistics, L - 1 blocks",
                "inputs that do not correlate, and the gradient at the stem: what the theorem speaks of",
            ),
            choice("Highway of theorem 4", "transform^2 = .1", "the theorem holds for any pair on the unit circle"),
        ],
        columns: 4,
        panels: rows.into_iter().flatten().collect(),
        provenance,
        ran: context.ran.take(),
        sheets: Vec::new(),
        tables: Vec::new(),
    })
}

fn panel(title: &str, x_label: &str, y_label: &str, y_range: Option<(f64, f64)>, curves: Vec<Curve>) -> Panel {
    let body = Body::Curves { curves };
    Panel { title: title.into(), x_label: x_label.into(), y_label: y_label.into(), y_range, body }
}

fn reference(label: &str, x: &[f64], y: impl Fn(f64) -> f64) -> Curve {
    // Logarithms far below all measurements would flatten these.
    let (x, y) = x.iter().map(|&x| (x, y(x))).filter(|(_, y)| *y >= LEAST).unzip();
    Curve { label: label.into(), x, y, spread: None, dashed: true }
}

fn measured(label: &str, points: &[(f64, f64, f64)]) -> Curve {
    Curve {
        label: label.into(),
        x: points.iter().map(|point| point.0).collect(),
        y: points.iter().map(|point| point.1).collect(),
        spread: Some(points.iter().map(|point| INTERVAL * point.2).collect()),
        dashed: false,
    }
}

/// (x, value, standard error) as powers of ten: a curve with its band up to the first interval that reaches zero; from there
/// on, where nothing is claimed, the upper end of the interval of what cannot be negative.
fn powers(label: &str, points: &[(f64, f64, f64)]) -> Vec<Curve> {
    let reaches_zero = |(_, value, error): &(f64, f64, f64)| value - INTERVAL * error <= 0.0;
    let (seen, unseen) = points.split_at(points.iter().position(reaches_zero).unwrap_or(points.len()));
    let ten = std::f64::consts::LN_10;
    let seen: Vec<_> = seen.iter().map(|&(x, y, e)| (x, y.log10(), e / (y * ten))).collect();
    let mut curves = vec![measured(label, &seen)];
    if !unseen.is_empty() {
        let y = unseen.iter().map(|(_, y, e)| (y.max(0.0) + INTERVAL * e).log10()).collect();
        let label = format!("{label}: upper end");
        curves.push(Curve { label, x: unseen.iter().map(|point| point.0).collect(), y, spread: None, dashed: true });
    }
    curves
}
