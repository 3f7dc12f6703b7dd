//! Layout: panels of one width in rows, plots of one row of one height, everything as SVG text.
use super::figure::{Body, Curve, Figure};
use super::scale::{Scale, fitting, range, width};
use super::{PlotError, panel};
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

/// Plotters counts in whole units; ten to the pixel keep lines smooth and strokes fine.
pub(super) const FINE: f64 = 10.0;
/// Sizes of text: ticks and legend, axes, titles.
pub(super) const SMALL: f64 = 11.0;
pub(super) const MIDDLE: f64 = 12.0;
const LARGE: f64 = 13.0;
const FAMILY: &str = "Noto Sans, DejaVu Sans, Helvetica Neue, Helvetica, Arial, sans-serif";
/// A whole figure on the page, and the widest single panel.
const PAGE: f64 = 1100.0;
const WIDEST: f64 = 460.0;
/// Around the plot: title, a row of the legend, ticks and label below, grey scale below that, right edge.
const TITLE: f64 = 28.0;
pub(super) const LEGEND: f64 = 17.0;
const BELOW: f64 = 42.0;
const BAR: f64 = 24.0;
const RIGHT: f64 = 14.0;

pub(super) type Root<'a> = DrawingArea<SVGBackend<'a>, Shift>;

pub(super) fn fine(pixels: f64) -> i32 {
    (pixels * FINE).round() as i32
}

/// Text of a size in pixels. Plotters writes 1/1.24 of what it is told.
pub(super) fn style(size: f64, bold: bool) -> TextStyle<'static> {
    let weight = if bold { FontStyle::Bold } else { FontStyle::Normal };
    FontDesc::new(FontFamily::Name(FAMILY), (size * FINE).round() * 1.24, weight).color(&RGBColor(30, 30, 30))
}

/// Draws text with its middle (or left end) at a height.
pub(super) fn write(root: &Root, text: &str, style: TextStyle, at: (f64, f64), h: HPos) -> Result<(), PlotError> {
    let style = style.pos(Pos::new(h, VPos::Center));
    root.draw_text(text, &style, (fine(at.0), fine(at.1))).map_err(PlotError::draw)
}

/// Where a panel's plot lies, in pixels of the figure.
pub(super) struct Frame {
    pub(super) left: f64,
    pub(super) top: f64,
    pub(super) width: f64,
    pub(super) height: f64,
    /// Room left of the plot, for ticks and label.
    pub(super) beside: f64,
    pub(super) x: Scale,
    pub(super) y: Scale,
}

/// Ticks across and up, chosen for the room there is.
fn scales(figure: &Figure, index: usize, width: f64, height: f64) -> (Scale, Scale) {
    let panel = &figure.panels[index];
    let (x, mut y) = match &panel.body {
        Body::Series { x, y } => {
            // To the open end of the grid, so that it bears its tick.
            let step = x.get(1).zip(x.first()).map_or(0.0, |(second, first)| second - first);
            (range(x.iter().copied().chain(x.last().map(|last| last + step)), 0.0), range(y.iter().copied(), 0.06))
        }
        Body::Image { x, y, .. } => (*x, *y),
        Body::Bars { edges, shares } => {
            (range(edges.iter().copied(), 0.0), range(shares.iter().copied().chain([0.0]), 0.0))
        }
        Body::Curves { curves } => {
            let x = curves.iter().flat_map(|curve| curve.x.iter().copied());
            (range(x, 0.03), range(curves.iter().flat_map(reach), 0.05))
        }
        Body::LogCurves { curves } => {
            let x = curves.iter().flat_map(|curve| curve.x.iter().map(|x| x.log10()));
            let y = curves.iter().flat_map(|curve| curve.y.iter().map(|y| y.log10()));
            return (Scale::powers(range(x, 0.03), width / 44.0), Scale::powers(range(y, 0.05), height / 24.0));
        }
    };
    if let (Some(common), false) = (panel.y_range, matches!(panel.body, Body::Image { .. })) {
        let data: Vec<f64> = match &panel.body {
            Body::Series { y, .. } => y.clone(),
            Body::Curves { curves } => curves.iter().flat_map(reach).collect(),
            Body::LogCurves { .. } => Vec::new(),
            Body::Bars { shares, .. } => shares.clone(),
            Body::Image { .. } => Vec::new(),
        };
        y = data.into_iter().fold(common, |(low, high), v| (low.min(v), high.max(v)));
    }
    (Scale::new(x, (width / 44.0).min(4.5)), Scale::new(y, (height / 34.0).min(7.0)))
}

