//! Figures as files: one description of panels, drawn as SVG and PNG, written as CSV and JSON, gathered on one page.
mod draw;
mod figure;
mod files;
mod page;

pub use figure::{Body, Choice, Curve, Figure, Panel};
pub use files::write_figure;
pub use page::write_index;
