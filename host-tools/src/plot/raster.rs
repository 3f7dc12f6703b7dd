//! Pixels: matrices as data URIs for the SVG, and the SVG as a PNG.
use super::PlotError;
use base64::Engine as _;
use resvg::{tiny_skia, usvg};
use std::sync::{Arc, LazyLock};

/// Fonts of our own, so that the PNG is the same on every machine.
static FONTS: LazyLock<Arc<usvg::fontdb::Database>> = LazyLock::new(|| {
    let mut fonts = usvg::fontdb::Database::new();
    fonts.load_font_data(epaint_default_fonts::UBUNTU_LIGHT.to_vec());
    // Whatever family a text asks for, this is the one there is.
    let family = fonts.faces().next().and_then(|face| face.families.first()).map(|family| family.0.clone());
    fonts.set_sans_serif_family(family.unwrap_or_default());
    Arc::new(fonts)
});

/// SVG text as PNG bytes, two pixels for one.
pub(super) fn png(svg: &str) -> Result<Vec<u8>, PlotError> {
    let options = usvg::Options { fontdb: FONTS.clone(), font_family: "sans-serif".into(), ..usvg::Options::default() };
    let tree = usvg::Tree::from_str(svg, &options).map_err(PlotError::draw)?;
    let size = tree.size().to_int_size();
    let mut pixels = pixmap(size.width() * 2, size.height() * 2)?;
    resvg::render(&tree, tiny_skia::Transform::from_scale(2.0, 2.0), &mut pixels.as_mut());
    pixels.encode_png().map_err(PlotError::draw)
}

/// A matrix as a data URI: one pixel a value, row 0 at the bottom, 0 black, `clip` and above white.
pub(super) fn matrix(columns: usize, values: &[f64], clip: f64) -> Result<String, PlotError> {
    let side = |length: usize| u32::try_from(length).map_err(PlotError::draw);
    let mut pixels = pixmap(side(columns)?, side(values.len() / columns)?)?;
    for (pixel, value) in pixels.pixels_mut().iter_mut().zip(values.chunks(columns).rev().flatten()) {
        let grey = (255.0 * (value / clip).clamp(0.0, 1.0)).round() as u8;
        *pixel = tiny_skia::ColorU8::from_rgba(grey, grey, grey, 255).premultiply();
    }
    let png = pixels.encode_png().map_err(PlotError::draw)?;
    Ok(format!("data:image/png;base64,{}", base64::engine::general_purpose::STANDARD.encode(png)))
}

fn pixmap(width: u32, height: u32) -> Result<tiny_skia::Pixmap, PlotError> {
    tiny_skia::Pixmap::new(width, height).ok_or_else(|| PlotError::Draw(format!("no picture of {width} x {height}")))
}
