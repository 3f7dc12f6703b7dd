use super::{FigureContext, choice, common_choices, decimal, provenance};
use crate::plot::{Body, Figure, Panel};
use crate::preset::find;
use crate::{Failure, Result};
use shatterscope::contract::Digest;
use shatterscope::probe::{Autocorrelation, Series, autocorrelation, brown_noise, covariance_row, white_noise};
use shatterscope::random::Normal;

/// Values above this are white in the covariance images.
const CLIP: f64 = 3.0;
const POINTS: usize = 256;

/// Figure 1: gradients of one draw of three networks, beside brown and white noise; below, their covariance.
///
/// # Errors
/// A run that meets NaN or infinity, a constant gradient.
pub fn figure1(context: &FigureContext) -> Result<Figure> {
    let mut provenance = provenance(context);
    let mut columns: Vec<(&str, &str, Vec<f32>, String)> = Vec::new();
    for (preset, title) in
        [("fig1a", "(a) 1-layer feedforward"), ("fig1b", "(b) 24-layer feedforward"), ("fig1c", "(c) 50-layer resnet")]
    {
        let overrides = find(preset).map(|preset| preset.overrides).unwrap_or_default();
        let (_, runs) = context.run(overrides, 1, "figure 1")?;
        for run in runs {
            columns.push((title, "df/dx", run.gradient, run.digest.to_string()));
        }
    }
    type Noise = fn(u64, u32, Normal, &mut [f32]);
    for (noise, title) in [(brown_noise as Noise, "(d) Brown noise"), (white_noise as Noise, "(e) White noise")] {
        let mut series = vec![0.0; POINTS];
        noise(context.seed, 0, Normal::IrwinHall, &mut series);
        let digest = Digest::of(&series).to_string();
        columns.push((title, "noise", series, digest));
    }
    let grid: Vec<f64> = (0..POINTS).map(|i| -2.0 + i as f64 * 4.0 / POINTS as f64).collect();
    let (mut above, mut below) = (Vec::new(), Vec::new());
    for (title, y_label, series, digest) in columns {
        provenance.push((format!("digest of {title}"), digest));
        let y = series.iter().map(|&g| decimal(g)).collect();
        above.push(Panel {
            title: title.into(),
            x_label: "input x".into(),
            y_label: y_label.into(),
            y_range: None,
            body: Body::Series { x: grid.clone(), y },
        });
        below.push(Panel {
            title: format!("{} |cov|", title.split(' ').next().unwrap_or(title)),
            x_label: "input x".into(),
            y_label: "input x'".into(),
            y_range: None,
            body: Body::Image {
                x: (-2.0, 2.0),
                y: (-2.0, 2.0),
                columns: POINTS,
                values: covariance(series)?,
                clip: CLIP,
                ends: ("0".into(), format!("\u{2265} {CLIP}")),
            },
        });
    }
    let mut choices = common_choices();
    choices.push(choice(
        "Grey scale",
        "|(g - m)(g - m)^T| / var(g), black 0, white 3 and above",
        "the paper's scale is not printed; the clip lets the structure off the diagonal show",
    ));
    above.append(&mut below);
    Ok(Figure {
        name: "figure-1".into(),
        title: "Figure 1: gradients of networks at initialisation, and noise".into(),
        caption:
            "Top: the gradient df/dx of one draw of each network (200 units a layer) at 256 points of [-2, 2), beside \
                  one draw of brown and of white noise. Bottom: the magnitude of the outer product of the series with \
                  itself, mean removed, divided by its variance.\n\n\
                  The one-layer network's gradient wanders like brown noise; 24 layers later nearly nothing of that is \
                  left, and the gradient looks like white noise. The 50-layer resnet (batch norm, beta 0.1) keeps it."
                .into(),
        choices,
        columns: 5,
        panels: above,
        provenance,
        ran: context.ran.take(),
        sheets: Vec::new(),
        tables: Vec::new(),
    })
}

/// The covariance image of a series, row-major.
fn covariance(mut series: Vec<f32>) -> Result<Vec<f64>> {
    // Scales the series and removes its mean.
    if autocorrelation(&mut series, Autocorrelation::MeanRemoved, &mut [])? == Series::Constant {
        return Err(Failure::failed("figure 1: a constant gradient has no covariance image, use another seed"));
    }
    let mut values = Vec::with_capacity(series.len() * series.len());
    let mut row = vec![0.0; series.len()];
    for i in 0..series.len() {
        covariance_row(&series, i, &mut row)?;
        values.extend(row.iter().map(|&v| decimal(v)));
    }
    Ok(values)
}
