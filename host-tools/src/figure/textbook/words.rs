//! The reason in words, every one of which a number backs.
use super::networks::{Answer, Change, Depth};
use super::{DEPTHS, RUNS};
use crate::plot::Table;

type Answers = [(Change, Answer)];

/// The changed network of that title at a depth of [`DEPTHS`].
fn at<'a>(answers: &'a Answers, title: &str, depth: usize) -> Option<&'a Depth> {
    answers.iter().find(|(change, _)| change.title == title).and_then(|(_, answer)| answer.depths.get(depth))
}

fn number(value: Option<&f64>) -> String {
    value.map_or("none".into(), |value| format!("{value:.3}"))
}

/// Five sentences.
pub(super) fn caption(answers: &Answers) -> String {
    let ensemble = |title, depth| number(at(answers, title, depth).and_then(|d| d.ensemble.get(1)));
    let exact = |title, depth| number(at(answers, title, depth).and_then(|d| d.exact.get(1)));
    let removed = |title, depth| number(at(answers, title, depth).and_then(|d| d.removed.get(1)));
    let raw = |title, depth| number(at(answers, title, depth).and_then(|d| d.raw.get(1)));
    format!(
        "(1) The notebook's weights have variance 1/200, half of what a ReLU needs, so that signals from the input fade from layer to \
         layer while fresh biases, the same for every input, take their place: all inputs come to look alike, and the correlation of \
         neighbouring gradients stops falling, {} at 24 layers and {} at 50 (infinite width: {} and {}). \
         (2) More weight or no bias cannot cure that, because a ReLU layer's outputs are never negative and their common mean alone pulls \
         any two inputs together: with He weights {} is left at 50 layers, and with zero bias {}. \
         (3) What shatters gradients is to keep inputs apart: take from every preactivation its mean over the inputs, one line, and the \
         same weights and biases give {} at 24 layers and {} at 50, which is white noise; batch norm gives {} and {}. \
         (4) Centring needs no help from the initialisation, since it cancels the biases and the autocorrelation does not see the \
         scale: this is the network of the paper's Figure 1 (b). \
         (5) Averaging {RUNS} seeds or removing the mean of the series changes what is plotted, not the network: the notebook's \
         autocorrelation of one draw is {} at 50 layers, and with both changes it is {} at 24 and {} at 50.\n\n\
         One row a network, one change from the first. Columns: the gradient of one draw; its autocorrelation as the notebook \
         defines it, at all 127 lags; the mean of {RUNS} draws with their means removed; the ensemble correlation with the exact \
         limit of infinite width, dashed. All numbers above are at lag 1.",
        ensemble("Notebook", 1),
        ensemble("Notebook", 2),
        exact("Notebook", 1),
        exact("Notebook", 2),
        ensemble("He", 2),
        ensemble("Zero bias", 2),
        ensemble("Centring", 1),
        ensemble("Centring", 2),
        ensemble("Batch norm", 1),
        ensemble("Batch norm", 2),
        raw("Notebook", 2),
        removed("Notebook", 1),
        removed("Notebook", 2),
    )
}

/// The numbers at lag 1, and the changes as lines of the notebook.
pub(super) fn tables(answers: &Answers) -> Vec<Table> {
    let mut rows = Vec::new();
    for (change, answer) in answers {
        for (depth, at) in DEPTHS.iter().zip(&answer.depths) {
            let error = |errors: &[f64]| errors.get(1).map_or(String::new(), |error| format!(" \u{b1} {error:.3}"));
            rows.push(vec![
                change.title.to_owned(),
                depth.to_string(),
                number(at.raw.get(1)),
                number(at.removed.get(1)) + &error(at.removed_error.as_deref().unwrap_or_default()),
                number(at.ensemble.get(1)) + &error(&at.ensemble_error),
                number(at.exact.get(1)),
            ]);
        }
    }
    let mut lines: Vec<_> =
        answers.iter().map(|(change, _)| vec![change.title.to_owned(), change.numpy.to_owned()]).collect();
    lines.push(vec!["20 seeds".into(), "`for seed in range(20): np.random.seed(seed)`".into()]);
    lines.push(vec!["Mean removal".into(), "`g = g - g.mean()`".into()]);
    let table = |title: &str, head: &[&str], rows| Table {
        title: title.into(),
        head: head.iter().map(|&cell| cell.into()).collect(),
        rows,
    };
    let head = ["Network", "Layers", "One draw, raw", "20 draws, mean removed", "20 draws, ensemble", "Infinite width"];
    vec![
        table("Correlation of neighbouring gradients (lag 1)", &head, rows),
        table("Each change as one line of the notebook", &["Change", "NumPy"], lines),
    ]
}
