//! Figures as files: panels described once, drawn as SVG and PNG, written as CSV and JSON, gathered on one page.
mod draw;
mod error;
mod figure;
mod files;
mod page;
mod panel;
mod raster;
mod scale;
#[cfg(test)]
mod tests;

pub use error::PlotError;
pub use figure::{Body, Choice, Curve, Figure, Panel, Ran, Sheet, Table};
pub use files::write_figure;
pub use page::write_index;
