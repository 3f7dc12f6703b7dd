//! Theorems 1, 2 and 4, by masks and in real networks.
use super::{measured, panel, powers, reference};
use crate::Result;
use crate::engine::Engine;
use crate::figure::FigureContext;
use crate::plot::{Curve, Panel};
use crate::spec::{Family, Overrides, Readout};
use crate::statistics::Statistics;
use crate::theorem::{Moment, Rule, simulate};

/// Units of the masks.
pub(super) const WIDTH: usize = 100;
const DEPTH: usize = 100;
/// Runs through all layers, and through the first ones, whose intervals can be narrow.
pub(super) const RUNS: u32 = 1500;
const FEW: u32 = 500;
pub(super) const SHALLOW: (usize, u32) = (12, 20_000);

/// The rows of the figure that masks draw.
pub(super) struct Masked {
    pub correlations: Vec<Panel>,
    pub ratios: Vec<Panel>,
    pub scaled: Vec<Panel>,
}

pub(super) fn panels(context: &FigureContext) -> Result<Masked> {
    let highway = Rule::Residual { skip: 0.9f64.sqrt(), branch: 0.1f64.sqrt() };
    let network = |family| Overrides { family: Some(family), ..Overrides::default() };
    let thin = Overrides { transform: Some(0.1f64.sqrt()), ..network(Family::Highway) };
    let (mut correlations, mut ratios) = (Vec::new(), Vec::new());
    for (title, rule, network) in [
        ("Theorem 1: feedforward", Rule::Feedforward, network(Family::Feedforward)),
        ("Theorem 2: resnet, no norm", Rule::Residual { skip: 1.0, branch: 1.0 }, network(Family::Resnet)),
        ("Theorem 4: highway", highway, thin),
    ] {
        let moments = moments(context.engine, rule, context.seed.wrapping_add(correlations.len() as u64))?;
        let mut curves = powers("measured, masks", &correlation(rule, &moments));
        curves.extend(powers("measured, networks", &networks(context, title, network)?));
        let depths: Vec<f64> = (1..=DEPTH).map(|l| l as f64).collect();
        let (variance, covariance) = rule.factors();
        let wide = rule.wide_limit(0.0, DEPTH);
        curves.push(reference("theorem", &depths, |l| l * (covariance / variance).log10()));
        curves.push(reference("infinite width", &depths, |l| wide[l as usize].log10()));
        correlations.push(panel(title, "L", "log10 correlation", Some((-4.0, 0.0)), curves));
        ratios.push(panel(
            &format!("{}: over theorem", &title[..9]),
            "L",
            "measured / theorem",
            Some((0.5, 1.5)),
            vec![
                ratio("variance", variance, &moments, |m| (m.variance, m.variance_error)),
                ratio("covariance", covariance, &moments, |m| (m.covariance, m.covariance_error)),
            ],
        ));
    }
    Ok(Masked { correlations, ratios, scaled: vec![scaled_resnet(context)?, shrinking_highway(context)?] })
}

/// Behind layers 0..=DEPTH, the first ones from more runs.
fn moments(engine: &Engine, rule: Rule, seed: u64) -> Result<Vec<Moment>> {
    engine.install(|| {
        let mut moments = simulate(rule, WIDTH, DEPTH, RUNS, seed);
        let first = simulate(rule, WIDTH, SHALLOW.0, SHALLOW.1, seed.wrapping_add(100));
        moments[..first.len()].copy_from_slice(&first);
        moments
    })
}

/// Covariance over the variance that the theorem states, which is exact, with its error: the layers that are drawn.
fn correlation(rule: Rule, moments: &[Moment]) -> Vec<(f64, f64, f64)> {
    let at = |(layer, moment)| correlation_at(rule, layer, moment);
    moments.iter().enumerate().filter(|(layer, _)| shown(*layer)).map(at).collect()
}

fn correlation_at(rule: Rule, layer: usize, moment: &Moment) -> (f64, f64, f64) {
    let variance = rule.factors().0.powi(layer as i32);
    (layer as f64, moment.covariance / variance, moment.covariance_error / variance)
}

