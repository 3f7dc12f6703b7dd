use super::{FigureContext, choice, provenance};
use crate::engine::Run;
use crate::plot::{Body, Curve, Figure, Panel, Table};
use crate::progress::Progress;
use crate::spec::{Acf, Family, Norm, Overrides};
use crate::statistics::Statistics;
use crate::theory::{Draws, predict};
use crate::{Failure, Result};
use std::f64::consts::PI;

/// (width, runs): narrow networks are cheap, and deviate more.
const WIDTHS: [(u32, u32); 4] = [(32, 1600), (64, 1200), (128, 800), (256, 400)];
const LAGS: [usize; 4] = [1, 2, 5, 15];
/// Points of the range: a quarter of the paper's, so that lag 1 here is lag 4 there.
const POINTS: u32 = 64;
const LOG_NORMAL_RUNS: u32 = 8000;

/// How far networks are from infinite width, against depth over width.
///
/// # Errors
/// A run that meets NaN or infinity.
pub fn width(context: &FigureContext) -> Result<Figure> {
    let provenance = provenance(context);
    let plain = Overrides { points: Some(POINTS), ..Overrides::default() };
    let centred = Overrides { norm: Some(Norm::Centre), ..plain.clone() };
    let highway = Overrides { family: Some(Family::Highway), ..plain.clone() };
    let resnet = Overrides { family: Some(Family::Resnet), ..plain.clone() };
    let (mut deviations, mut rows, mut shapes) = (Vec::new(), Vec::new(), Vec::new());
    for (label, depth, overrides) in [
        ("centred, 10", 10, &centred),
        ("plain, 24", 24, &plain),
        ("resnet, 10", 10, &resnet),
        ("highway, 24", 24, &highway),
    ] {
        let (mut points, mut lag) = (Vec::new(), None);
        for (width, runs) in WIDTHS {
            let spec = Overrides { depth: Some(depth), width: Some(width), ..overrides.clone() };
            let found = deviation(context, spec, runs, label, lag)?;
            lag = Some(found.lag);
            if label.starts_with("centred") {
                shapes.push(found.clone());
            }
            let at = f64::from(depth) / f64::from(width);
            points.push((at, found.distance, found.error));
            rows.push(vec![
                label.to_owned(),
                width.to_string(),
                format!("{at:.3}"),
                found.lag.to_string(),
                format!("{:.4} \u{b1} {:.4}", found.distance, found.error),
                format!("{:.3}", 0.3 * at),
            ]);
        }
        deviations.push(curve(label, &points));
    }
    let ratios: Vec<f64> = (0..=15).map(|i| 0.05 * f64::from(i)).collect();
    deviations.push(dashed("0.3 depth / width", &ratios, |at| 0.3 * at));
    let [spread, typical] = log_normal(context)?;
    Ok(Figure {
        name: "width".into(),
        title: "Finite width: when to trust the theory".into(),
        caption: "(a) Distance between the ensemble correlation of networks and the limit of infinite width, against depth over \
                  width, at the lag of 1, 2, 5 and 15 that is the most off in the narrowest network (bands of one standard error). \
                  Every family falls with depth over width and stays, up to noise, below 0.3 of it: the bound that probe and theory \
                  print. (b) The same networks lag by lag for 10 centred layers.\n\n\
                  (c, d) Plain He networks at one input: log |dh/dx|^2 is near normal with variance 5 depth / width and mean \
                  log(1/2) less half of that, because E[g^2] stays 1/2 at every width: the first order of a law that holds while the \
                  depth is below the width, and that the measurement leaves towards more spread where they are equal. What is \
                  measured is log g^2 of the scalar gradient, whose readout adds pi^2/2 = 4.93 to the variance and -1.27 to the \
                  mean. A network as deep as it is wide typically has a gradient e^(-5/2) = 0.08 of the mean: the expectation is \
                  carried by few. The law does not hold for centred or batch-normalised networks, nor for the mean of g^2 over the grid."
            .into(),
        choices: vec![
            choice(
                "Grid",
                &format!("{POINTS} points of [-2, 2)"),
                "a quarter of the paper's points: the runs cost a quarter",
            ),
            choice("Runs", "1,600 at width 32 down to 400 at width 256", "narrow networks are cheap"),
        ],
        columns: 4,
        panels: vec![
            panel("(a) Distance from the limit", "depth / width", "|measured \u{2212} exact|", deviations),
            shape(&shapes),
            spread,
            typical,
        ],
        provenance,
        ran: context.ran.take(),
        sheets: Vec::new(),
        tables: vec![Table {
            title: "Distance from the limit".into(),
            head: ["Network, layers", "Width", "Depth / width", "Lag", "Distance", "0.3 depth / width"]
                .map(String::from)
                .into(),
            rows,
        }],
    })
}

/// A network's distance from its limit.
#[derive(Clone)]
struct Deviation {
    lag: usize,
    distance: f64,
    error: f64,
    width: u32,
    measured: Vec<f64>,
    exact: Vec<f64>,
}

