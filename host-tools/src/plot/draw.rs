use super::figure::{Body, Curve, Figure, Panel};
use crate::{Failure, Result};
use base64::Engine as _;
use plotters::coord::Shift;
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;
use resvg::{tiny_skia, usvg};
use std::fmt::Display;
use std::sync::Arc;

/// Readable on a page 1,200 pixels wide.
const FONT: &str = "Ubuntu, DejaVu Sans, Helvetica, Arial, sans-serif";
const PANEL: (u32, u32) = (300, 250);
/// Dark to light with depth; distinct in grey and for colour-blind readers (viridis).
const COLOURS: [RGBColor; 6] = [
    RGBColor(68, 1, 84),
    RGBColor(59, 82, 139),
    RGBColor(33, 145, 140),
    RGBColor(94, 180, 80),
    RGBColor(221, 150, 20),
    RGBColor(200, 60, 60),
];

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Axes<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;

fn refused(error: impl Display) -> Failure {
    Failure::failed(format!("cannot draw: {error}"))
}

/// The figure as SVG text.
pub(super) fn svg(figure: &Figure) -> Result<String> {
    let rows = figure.panels.len().div_ceil(figure.columns.max(1));
    let size = (PANEL.0 * figure.columns as u32, PANEL.1 * rows as u32);
    let (mut text, mut pictures) = (String::new(), String::new());
    {
        let root = SVGBackend::with_string(&mut text, size).into_drawing_area();
        root.fill(&WHITE).map_err(refused)?;
        for (panel, area) in figure.panels.iter().zip(root.split_evenly((rows, figure.columns.max(1)))) {
            match &panel.body {
                Body::Series { x, y } => series(panel, &area, x, y)?,
                Body::Image { extent, rows, values, clip } => {
                    pictures += &image(panel, &area, *extent, *rows, values, *clip)?;
                }
                Body::Curves { curves } => draw_curves(panel, &area, curves)?,
            }
        }
        root.present().map_err(refused)?;
    }
    let end = text.rfind("</svg>").unwrap_or(text.len());
    text.insert_str(end, &pictures);
    Ok(text)
}

/// SVG text as PNG bytes, two pixels for one, with a font of our own so that every machine draws the same.
pub(super) fn png(svg: &str) -> Result<Vec<u8>> {
    let mut options = usvg::Options::default();
    Arc::make_mut(&mut options.fontdb).load_font_data(epaint_default_fonts::UBUNTU_LIGHT.to_vec());
    // Whatever family the text asks for, this is the font there is.
    let family = options.fontdb.faces().next().and_then(|face| face.families.first().map(|f| f.0.clone()));
    if let Some(family) = family {
        Arc::make_mut(&mut options.fontdb).set_sans_serif_family(family.clone());
        options.font_family = family;
    }
    let tree = usvg::Tree::from_str(svg, &options).map_err(refused)?;
    let size = tree.size();
    let mut pixels = tiny_skia::Pixmap::new(size.width() as u32 * 2, size.height() as u32 * 2)
        .ok_or_else(|| Failure::failed("cannot draw: the picture is empty"))?;
    resvg::render(&tree, tiny_skia::Transform::from_scale(2.0, 2.0), &mut pixels.as_mut());
    pixels.encode_png().map_err(refused)
}

fn range(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), y| (low.min(y), high.max(y)));
    let margin = if high > low { 0.05 * (high - low) } else { high.abs().max(1.0) * 0.5 };
    if low.is_finite() { (low - margin, high + margin) } else { (0.0, 1.0) }
}

fn axes<'a, 'b>(panel: &Panel, area: &'a Area<'b>, x: (f64, f64), y: (f64, f64), beside: u32) -> Result<Axes<'a, 'b>> {
    let mut chart = ChartBuilder::on(area)
        .caption(&panel.title, (FONT, 14).into_font().color(&BLACK))
        .margin(6)
        .margin_right(beside)
        .x_label_area_size(34)
        .y_label_area_size(48)
        .build_cartesian_2d(x.0..x.1, y.0..y.1)
        .map_err(refused)?;
    let small = (y.1 - y.0).abs() < 0.05 || (y.1 - y.0).abs() > 2000.0;
    chart
        .configure_mesh()
        .disable_mesh()
        .x_desc(&panel.x_label)
        .y_desc(&panel.y_label)
        .x_labels(5)
        .y_labels(6)
        .x_label_formatter(&|x| trimmed(*x, 1))
        .y_label_formatter(&|y| if small { format!("{y:.1e}") } else { trimmed(*y, 2) })
        .label_style((FONT, 11))
        .axis_desc_style((FONT, 12))
        .draw()
        .map_err(refused)?;
    Ok(chart)
}