/// The first layers, and every fifth.
fn shown(layer: usize) -> bool {
    (1..=SHALLOW.0).contains(&layer) || (layer > 0 && layer.is_multiple_of(5))
}

/// Up to where the interval is as wide as the value.
fn ratio(label: &str, factor: f64, moments: &[Moment], of: impl Fn(&Moment) -> (f64, f64)) -> Curve {
    let at = |(layer, moment): (usize, &Moment)| {
        let (value, error) = of(moment);
        let stated = factor.powi(layer as i32);
        (layer as f64, value / stated, error / stated)
    };
    let narrow = |point: &(f64, f64, f64)| super::INTERVAL * point.2 < 0.5;
    let points: Vec<_> =
        moments.iter().enumerate().filter(|(layer, _)| shown(*layer)).map(at).take_while(narrow).collect();
    measured(label, &points)
}

/// Real networks of 200 units: pairs of points whose preactivations do not correlate at first.
fn networks(context: &FigureContext, what: &str, network: Overrides) -> Result<Vec<(f64, f64, f64)>> {
    let mut points = Vec::new();
    for layers in [1, 2, 4, 7, 12, 20, 33, 55, 100] {
        // ReLUs between the stem and the output: all of a feedforward network, the blocks of the others.
        let (depth, readout) = match network.family {
            Some(Family::Feedforward) => (layers, Readout::Relu),
            _ => (layers + 1, Readout::Linear),
        };
        let overrides = Overrides {
            depth: Some(depth),
            readout: Some(readout),
            inputs: Some(200),
            points: Some(64),
            first_bias_std: Some(0.0),
            ..network.clone()
        };
        let (_, runs) = context.run(overrides, 16, &format!("{what}, {layers} layers"))?;
        let pairs = Statistics::of_vectors(&runs, 200)?.pairs;
        points.extend(pairs.map(|pairs| (f64::from(layers), pairs.correlation, pairs.error.unwrap_or(0.0))));
    }
    Ok(points)
}

/// alpha = 1/sqrt 2: the variance stays, the correlation is that of theorem 2.
fn scaled_resnet(context: &FigureContext) -> Result<Panel> {
    let half = 0.5f64.sqrt();
    let rule = Rule::Residual { skip: half, branch: half };
    let seed = context.seed.wrapping_add(3);
    let moments = context.engine.install(|| simulate(rule, WIDTH, DEPTH, FEW, seed))?;
    let depths: Vec<f64> = (1..=DEPTH).map(|l| l as f64).collect();
    let behind = moments.iter().enumerate().filter(|(layer, _)| shown(*layer));
    let variance: Vec<_> = behind.map(|(l, m)| (l as f64, m.variance, m.variance_error)).collect();
    let mut curves = powers("variance", &variance);
    curves.extend(powers("correlation", &correlation(rule, &moments)));
    curves.push(reference("(3/4)^L", &depths, |l| l * 0.75f64.log10()));
    Ok(panel("Resnet, alpha = 1/\u{221a}2", "L", "log10", Some((-4.0, 0.5)), curves))
}

/// transform^2 = 1/L: the correlation at the stem, for every L its own network.
fn shrinking_highway(context: &FigureContext) -> Result<Panel> {
    let (mut points, mut x) = (Vec::new(), Vec::new());
    let seed = context.seed.wrapping_add(4);
    for layers in [1usize, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 80, 100] {
        let square = 1.0 / layers as f64;
        let rule = Rule::Residual { skip: (1.0 - square).sqrt(), branch: square.sqrt() };
        let moments = context.engine.install(|| simulate(rule, WIDTH, layers, FEW, seed))?;
        points.extend(moments.last().map(|moment| correlation_at(rule, layers, moment)));
        x.push(layers as f64);
    }
    let curves = vec![
        measured("measured, masks", &points),
        reference("theorem 4", &x, |l| (1.0 - 0.5 / l).powf(l)),
        reference("exp(\u{2212}1/2)", &x, |_| (-0.5f64).exp()),
    ];
    Ok(panel("Highway, transform\u{b2} = 1/L", "L", "correlation", Some((0.4, 0.7)), curves))
}
