use crate::{Failure, Result};
use serde::Serialize;

/// A figure: panels in rows, with everything a reader needs to judge them.
#[derive(Clone, Debug, Serialize)]
pub struct Figure {
    /// Stem of its files.
    pub name: String,
    /// Heading.
    pub title: String,
    /// Plain text, paragraphs separated by blank lines.
    pub caption: String,
    /// What the paper leaves open, and what was taken here.
    pub choices: Vec<Choice>,
    /// Panels in a row.
    pub columns: usize,
    /// Row by row.
    pub panels: Vec<Panel>,
    /// How the numbers were made.
    pub provenance: Vec<(String, String)>,
}

/// A choice that the paper does not print.
#[derive(Clone, Debug, Serialize)]
pub struct Choice {
    /// The question.
    pub what: String,
    /// The answer taken.
    pub value: String,
    /// Why, or what the other answer would change.
    pub why: String,
}

/// One set of axes.
#[derive(Clone, Debug, Serialize)]
pub struct Panel {
    /// Heading.
    pub title: String,
    /// Axis across.
    pub x_label: String,
    /// Axis up.
    pub y_label: String,
    /// Common range of several panels, or the data's own.
    pub y_range: Option<(f64, f64)>,
    /// What is drawn.
    pub body: Body,
}

/// What a panel shows.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Body {
    /// A line over the grid.
    Series {
        /// Grid.
        x: Vec<f64>,
        /// Values.
        y: Vec<f64>,
    },
    /// A square matrix in grey: 0 black, `clip` and above white.
    Image {
        /// Both axes.
        extent: (f64, f64),
        /// Rows, and columns.
        rows: usize,
        /// Row-major; row 0 is drawn at the bottom.
        values: Vec<f64>,
        /// White.
        clip: f64,
    },
    /// Lines with markers and a legend.
    Curves {
        /// In the order of the legend.
        curves: Vec<Curve>,
    },
}

/// A line with markers.
#[derive(Clone, Debug, Serialize)]
pub struct Curve {
    /// In the legend.
    pub label: String,
    /// Across.
    pub x: Vec<f64>,
    /// Up; empty where there is nothing to draw.
    pub y: Vec<f64>,
    /// Standard error of each point, drawn as a band.
    pub spread: Option<Vec<f64>>,
    /// A reference rather than a measurement.
    pub dashed: bool,
}

impl Figure {
    /// Refuses numbers that cannot be drawn: an answer is never a hole in a plot.
    ///
    /// # Errors
    /// Names the panel.
    pub fn check(&self) -> Result<()> {
        for panel in &self.panels {
            let numbers: Vec<&[f64]> = match &panel.body {
                Body::Series { x, y } => vec![x, y],
                Body::Image { values, clip, .. } => vec![values, std::slice::from_ref(clip)],
                Body::Curves { curves } => curves
                    .iter()
                    .flat_map(|curve| [&curve.x[..], &curve.y, curve.spread.as_deref().unwrap_or_default()])
                    .collect(),
            };
            if numbers.into_iter().flatten().any(|x| !x.is_finite()) {
                let (figure, panel) = (&self.title, &panel.title);
                return Err(Failure::failed(format!("{figure}, panel {panel}: NaN or infinity cannot be drawn")));
            }
        }
        Ok(())
    }
}
