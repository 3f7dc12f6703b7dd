//! The textbook's open question: why its reproduction of shattered gradients does not shatter, one change at a time.
mod networks;
mod words;

use super::{FigureContext, choice, provenance};
use crate::Result;
use crate::plot::{Body, Curve, Figure, Panel};
use networks::{Answer, answer, changes};

/// Layers of each network.
const DEPTHS: [u32; 3] = [1, 24, 50];
const RUNS: u32 = 20;
/// All lags of the notebook's plot.
const LAGS: u32 = 127;

/// The notebook's network and what each change to it does: series, autocorrelations, ensemble correlation, exact theory.
///
/// # Errors
/// A run that meets NaN or infinity.
pub fn textbook(context: &FigureContext) -> Result<Figure> {
    let mut provenance = provenance(context);
    provenance.push(("seeds averaged".into(), RUNS.to_string()));
    let mut panels = Vec::new();
    let mut answers = Vec::new();
    for change in changes() {
        let answer = answer(context, &change)?;
        panels.extend(row(change.title, &answer));
        answers.push((change, answer));
    }
    Ok(Figure {
        name: "textbook".into(),
        title: "The textbook's open question: why its gradients do not shatter".into(),
        caption: words::caption(&answers),
        choices: vec![
            choice(
                "The notebook",
                "11.1 of S. J. D. Prince, Understanding Deep Learning: every weight and bias N(0, 1/200), 256 points of [-2, 2)",
                "it asks its readers why the replication is not convincing",
            ),
            choice(
                "Its very weights",
                "`python3 host-tools/scripts/notebook_weights.py 24 notebook.npz`, then `cargo run --release -- probe --preset udl \
                 --depth 24 --weights notebook.npz`",
                "the curves here are of other draws from the same distribution; the script draws in the notebook's order from its seed",
            ),
            choice(
                "Norms",
                "detached statistics, eps 1e-5",
                "the derivative that the notebook's own backward pass computes",
            ),
        ],
        columns: 4,
        panels,
        provenance,
        ran: context.ran.take(),
        sheets: Vec::new(),
        tables: words::tables(&answers),
    })
}

fn row(title: &str, answer: &Answer) -> [Panel; 4] {
    let panel = |what: &str, x_label: &str, y_label: &str, range, curves| Panel {
        title: format!("{title}: {what}"),
        x_label: x_label.into(),
        y_label: y_label.into(),
        y_range: range,
        body: Body::Curves { curves },
    };
    let lags = |label: String, y: Vec<f64>, spread: Option<Vec<f64>>, dashed| Curve {
        label,
        x: (0..y.len()).map(|lag| lag as f64).collect(),
        y,
        spread,
        dashed,
    };
    let (mut series, mut raw, mut removed, mut ensemble) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (depth, at) in DEPTHS.iter().zip(&answer.depths) {
        let label = if *depth == 1 { "1 layer".to_owned() } else { format!("{depth} layers") };
        let x = answer.grid.clone();
        series.push(Curve { label: label.clone(), x, y: at.series.clone(), spread: None, dashed: false });
        raw.push(lags(label.clone(), at.raw.clone(), None, false));
        removed.push(lags(label.clone(), at.removed.clone(), at.removed_error.clone(), false));
        ensemble.push(lags(label.clone(), at.ensemble.clone(), Some(at.ensemble_error.clone()), false));
        ensemble.push(lags(format!("{depth}, exact"), at.exact.clone(), None, true));
    }
    let range = Some((-0.2, 1.05));
    [
        panel("series", "input x", "df/dx, rms 1", None, series),
        panel("one draw", "lag", "raw autocorrelation", range, raw),
        panel("20 draws, mean removed", "lag", "autocorrelation", range, removed),
        panel("20 draws, ensemble", "lag", "correlation", range, ensemble),
    ]
}
