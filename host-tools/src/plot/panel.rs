//! One panel: axes, and a line, an image or curves within them.
use super::draw::{FINE, Frame, LEGEND, MIDDLE, Root, SMALL, fine, style, write};
use super::figure::{Body, Curve, Panel};
use super::scale::{Scale, fitting, width};
use super::{PlotError, raster};
use plotters::element::DashedPathElement;
use plotters::prelude::*;
use plotters::style::text_anchor::HPos;

/// Dark to light with depth: distinct in grey, in print and for colour-blind readers; 3:1 on white (cut from plasma).
const COLOURS: [(u8, u8, u8); 5] = [(13, 8, 135), (107, 0, 168), (177, 42, 144), (218, 78, 100), (236, 121, 50)];
const FRAME: RGBColor = RGBColor(90, 90, 90);
const GRID: RGBColor = RGBColor(234, 234, 234);
const ZERO: RGBColor = RGBColor(165, 165, 165);
const LINE: RGBColor = RGBColor(32, 74, 135);
const CONSTANT: &str = "constant: no autocorrelation";

type Axes<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<Scale, Scale>>;
type Points = Vec<(i32, i32)>;

fn stroke(colour: RGBColor, pixels: f64) -> ShapeStyle {
    colour.stroke_width(fine(pixels) as u32)
}

fn path(root: &Root, points: Points, style: ShapeStyle) -> Result<(), PlotError> {
    root.draw(&PathElement::new(points, style)).map_err(PlotError::draw)
}

/// Draws a panel; returns what goes into the SVG behind plotters' own elements.
pub(super) fn draw(root: &Root, panel: &Panel, frame: &Frame) -> Result<String, PlotError> {
    let axes = axes(root, panel, frame)?;
    let place = |x: &[f64], y: &[f64]| x.iter().zip(y).map(|(x, y)| axes.backend_coord(&(*x, *y))).collect::<Points>();
    let mut picture = String::new();
    let drawn = match &panel.body {
        Body::Series { x, y } => {
            path(root, place(x, y), stroke(LINE, 1.0))?;
            !y.is_empty()
        }
        Body::Image { columns, values, clip, ends, .. } => {
            if !values.is_empty() {
                picture = image(root, frame, *columns, values, *clip, ends)?;
            }
            !values.is_empty()
        }
        Body::Bars { edges, shares } => {
            for (edge, share) in edges.windows(2).zip(shares) {
                let bar = place(&[edge[0], edge[0], edge[1], edge[1]], &[0.0, *share, *share, 0.0]);
                root.draw(&Polygon::new(bar.clone(), LINE.mix(0.35))).map_err(PlotError::draw)?;
                path(root, bar, stroke(LINE, 1.0))?;
            }
            true
        }
        Body::Curves { curves } | Body::LogCurves { curves } => {
            for (index, curve) in curves.iter().enumerate() {
                let edge = |sign: f64, spread: &[f64]| curve.y.iter().zip(spread).map(|(y, s)| y + sign * s).collect();
                if let Some(spread) = &curve.spread {
                    let (upper, lower): (Vec<f64>, Vec<f64>) = (edge(1.0, spread), edge(-1.0, spread));
                    let band: Points =
                        place(&curve.x, &upper).into_iter().chain(place(&curve.x, &lower).into_iter().rev()).collect();
                    root.draw(&Polygon::new(band, colour(index, curves.len()).mix(0.14))).map_err(PlotError::draw)?;
                }
            }
            for (index, curve) in curves.iter().enumerate() {
                line(root, curve, place(&curve.x, &curve.y), index, curves.len())?;
            }
            let (places, rows) = legend(curves, frame.width);
            for (index, (x, row)) in places.into_iter().enumerate() {
                let (x, y) = (frame.left + x, frame.top - LEGEND * (rows - row - 0.35));
                line(root, &curves[index], vec![(fine(x), fine(y)), (fine(x + 20.0), fine(y))], index, curves.len())?;
                write(root, &entry(curves, index), style(SMALL, false), (x + 25.0, y), HPos::Left)?;
            }
            curves.iter().any(|curve| !curve.y.is_empty())
        }
    };
    if !drawn {
        let size = fitting(CONSTANT, MIDDLE, 0.94 * frame.width);
        let middle = (frame.left + frame.width / 2.0, frame.top + frame.height / 2.0);
        write(root, CONSTANT, style(size, false), middle, HPos::Center)?;
    }
    Ok(picture)
}

fn axes<'a, 'b>(root: &'a Root<'b>, panel: &Panel, frame: &Frame) -> Result<Axes<'a, 'b>, PlotError> {
    let (size, below) = (root.dim_in_pixel(), 36.0);
    let mut axes = ChartBuilder::on(root)
        .margin_left(fine(frame.left - frame.beside + 5.0))
        .margin_top(fine(frame.top))
        .margin_right(size.0 as i32 - fine(frame.left + frame.width))
        .margin_bottom(size.1 as i32 - fine(frame.top + frame.height + below))
        .y_label_area_size(fine(frame.beside - 5.0))
        .x_label_area_size(fine(below))
        .build_cartesian_2d(frame.x.clone(), frame.y.clone())
        .map_err(PlotError::draw)?;
    axes.configure_mesh()
        .bold_line_style(stroke(GRID, 0.8))
        .light_line_style(TRANSPARENT)
        .axis_style(stroke(FRAME, 0.9))
        .set_all_tick_mark_size(fine(3.5))
        .x_labels(64)
        .y_labels(64)
        .x_desc(&panel.x_label)
        .y_desc(&panel.y_label)
        .label_style(style(SMALL, false))
        .axis_desc_style(style(MIDDLE, false))
        .draw()
        .map_err(PlotError::draw)?;
    let (x, y) = axes.plotting_area().get_pixel_range();
    let image = matches!(panel.body, Body::Image { .. });
    let powers = matches!(panel.body, Body::LogCurves { .. });
    if !image && !powers && frame.y.range.0 < 0.0 && frame.y.range.1 > 0.0 {
        let zero = axes.backend_coord(&(frame.x.range.0, 0.0)).1;
        path(root, vec![(x.start, zero), (x.end, zero)], stroke(ZERO, 0.9))?;
    }
    let corners = [(x.start, y.start), (x.end, y.start), (x.end, y.end), (x.start, y.end), (x.start, y.start)];
    path(root, corners.to_vec(), stroke(FRAME, 0.9))?;
    Ok(axes)
}

