use super::draw;
use super::figure::{Body, Figure};
use crate::tensors::write_whole;
use crate::{Failure, Result};
use std::path::{Path, PathBuf};

/// Writes NAME.svg, NAME.png, NAME.csv and NAME.json, each whole or not at all; all are made before the first is written.
///
/// # Errors
/// NaN or infinity in a panel; what the file system says.
pub fn write_figure(figure: &Figure, folder: &Path) -> Result<Vec<PathBuf>> {
    figure.check()?;
    let svg = draw::svg(figure)?;
    let json = serde_json::to_vec(figure).map_err(|error| Failure::failed(format!("cannot write JSON: {error}")))?;
    let files = [("png", draw::png(&svg)?), ("svg", svg.into_bytes()), ("csv", csv(figure)?), ("json", json)];
    files
        .into_iter()
        .map(|(extension, bytes)| {
            let path = folder.join(format!("{}.{extension}", figure.name));
            write_whole(&path, &bytes)?;
            Ok(path)
        })
        .collect()
}

/// One row a number: `panel, kind, label, x, y, value, spread`. Images have x and y of the pixel and its value.
fn csv(figure: &Figure) -> Result<Vec<u8>> {
    let refused = |error: csv::Error| Failure::failed(format!("cannot write CSV: {error}"));
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(["panel", "kind", "label", "x", "y", "value", "spread"]).map_err(refused)?;
    for panel in &figure.panels {
        let mut row = |kind: &str, label: &str, x: f64, y: Option<f64>, value: f64, spread: Option<f64>| {
            let optional = |x: Option<f64>| x.map(|x| x.to_string()).unwrap_or_default();
            let fields =
                [&panel.title, kind, label, &x.to_string(), &optional(y), &value.to_string(), &optional(spread)];
            writer.write_record(fields).map_err(refused)
        };
        match &panel.body {
            Body::Series { x, y } => {
                for (x, y) in x.iter().zip(y) {
                    row("series", "", *x, None, *y, None)?;
                }
            }
            Body::Image { extent, rows, values, .. } => {
                let step = (extent.1 - extent.0) / *rows as f64;
                for (i, line) in values.chunks(*rows).enumerate() {
                    for (j, value) in line.iter().enumerate() {
                        let at = |k: usize| extent.0 + k as f64 * step;
                        row("image", "", at(j), Some(at(i)), *value, None)?;
                    }
                }
            }
            Body::Curves { curves } => {
                for curve in curves {
                    for (k, (x, y)) in curve.x.iter().zip(&curve.y).enumerate() {
                        let spread = curve.spread.as_ref().map(|spread| spread[k]);
                        row("curve", &curve.label, *x, None, *y, spread)?;
                    }
                }
            }
        }
    }
    writer.into_inner().map_err(|error| Failure::failed(format!("cannot write CSV: {error}")))
}
