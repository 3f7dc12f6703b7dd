use super::figure::{Body, Figure, Sheet};
use super::{PlotError, draw, raster};
use crate::files::write_all;
use std::path::{Path, PathBuf};

/// Writes NAME.svg, NAME.png, NAME.csv, NAME.json and the figure's sheets. All are complete on disk before the first takes its name.
///
/// # Errors
/// A figure that [`Figure::check`] refuses; what the file system says.
pub fn write_figure(figure: &Figure, dir: &Path) -> Result<Vec<PathBuf>, PlotError> {
    figure.check()?;
    let svg = draw::svg(figure)?;
    let png = raster::png(&svg)?;
    let json = serde_json::to_vec(figure).map_err(PlotError::draw)?;
    let files =
        [("svg", svg.into_bytes()), ("png", png), ("csv", csv(figure).map_err(PlotError::draw)?), ("json", json)];
    let mut files = files.map(|(extension, bytes)| (format!("{}.{extension}", figure.name), bytes)).to_vec();
    for sheet in &figure.sheets {
        files.push((sheet.file(&figure.name), rows(sheet).map_err(PlotError::draw)?));
    }
    Ok(write_all(dir, &files)?)
}

fn rows(sheet: &Sheet) -> Result<Vec<u8>, csv::Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(&sheet.head)?;
    sheet.rows.iter().try_for_each(|row| writer.write_record(row))?;
    writer.into_inner().map_err(|error| error.into_error().into())
}

/// One row a number: `panel, kind, label, x, y, value, spread`.
///
/// `kind` is `series`, `curve` or `image`. Lines have x, y and, where known, spread; images have the grid points x
/// (column) and y (row) and the value. A constant series is one row without numbers.
fn csv(figure: &Figure) -> Result<Vec<u8>, csv::Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(["panel", "kind", "label", "x", "y", "value", "spread"])?;
    for panel in &figure.panels {
        let mut row = |kind: &str, label: &str, numbers: [Option<f64>; 4]| {
            let numbers = numbers.map(|number| number.map(|number| number.to_string()).unwrap_or_default());
            let [x, y, value, spread] = &numbers;
            writer.write_record([&panel.title, kind, label, x, y, value, spread])
        };
        let mut line = |kind: &str, label: &str, x: &[f64], y: &[f64], spread: Option<&[f64]>| {
            if y.is_empty() {
                row(kind, label, [None; 4])?;
            }
            x.iter().zip(y).enumerate().try_for_each(|(i, (x, y))| {
                row(kind, label, [Some(*x), Some(*y), None, spread.map(|spread| spread[i])])
            })
        };
        match &panel.body {
            Body::Series { x, y } => line("series", "", x, y, None)?,
            Body::Curves { curves } | Body::LogCurves { curves } => {
                curves.iter().try_for_each(|c| line("curve", &c.label, &c.x, &c.y, c.spread.as_deref()))?
            }
            // x and y are the edges of a bar, the value its height.
            Body::Bars { edges, shares } => {
                for (edge, share) in edges.windows(2).zip(shares) {
                    row("bar", "", [Some(edge[0]), Some(edge[1]), Some(*share), None])?;
                }
            }
            Body::Image { x, y, columns, values, .. } => {
                let rows = values.len() / (*columns).max(1);
                let at = |(low, high): (f64, f64), k: usize, of: usize| Some(low + k as f64 * (high - low) / of as f64);
                for (i, value) in values.iter().enumerate() {
                    row("image", "", [at(*x, i % columns, *columns), at(*y, i / columns, rows), Some(*value), None])?;
                }
                if values.is_empty() {
                    row("image", "", [None; 4])?;
                }
            }
        }
    }
    writer.into_inner().map_err(|error| error.into_error().into())
}