/// The picture as an SVG element, as many pixels as the matrix has; below the axis the grey scale.
fn image(
    root: &Root,
    frame: &Frame,
    columns: usize,
    values: &[f64],
    clip: f64,
    ends: &(String, String),
) -> Result<String, PlotError> {
    let (bar, height, top) = (0.5 * frame.width, 8.0, frame.top + frame.height + 45.0);
    let left = frame.left + 0.25 * frame.width;
    let ramp: Vec<f64> = (0..64 * 64).map(|i| f64::from(i % 64)).collect();
    let element = |data: String, at: [f64; 4]| {
        let [x, y, width, height] = at.map(fine);
        format!(
            "<image x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" preserveAspectRatio=\"none\" href=\"{data}\"/>\n\
             <rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" fill=\"none\" stroke=\"#5a5a5a\" stroke-width=\"{}\"/>\n",
            0.9 * FINE
        )
    };
    let labels = [(&ends.0, left - 6.0, HPos::Right), (&ends.1, left + bar + 6.0, HPos::Left)];
    for (label, x, side) in labels {
        write(root, label, style(SMALL, false), (x, top + height / 2.0), side)?;
    }
    let picture = raster::matrix(columns, values, clip)?;
    Ok(element(picture, [frame.left, frame.top, frame.width, frame.height])
        + &element(raster::matrix(64, &ramp, 63.0)?, [left, top, bar, height]))
}

/// Colour `index` of `count`, spread over the whole scale.
fn colour(index: usize, count: usize) -> RGBColor {
    let at = index as f64 * (COLOURS.len() - 1) as f64 / (count.max(2) - 1) as f64;
    let (from, to) = (COLOURS[at as usize], COLOURS[(at as usize + 1).min(COLOURS.len() - 1)]);
    let mix = |a: u8, b: u8| (f64::from(a) + at.fract() * (f64::from(b) - f64::from(a))).round() as u8;
    RGBColor(mix(from.0, to.0), mix(from.1, to.1), mix(from.2, to.2))
}

/// A curve, or its sample in the legend (a marker amid two points).
fn line(root: &Root, curve: &Curve, points: Points, index: usize, count: usize) -> Result<(), PlotError> {
    let colour = colour(index, count);
    if curve.dashed {
        let dashes = DashedPathElement::new(points, fine(5.0) as u32, fine(4.0) as u32, stroke(colour, 1.4));
        return root.draw(&dashes).map_err(PlotError::draw);
    }
    path(root, points.clone(), stroke(colour, 1.4))?;
    let markers = if points.len() == 2 && curve.y.len() != 2 {
        vec![((points[0].0 + points[1].0) / 2, points[0].1)]
    } else {
        points
    };
    // A marker for each of 50 layers would hide the line.
    let every = markers.len().div_ceil(16).max(1);
    markers.into_iter().step_by(every).try_for_each(|at| marker(root, at, index, colour))
}

/// Markers differ in form too, so that colour is not the only sign.
fn marker(root: &Root, (x, y): (i32, i32), index: usize, colour: RGBColor) -> Result<(), PlotError> {
    let form: &[(f64, f64)] = match index % 5 {
        0 => return root.draw(&Circle::new((x, y), fine(2.5), colour.filled())).map_err(PlotError::draw),
        1 => &[(-2.3, -2.3), (2.3, -2.3), (2.3, 2.3), (-2.3, 2.3)],
        2 => &[(0.0, -3.1), (3.0, 2.3), (-3.0, 2.3)],
        3 => &[(0.0, -3.4), (3.4, 0.0), (0.0, 3.4), (-3.4, 0.0)],
        _ => &[(0.0, 3.1), (3.0, -2.3), (-3.0, -2.3)],
    };
    let points: Points = form.iter().map(|(dx, dy)| (x + fine(*dx), y + fine(*dy))).collect();
    root.draw(&Polygon::new(points, colour.filled())).map_err(PlotError::draw)
}

/// The label, with a word where this curve alone is missing.
fn entry(curves: &[Curve], index: usize) -> String {
    let curve = &curves[index];
    let alone = curve.y.is_empty() && curves.iter().any(|curve| !curve.y.is_empty());
    if alone { format!("{} (constant)", curve.label) } else { curve.label.clone() }
}

/// Place and row of each entry of the legend above a plot, where it covers no data; and the number of rows.
pub(super) fn legend(curves: &[Curve], room: f64) -> (Vec<(f64, f64)>, f64) {
    let (mut x, mut row) = (0.0, 0.0);
    let places = (0..curves.len()).map(|index| {
        let wide = 25.0 + width(&entry(curves, index), SMALL);
        if x > 0.0 && x + wide > room {
            (x, row) = (0.0, row + 1.0);
        }
        x += wide + 10.0;
        (x - wide - 10.0, row)
    });
    let places: Vec<_> = places.collect();
    (places, row + 1.0)
}
