//! What the gradients of infinitely wide networks are: [`predict`] for a spec. The moments that travel through its layers are
//! computed in [`shatterscope_engine::theory`].
mod prediction;

pub use prediction::{NoTheory, Prediction, predict, predict_coactivation};
pub use shatterscope_engine::theory::{Draws, Moments, kappa0, kappa1, one_layer};