/// At a lag, or at the one that is the most off.
fn deviation(
    context: &FigureContext,
    overrides: Overrides,
    runs: u32,
    what: &str,
    lag: Option<usize>,
) -> Result<Deviation> {
    let (spec, runs) = context.run(overrides, runs, &format!("width, {what}"))?;
    let statistics = Statistics::of(&runs, Acf::MeanRemoved, 15)?;
    let exact = predict(&spec, Draws::BESIDE_RUNS, &Progress::new("width", 0, true));
    let exact = exact.ok().and_then(|prediction| prediction.correlation(15)).map(|(correlation, _)| correlation);
    let exact = exact.ok_or_else(|| Failure::failed(format!("width, {what}: no theory")))?;
    let measured = statistics.ensemble_correlation.unwrap_or_default();
    let errors = statistics.ensemble_correlation_se.unwrap_or_default();
    let distance = |lag: usize| (measured[lag] - exact[lag]).abs();
    let most = LAGS.into_iter().max_by(|&a, &b| distance(a).total_cmp(&distance(b)));
    let lag = lag.or(most).unwrap_or(1);
    Ok(Deviation { lag, distance: distance(lag), error: errors[lag], width: spec.width, measured, exact })
}

fn shape(networks: &[Deviation]) -> Panel {
    let lags: Vec<f64> = (0..=15).map(f64::from).collect();
    let line = |label: String, y: &[f64], dashed| Curve { label, x: lags.clone(), y: y.to_vec(), spread: None, dashed };
    let mut curves: Vec<_> =
        networks.iter().map(|network| line(format!("{} units", network.width), &network.measured, false)).collect();
    curves.extend(networks.first().map(|network| line("infinite".into(), &network.exact, true)));
    panel("(b) Centred, 10 layers", "lag (1/16 of x)", "ensemble correlation", curves)
}

/// Variance and mean of log g^2 at x = 1.
fn log_normal(context: &FigureContext) -> Result<[Panel; 2]> {
    let (mut variances, mut means) = (Vec::new(), Vec::new());
    for (depth, width) in [(1, 64), (4, 64), (8, 64), (16, 64), (32, 64), (24, 32), (32, 32)] {
        let overrides = Overrides {
            depth: Some(depth),
            width: Some(width),
            points: Some(1),
            from: Some(1.0),
            ..Overrides::default()
        };
        let what = format!("width, log-normal, {depth} x {width}");
        let (_, runs) = context.run(overrides, LOG_NORMAL_RUNS, &what)?;
        let [mean, variance] = log_squares(&runs);
        let at = f64::from(depth) / f64::from(width);
        means.push((at, mean.0, mean.1));
        variances.push((at, variance.0, variance.1));
    }
    let ratios = [0.0, 0.25, 0.5, 0.75, 1.0];
    // Mean and variance of log chi^2 with one degree of freedom.
    let (chi_mean, chi_variance) = (-1.2703628, PI * PI / 2.0);
    let law = dashed("5 depth / width + \u{3c0}\u{b2}/2", &ratios, |at| 5.0 * at + chi_variance);
    let typical =
        dashed("log(1/2) \u{2212} 1.27 \u{2212} 5/2 depth / width", &ratios, |at| 0.5f64.ln() + chi_mean - 2.5 * at);
    Ok([
        panel(
            "(c) Log-normal law: variance",
            "depth / width",
            "variance of log g\u{b2}",
            vec![curve("measured", &variances), law],
        ),
        panel(
            "(d) Log-normal law: mean",
            "depth / width",
            "mean of log g\u{b2}",
            vec![curve("measured", &means), typical],
        ),
    ])
}

/// (mean, its error) and (variance, its error) of log g^2 over runs; a gradient of zero, a network that died, is left out.
fn log_squares(runs: &[Run]) -> [(f64, f64); 2] {
    let logs: Vec<f64> =
        runs.iter().flat_map(|run| &run.gradient).filter(|g| **g != 0.0).map(|&g| f64::from(g).powi(2).ln()).collect();
    let n = logs.len() as f64;
    let mean = logs.iter().sum::<f64>() / n;
    let central = |power: i32| logs.iter().map(|x| (x - mean).powi(power)).sum::<f64>() / n;
    let (variance, fourth) = (central(2), central(4));
    [(mean, (variance / n).sqrt()), (variance, ((fourth - variance * variance) / n).sqrt())]
}

fn curve(label: &str, points: &[(f64, f64, f64)]) -> Curve {
    let of = |f: fn(&(f64, f64, f64)) -> f64| points.iter().map(f).collect::<Vec<f64>>();
    Curve { label: label.into(), x: of(|p| p.0), y: of(|p| p.1), spread: Some(of(|p| p.2)), dashed: false }
}

fn dashed(label: &str, x: &[f64], y: impl Fn(f64) -> f64) -> Curve {
    Curve { label: label.into(), x: x.to_vec(), y: x.iter().map(|&x| y(x)).collect(), spread: None, dashed: true }
}

fn panel(title: &str, x_label: &str, y_label: &str, curves: Vec<Curve>) -> Panel {
    let body = Body::Curves { curves };
    Panel { title: title.into(), x_label: x_label.into(), y_label: y_label.into(), y_range: None, body }
}
