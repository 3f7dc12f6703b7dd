use super::{FigureContext, choice, provenance};
use crate::Result;
use crate::engine::Run;
use crate::plot::{Body, Curve, Figure, Panel, Table};
use crate::spec::{Acf, Family, Norm, Overrides, Spec, Statistics as Mode};
use crate::statistics::Statistics;

const LAGS: u32 = 15;
const RUNS: u32 = 20;

/// Detached against full batch statistics: autocorrelations, and the sums that full statistics make zero.
///
/// # Errors
/// A run that meets NaN or infinity.
pub fn statistics_mode(context: &FigureContext) -> Result<Figure> {
    let mut provenance = provenance(context);
    provenance.push(("runs".into(), RUNS.to_string()));
    let feedforward = |norm, depth| Overrides { norm: Some(norm), depth: Some(depth), ..Overrides::default() };
    let resnet = |beta| Overrides { family: Some(Family::Resnet), beta: Some(beta), ..feedforward(Norm::Batch, 50) };
    let mut panels = Vec::new();
    for (title, overrides) in [
        ("Centred, 10 layers", feedforward(Norm::Centre, 10)),
        ("Batch norm, 10 layers", feedforward(Norm::Batch, 10)),
        ("Resnet 50, beta = 1", resnet(1.0)),
        ("Resnet 50, beta = 0.1", resnet(0.1)),
    ] {
        panels.push(panel(context, title, &overrides)?);
    }
    let mut rows = Vec::new();
    for (name, norm) in [("centred", Norm::Centre), ("batch norm", Norm::Batch)] {
        for depth in [1, 2, 10, 24] {
            let mut row = vec![name.to_owned(), depth.to_string()];
            for mode in [Mode::Full, Mode::Detached] {
                let overrides = Overrides { eps: Some(0.0), ..feedforward(norm, depth) };
                let (spec, runs) = run(context, overrides, mode, &format!("invariants, {name}, {depth} layers"))?;
                row.extend(invariants(&spec, &runs).map(|share| format!("{share:.1e}")));
            }
            rows.push(row);
        }
    }
    let head =
        ["Network", "Layers", "\u{3a3} g, full", "\u{3a3} x g, full", "\u{3a3} g, detached", "\u{3a3} x g, detached"];
    Ok(Figure {
        name: "statistics-mode".into(),
        title: "Batch statistics in the backward pass: detached or differentiated".into(),
        caption: format!(
            "Autocorrelation of df/dx (mean removed, {RUNS} runs, bands of one standard error) with the mean and deviation over \
             the batch held constant in the derivative (detached), or differentiated through (full), of f summed over the batch.\n\n\
             The two are different gradients of the same network. Full statistics make part of every gradient cancel against the \
             rest of the batch: lag 1 falls, most in feedforward batch norm and in the resnet with beta = 1; with beta = 0.1 it makes \
             no difference. The wide-limit theory speaks of detached statistics.\n\n\
             A norm straight after the first affine map makes f invariant to a shift of all inputs, and batch norm to their scale \
             too: under full statistics the gradients sum to zero, and with batch norm so do inputs times gradients, whatever the \
             weights. The table has these sums over the sums of their magnitudes, largest of {RUNS} runs, with eps = 0: zero up to \
             binary32 where it must be, nothing of the kind elsewhere."
        ),
        choices: vec![choice(
            "Which derivative",
            "detached is the default of all other figures",
            "the reading under which batch norm is a rescaling, as the paper's theory treats it",
        )],
        columns: 4,
        panels,
        provenance,
        ran: context.ran.take(),
        sheets: Vec::new(),
        tables: vec![Table {
            title: "What must vanish".into(),
            head: head.iter().map(|&cell| cell.into()).collect(),
            rows,
        }],
    })
}

fn run(context: &FigureContext, overrides: Overrides, mode: Mode, what: &str) -> Result<(Spec, Vec<Run>)> {
    context.run(Overrides { statistics: Some(mode), ..overrides }, RUNS, &format!("statistics-mode, {what}"))
}

fn panel(context: &FigureContext, title: &str, overrides: &Overrides) -> Result<Panel> {
    let mut curves = Vec::new();
    for (label, mode) in [("detached", Mode::Detached), ("full", Mode::Full)] {
        let (_, runs) = run(context, overrides.clone(), mode, title)?;
        let statistics = Statistics::of(&runs, Acf::MeanRemoved, LAGS)?;
        let root = f64::from(RUNS).sqrt();
        let y = statistics.autocorrelation.unwrap_or_default();
        curves.push(Curve {
            label: label.into(),
            x: (0..y.len()).map(|lag| lag as f64).collect(),
            y,
            spread: statistics.autocorrelation_sd.map(|sd| sd.iter().map(|sd| sd / root).collect()),
            dashed: false,
        });
    }
    Ok(Panel {
        title: title.into(),
        x_label: "lag (grid points)".into(),
        y_label: "autocorrelation".into(),
        y_range: Some((-0.2, 1.05)),
        body: Body::Curves { curves },
    })
}

/// Largest over runs of |sum_i g_i| / sum_i |g_i|, and of the same with x_i g_i.
pub fn invariants(spec: &Spec, runs: &[Run]) -> [f64; 2] {
    let grid = spec.grid();
    let share = |weight: &dyn Fn(u32) -> f64| {
        let of = |run: &Run| {
            let terms = || (0..).zip(&run.gradient).map(|(i, &g)| weight(i) * f64::from(g));
            terms().sum::<f64>().abs() / terms().map(f64::abs).sum::<f64>()
        };
        runs.iter().map(of).fold(0.0, f64::max)
    };
    [share(&|_| 1.0), share(&|i| f64::from(grid.point(i)))]
}