/// Up to `digits` decimals, without trailing zeros or a negative zero.
fn trimmed(x: f64, digits: usize) -> String {
    let text = format!("{x:.digits$}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" || text.is_empty() { "0".into() } else { text.into() }
}

fn series(panel: &Panel, area: &Area, x: &[f64], y: &[f64]) -> Result<()> {
    // To the open end of the grid, so that it bears its tick.
    let step = x.get(1).zip(x.first()).map_or(0.0, |(second, first)| second - first);
    let across = (x.first().copied().unwrap_or(0.0), x.last().map_or(1.0, |last| last + step));
    let mut chart = axes(panel, area, across, panel.y_range.unwrap_or_else(|| range(y.iter().copied())), 14)?;
    let points = x.iter().copied().zip(y.iter().copied());
    chart.draw_series(LineSeries::new(points, COLOURS[1].stroke_width(1))).map_err(refused)?;
    Ok(())
}

/// Axes and grey scale, and the picture itself as an SVG element: as many pixels as the matrix has, scaled by the viewer.
fn image(panel: &Panel, area: &Area, extent: (f64, f64), rows: usize, values: &[f64], clip: f64) -> Result<String> {
    let chart = axes(panel, area, extent, extent, 46)?;
    bar(&chart, area, clip)?;
    let refuse = || Failure::failed("cannot draw: the picture has no pixels");
    let mut pixels = tiny_skia::Pixmap::new(rows as u32, rows as u32).ok_or_else(refuse)?;
    let upside_down = values.chunks(rows).rev().flatten();
    for (pixel, value) in pixels.pixels_mut().iter_mut().zip(upside_down) {
        let grey = (255.0 * (value / clip).clamp(0.0, 1.0)).round() as u8;
        *pixel = tiny_skia::ColorU8::from_rgba(grey, grey, grey, 255).premultiply();
    }
    let png = base64::engine::general_purpose::STANDARD.encode(pixels.encode_png().map_err(refused)?);
    let (x, y) = chart.plotting_area().get_pixel_range();
    let (width, height) = (x.end - x.start, y.end - y.start);
    Ok(format!(
        "<image x=\"{}\" y=\"{}\" width=\"{width}\" height=\"{height}\" preserveAspectRatio=\"none\" \
         style=\"image-rendering:pixelated\" href=\"data:image/png;base64,{png}\"/>\n",
        x.start, y.start
    ))
}

/// The grey scale beside an image.
fn bar(chart: &Axes, area: &Area, clip: f64) -> Result<()> {
    let (x, y) = chart.plotting_area().get_pixel_range();
    let base = area.get_base_pixel();
    let (left, top, bottom) = (x.end - base.0 + 8, y.start - base.1, y.end - base.1);
    let height = bottom - top;
    for step in 0..height {
        let grey = (255 * (height - 1 - step) / (height - 1).max(1)) as u8;
        let line =
            Rectangle::new([(left, top + step), (left + 9, top + step + 1)], RGBColor(grey, grey, grey).filled());
        area.draw(&line).map_err(refused)?;
    }
    let label = |text: String, y: i32| area.draw(&Text::new(text, (left + 12, y), (FONT, 11).into_font()));
    label(format!("\u{2265}{}", trimmed(clip, 1)), top).map_err(refused)?;
    label("0".into(), bottom - 10).map_err(refused)
}

fn draw_curves(panel: &Panel, area: &Area, curves: &[Curve]) -> Result<()> {
    let x = range(curves.iter().flat_map(|curve| curve.x.iter().copied()));
    let own = range(curves.iter().flat_map(|curve| curve.y.iter().copied()));
    let mut chart = axes(panel, area, x, panel.y_range.unwrap_or(own), 104)?;
    chart
        .draw_series(std::iter::once(PathElement::new([(x.0, 0.0), (x.1, 0.0)], RGBColor(190, 190, 190))))
        .map_err(refused)?;
    for (i, curve) in curves.iter().enumerate() {
        let colour = COLOURS[i % COLOURS.len()];
        if let Some(spread) = &curve.spread {
            let edge = |sign: f64| curve.x.iter().zip(&curve.y).zip(spread).map(move |((x, y), s)| (*x, y + sign * s));
            let band: Vec<_> = edge(1.0).chain(edge(-1.0).collect::<Vec<_>>().into_iter().rev()).collect();
            chart.draw_series(std::iter::once(Polygon::new(band, colour.mix(0.15)))).map_err(refused)?;
        }
        let points = curve.x.iter().copied().zip(curve.y.iter().copied());
        if curve.dashed {
            let line = DashedLineSeries::new(points.clone(), 4, 3, colour.stroke_width(1));
            chart.draw_series(line).map_err(refused)?;
        } else {
            chart.draw_series(LineSeries::new(points.clone(), colour.stroke_width(2))).map_err(refused)?;
        }
        chart.draw_series(points.map(|at| Circle::new(at, 2, colour.filled()))).map_err(refused)?;
    }
    legend(&chart, area, curves)
}

/// Beside the axes, where it covers no data.
fn legend(chart: &Axes, area: &Area, curves: &[Curve]) -> Result<()> {
    let (x, y) = chart.plotting_area().get_pixel_range();
    let base = area.get_base_pixel();
    let (left, top) = (x.end - base.0 + 6, y.start - base.1 + 4);
    for (i, curve) in curves.iter().enumerate() {
        let (y, colour) = (top + 16 * i as i32, COLOURS[i % COLOURS.len()]);
        area.draw(&PathElement::new([(left, y + 6), (left + 12, y + 6)], colour.stroke_width(2))).map_err(refused)?;
        let label = if curve.y.is_empty() { format!("{}: constant", curve.label) } else { curve.label.clone() };
        area.draw(&Text::new(label, (left + 16, y), (FONT, 11).into_font())).map_err(refused)?;
    }
    Ok(())
}
