//! What a run will take on a board, before anything is flashed.
pub mod calibrate;
mod image;
pub mod inference;
mod kinds;
mod operations;
mod product;
mod report;
pub mod stacks;
pub mod tables;
pub mod training;
mod work;
mod zeros;

pub use image::Image;
pub use kinds::Work;
pub use report::{Considered, Memory, Part, Planned, name_of, plan, plan_for};
pub use work::{work, work_of};
pub use zeros::Zeros;