/// All that a curve covers upwards: its points and its band.
fn reach(curve: &Curve) -> impl Iterator<Item = f64> {
    let band = curve.spread.iter().flat_map(|spread| spread.iter().zip(&curve.y).flat_map(|(s, y)| [y - s, y + s]));
    curve.y.iter().copied().chain(band)
}

/// The figure as SVG text.
pub(super) fn svg(figure: &Figure) -> Result<String, PlotError> {
    let columns = figure.columns.min(figure.panels.len());
    let each = (PAGE / columns as f64).min(WIDEST);
    // One margin for all panels, so that plots stand under one another; ticks are chosen for a guess of it first.
    let guess = each - 70.0;
    let ticks = (0..figure.panels.len()).map(|i| scales(figure, i, guess, 0.8 * guess).1.width(SMALL));
    let beside = ticks.fold(0.0, f64::max) + 35.0;
    let plot = (each - beside - RIGHT).max(40.0);
    let rows: Vec<_> = figure.panels.chunks(columns).map(|row| Row::of(row, plot)).collect();
    let height: f64 = rows.iter().map(Row::total).sum();
    let (mut text, mut pictures) = (String::new(), String::new());
    {
        let size = (fine(each * columns as f64) as u32, fine(height) as u32);
        let root = SVGBackend::with_string(&mut text, size).into_drawing_area();
        root.fill(&WHITE).map_err(PlotError::draw)?;
        for (index, described) in figure.panels.iter().enumerate() {
            let (row, column) = (index / columns, index % columns);
            let above: f64 = rows[..row].iter().map(Row::total).sum();
            let (x, y) = scales(figure, index, plot, rows[row].plot);
            let left = each * column as f64 + beside;
            let top = above + TITLE + rows[row].legend;
            let frame = Frame { left, top, width: plot, height: rows[row].plot, beside, x, y };
            let size = fitting(&described.title, LARGE, 0.92 * each).max(SMALL);
            let middle = (left + plot / 2.0).min(each * (column as f64 + 1.0) - width(&described.title, size) / 2.0);
            write(&root, &described.title, style(size, true), (middle, above + 16.0), HPos::Center)?;
            pictures += &panel::draw(&root, described, &frame)?;
        }
        root.present().map_err(PlotError::draw)?;
    }
    Ok(finish(text, &pictures, &figure.title, (each * columns as f64, height)))
}

/// Heights of a row of panels.
struct Row {
    legend: f64,
    plot: f64,
    below: f64,
}

impl Row {
    fn of(panels: &[super::Panel], plot: f64) -> Self {
        let legend = panels.iter().map(|panel| match &panel.body {
            Body::Curves { curves } | Body::LogCurves { curves } => LEGEND * panel::legend(curves, plot).1,
            _ => 0.0,
        });
        let legend = legend.fold(0.0, f64::max);
        let image = panels.iter().any(|panel| matches!(panel.body, Body::Image { .. }));
        if image {
            Self { legend, plot, below: BELOW + BAR }
        } else {
            Self { legend, plot: (0.78 * plot).max(plot.min(125.0)), below: BELOW }
        }
    }

    fn total(&self) -> f64 {
        TITLE + self.legend + self.plot + self.below
    }
}

/// Size in pixels, a name for screen readers, round joints, and the pictures that plotters cannot draw.
fn finish(mut text: String, pictures: &str, title: &str, (width, height): (f64, f64)) -> String {
    let title = super::page::escape(title);
    let head = format!(
        "<svg width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {} {}\" xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" \
         aria-label=\"{title}\" stroke-linejoin=\"round\" stroke-linecap=\"round\">\n<title>{title}</title>",
        fine(width),
        fine(height),
        width = width.round(),
        height = height.round(),
    );
    if let Some((start, end)) = text.find("<svg").and_then(|at| Some((at, at + text[at..].find('>')? + 1))) {
        text.replace_range(start..end, &head);
    }
    let end = text.rfind("</svg>").unwrap_or(text.len());
    text.insert_str(end, pictures);
    text
}
