use super::{FigureContext, choice, common_choices, provenance};
use crate::Result;
use crate::plot::{Body, Curve, Figure, Panel};
use crate::spec::{Acf, Family, Norm, Overrides};
use crate::statistics::{Statistics, autocorrelation_of, mean_and_deviation};
use shatterscope::probe::{brown_noise, white_noise};
use shatterscope::random::Normal;

const DEPTHS: [u32; 5] = [2, 4, 10, 24, 50];
const LAGS: u32 = 15;
const POINTS: usize = 256;

/// Figure 2: autocorrelation of the gradient against lag, averaged over runs, by family and depth.
///
/// # Errors
/// A run that meets NaN or infinity.
pub fn figure2(context: &FigureContext) -> Result<Figure> {
    let feedforward = |norm| Overrides { norm: Some(norm), ..Overrides::default() };
    let resnet = |beta| Overrides {
        family: Some(Family::Resnet),
        norm: Some(Norm::Batch),
        beta: Some(beta),
        ..Overrides::default()
    };
    let mut provenance = provenance(context);
    provenance.push(("runs".into(), context.runs.to_string()));
    let mut panels = Vec::new();
    for (title, overrides) in [
        ("(a) Feedforward, mean-centred", feedforward(Norm::Centre)),
        ("(b) Resnet, beta = 1.0", resnet(1.0)),
        ("(c) Resnet, beta = 0.1", resnet(0.1)),
    ] {
        panels.push(family(context, title, overrides)?);
    }
    panels.push(panel("(d) Noise", noise(context)?));
    for (title, overrides) in
        [("(e) Feedforward, plain", feedforward(Norm::None)), ("(f) Feedforward, batch norm", feedforward(Norm::Batch))]
    {
        panels.push(family(context, title, overrides)?);
    }
    let mut choices = common_choices();
    choices.push(choice(
        "Autocorrelation",
        "mean of the series removed, biased count, then averaged over runs",
        "`probe --acf raw` keeps the mean, as numpy.correlate does; it hides shattering less than it seems to",
    ));
    choices.push(choice(
        "Extra panels",
        "(e) and (f): the same feedforward network without norm, and with batch norm",
        "they show that depth alone does not shatter: the plain network stays correlated",
    ));
    Ok(Figure {
        name: "figure-2".into(),
        title: "Figure 2: autocorrelation of gradients, by depth".into(),
        caption: format!(
            "Autocorrelation of df/dx over the grid (256 points of [-2, 2), 200 units a layer) at lags 0 to {LAGS}, mean \
             over {} runs; the bands are one standard error. Depths 2, 4, 10, 24 and 50, dark to light.\n\n\
             The 50-layer feedforward network is indistinguishable from white noise; resnets of 50 layers keep \
             structure, and with beta = 0.1 they still look like brown noise.",
            context.runs
        ),
        choices,
        columns: 4,
        panels,
        provenance,
        ran: context.ran.take(),
        sheets: Vec::new(),
        tables: Vec::new(),
    })
}

fn family(context: &FigureContext, title: &str, overrides: Overrides) -> Result<Panel> {
    let mut curves = Vec::new();
    for depth in DEPTHS {
        let overrides = Overrides { depth: Some(depth), ..overrides.clone() };
        let (_, runs) = context.run(overrides, context.runs, &format!("figure 2 {title}, depth {depth}"))?;
        let statistics = Statistics::of(&runs, Acf::MeanRemoved, LAGS)?;
        let label = format!("{depth} layers");
        let count = runs.len() - statistics.constant_runs;
        curves.push(curve(label, statistics.autocorrelation, statistics.autocorrelation_sd, count, false));
    }
    Ok(panel(title, curves))
}

fn noise(context: &FigureContext) -> Result<Vec<Curve>> {
    type Noise = fn(u64, u32, Normal, &mut [f32]);
    let kinds = [(white_noise as Noise, "white noise"), (brown_noise as Noise, "brown noise")];
    let mut curves = Vec::new();
    for (noise, label) in kinds {
        let mut runs = Vec::new();
        for run in 0..context.runs {
            let mut series = vec![0.0; POINTS];
            noise(context.seed, run, Normal::IrwinHall, &mut series);
            runs.push(autocorrelation_of(&series, Acf::MeanRemoved, LAGS)?);
        }
        let (mean, deviation) = mean_and_deviation(&runs);
        curves.push(curve(label.into(), mean, deviation, runs.len(), false));
    }
    let n = POINTS as f64;
    let expected = (0..=LAGS).map(f64::from).map(|k| if k == 0.0 { 1.0 } else { -(n - k) / (n * (n - 1.0)) });
    curves.push(curve("white, expected".into(), Some(expected.collect()), None, 1, true));
    Ok(curves)
}

/// A curve over the lags; the spread is the standard error of the mean over `count` runs.
fn curve(label: String, mean: Option<Vec<f64>>, deviation: Option<Vec<f64>>, count: usize, dashed: bool) -> Curve {
    let y = mean.unwrap_or_default();
    let root = (count.max(1) as f64).sqrt();
    Curve {
        label,
        x: (0..y.len()).map(|lag| lag as f64).collect(),
        spread: deviation.map(|deviation| deviation.iter().map(|sd| sd / root).collect()),
        y,
        dashed,
    }
}

fn panel(title: &str, curves: Vec<Curve>) -> Panel {
    Panel {
        title: title.into(),
        x_label: "lag (grid points)".into(),
        y_label: "autocorrelation".into(),
        y_range: Some((-0.2, 1.05)),
        body: Body::Curves { curves },
    }
}
