//! Trained networks, from their checkpoints.
use super::module::{ALLOWED, nodes, numbers, quoted, room};
use crate::data::Inputs;
use crate::predict::Placed;
use crate::{Failure, Result};
use shatterscope_engine::Model;
use std::fmt::Write;

/// A trained network as a const Rust module for inference: nodes, slots, parameters, running statistics, the scaling of
/// its inputs, and the lengths of its buffers.
///
/// # Errors
/// Values that cannot be counted; too little memory for the text.
pub fn text(model: &Model, inputs: &Inputs, placed: &Placed, from: &str) -> Result<String> {
    let plan = placed.plan()?;
    let too_large = || Failure::usage("the values of the network cannot be counted");
    let values = plan.values_len(1, 1).ok_or_else(too_large)?;
    let bytes = 4 * (model.parameters.len() + model.running.len());
    let nodes = nodes(&placed.nodes);
    // A network without windows uses no window.
    let window = if nodes.contains(" Window {") { "use shatterscope::graph::Window;\n" } else { "" };
    let mut text = room(&[&model.parameters, &model.running])?;
    let _ = write!(
        text,
        "//! Packed from the checkpoint in {} by `shatterscope pack --checkpoint`: write it anew rather than change it.\n//!\n\
         //! {bytes} B of parameters.\n{ALLOWED}\n\
         use shatterscope::graph::{{Node, Op, Shape}};\n{window}\n\
         /// f32 elements of the values of one point.\npub const VALUES_LEN: usize = {values};\n\
         /// f32 elements of the smallest scratch.\npub const SCRATCH_LEN: usize = {};\n\n{nodes}",
        quoted(from),
        plan.scratch_len,
    );
    let slots: Vec<String> = placed.slots.iter().map(u32::to_string).collect();
    let _ = write!(
        text,
        "\n/// Where each value begins.\npub static SLOTS: [u32; {}] = [{}];\n\n\
         /// Weights and biases, node by node.\n#[rustfmt::skip]\npub static PARAMETERS: [f32; {}] = [\n",
        slots.len(),
        slots.join(", "),
        model.parameters.len()
    );
    numbers(&mut text, &model.parameters);
    let _ = write!(
        text,
        "];\n\n/// Running means and variances of batch norms.\n#[rustfmt::skip]\npub static RUNNING: [f32; {}] = [\n",
        model.running.len()
    );
    numbers(&mut text, &model.running);
    text += "];\n\n/// The input of a byte in channel c is `(byte - MEAN[c]) * INV[c]`.\n";
    for (name, values) in [("MEAN", &inputs.mean), ("INV", &inputs.inv)] {
        let _ = writeln!(text, "pub static {name}: [f32; {}] = {values:?};", values.len());
    }
    Ok(text)
}
