use super::PlotError;
use serde::Serialize;

/// A figure: panels in rows, with everything a reader needs to judge them.
#[derive(Clone, Debug, Serialize)]
pub struct Figure {
    /// Stem of its files: letters, digits, `-`, `_` and `.` only.
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
    /// The networks that were run for it.
    pub ran: Vec<Ran>,
    /// Numbers and text beside the picture.
    pub tables: Vec<Table>,
    /// Files of rows beside the four.
    #[serde(skip)]
    pub sheets: Vec<Sheet>,
}

/// A network that was run, and what it gave.
#[derive(Clone, Debug, Serialize)]
pub struct Ran {
    /// What for.
    pub what: String,
    /// The network in half a line.
    pub network: String,
    /// Runs.
    pub runs: u32,
    /// Digest of their gradients.
    pub digest: String,
    /// Every field resolved.
    pub spec: serde_json::Value,
}

/// Rows below a figure.
#[derive(Clone, Debug, Serialize)]
pub struct Table {
    /// Heading.
    pub title: String,
    /// Of the columns.
    pub head: Vec<String>,
    /// Each as long as the head; text between backquotes is code.
    pub rows: Vec<Vec<String>>,
}

/// Rows for other programs, written as NAME-sheet.csv.
#[derive(Clone, Debug)]
pub struct Sheet {
    /// Behind the figure's name.
    pub name: String,
    /// What stands in it, and what its columns are.
    pub about: String,
    /// Of the columns.
    pub head: Vec<String>,
    /// Each as long as the head.
    pub rows: Vec<Vec<String>>,
}

impl Sheet {
    /// The file's name.
    pub fn file(&self, figure: &str) -> String {
        format!("{figure}-{}.csv", self.name)
    }
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
    /// What is drawn.
    pub body: Body,
    /// Common range of several panels, widened where the data leave it; without one, the data's own.
    pub y_range: Option<(f64, f64)>,
}

/// What a panel shows. A series or curve without `y`, and an image without values, stand for a constant series.
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
    /// A matrix in grey: 0 black, `clip` and above white.
    Image {
        /// Axis across.
        x: (f64, f64),
        /// Axis up.
        y: (f64, f64),
        /// Values of a row.
        columns: usize,
        /// Row-major; row 0 is drawn at the bottom.
        values: Vec<f64>,
        /// The value from which on all is white.
        clip: f64,
        /// What black and white are called.
        ends: (String, String),
    },
    /// A histogram.
    Bars {
        /// One more than bars, ascending.
        edges: Vec<f64>,
        /// Heights, at least 0.
        shares: Vec<f64>,
    },
    /// Lines with markers and a legend.
    Curves {
        /// In the order of the legend, which is the order of the colours.
        curves: Vec<Curve>,
    },
    /// The same over powers of ten, across and up: a power law is a straight line.
    LogCurves {
        /// All values above 0.
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
    /// Half-width of a light band around the curve.
    pub spread: Option<Vec<f64>>,
    /// A reference rather than a measurement: dashes, no markers.
    pub dashed: bool,
}

impl Figure {
    /// Refuses what cannot be drawn: an answer is never a hole in a plot.
    ///
    /// # Errors
    /// [`PlotError::Refused`] with the figure and the panel.
    pub fn check(&self) -> Result<(), PlotError> {
        let refused =
            |panel: &str, why: String| PlotError::Refused { figure: self.name.clone(), panel: panel.into(), why };
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if !self.name.starts_with(|c: char| c.is_ascii_alphanumeric()) || !self.name.chars().all(plain) {
            return Err(refused("", "the name must be letters, digits, '-', '_' and '.'".into()));
        }
        if self.columns == 0 || self.panels.is_empty() {
            return Err(refused("", "a figure has at least one column and one panel".into()));
        }
        if let Some(table) = self.tables.iter().find(|t| t.rows.iter().any(|row| row.len() != t.head.len())) {
            return Err(refused(
                "",
                format!("the table \"{}\" has a row that is not as long as its head", table.title),
            ));
        }
        self.panels.iter().try_for_each(|panel| panel.check().map_err(|why| refused(&panel.title, why)))
    }
}

impl Panel {
    fn check(&self) -> Result<(), String> {
        if self.y_range.is_some_and(|range| !ordered(range)) {
            return Err("y_range is not a finite interval".into());
        }
        match &self.body {
            Body::Series { x, y } => line("the series", x, y, None),
            Body::Curves { curves } => {
                curves.iter().try_for_each(|c| line(&format!("curve \"{}\"", c.label), &c.x, &c.y, c.spread.as_deref()))
            }
            Body::LogCurves { curves } => curves.iter().try_for_each(|c| {
                line(&format!("curve \"{}\"", c.label), &c.x, &c.y, c.spread.as_deref())?;
                match c.spread.is_some() || c.x.iter().chain(&c.y).any(|&value| value <= 0.0) {
                    true => Err(format!("curve \"{}\": powers of ten are above 0 and have no spread", c.label)),
                    false => Ok(()),
                }
            }),
            Body::Image { x, y, columns, values, clip, .. } => {
                finite("the image", values)?;
                let rows = values.len().checked_div(*columns).unwrap_or(0);
                if rows * columns != values.len() || rows.max(*columns) > 16_384 {
                    return Err(format!("{} values are not rows of {columns}", values.len()));
                }
                if !ordered(*x) || !ordered(*y) || !clip.is_finite() || *clip <= 0.0 {
                    return Err("x and y must be finite intervals and clip a positive number".into());
                }
                Ok(())
            }
            Body::Bars { edges, shares } => {
                finite("the edges", edges)?;
                finite("the bars", shares)?;
                let ascending = edges.windows(2).all(|pair| pair[0] < pair[1]);
                if edges.len() != shares.len() + 1 || !ascending || shares.iter().any(|&share| share < 0.0) {
                    return Err("bars need ascending edges, one more than heights, which are not negative".into());
                }
                Ok(())
            }
        }
    }
}

fn ordered((low, high): (f64, f64)) -> bool {
    low < high && (high - low).is_finite()
}

fn finite(what: &str, values: &[f64]) -> Result<(), String> {
    match values.iter().position(|value| !value.is_finite() || value.abs() > 1e300) {
        Some(at) => Err(format!("{what}: {} at index {at} cannot be drawn", values[at])),
        None => Ok(()),
    }
}

fn line(what: &str, x: &[f64], y: &[f64], spread: Option<&[f64]>) -> Result<(), String> {
    finite(&format!("{what}, x"), x)?;
    finite(&format!("{what}, y"), y)?;
    finite(&format!("{what}, spread"), spread.unwrap_or_default())?;
    if !y.is_empty() && (x.len() != y.len() || spread.is_some_and(|spread| spread.len() != y.len())) {
        return Err(format!("{what}: x, y and spread differ in length"));
    }
    Ok(())
}
