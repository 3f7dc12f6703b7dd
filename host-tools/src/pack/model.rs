//! Models from files as const Rust modules.
use super::module::{ALLOWED, numbers, quoted, room};
use crate::model::Network;
use crate::{Failure, Result};
use std::fmt::Write;

/// A network for inference as a const Rust module: encoded nodes, slots, parameters, running statistics, the lengths of its buffers, and functions that
/// make its graph and its plan.
///
/// # Errors
/// Values that cannot be counted; too little memory for the text.
pub fn text(network: &Network, from: &str) -> Result<String> {
    let placed = &network.placed;
    let plan = placed.plan()?;
    let values = plan.values_len(1, 1).ok_or_else(|| Failure::usage("the values of the network cannot be counted"))?;
    let mut text = room(&[&network.parameters, &network.running])?;
    let bytes = 4 * (network.parameters.len() + network.running.len());
    let ports = |ports: &[crate::model::Port]| {
        let each = |port: &crate::model::Port| format!("{} {:?}", quoted(&port.name), port.shape);
        ports.iter().map(each).collect::<Vec<_>>().join(", ")
    };
    let _ = write!(
        text,
        "//! Packed from {} by `shatterscope pack`: write it anew rather than change it.\n//!\n\
         //! Inputs {}, outputs {}; {bytes} B of parameters.\n{ALLOWED}\n\
         use shatterscope::Error;\nuse shatterscope::graph::{{Graph, NodeWords}};\nuse shatterscope::plan::{{Plan, Want}};\n\n\
         /// f32 elements of the values of one point.\npub const VALUES_LEN: usize = {values};\n\
         /// f32 elements of the smallest scratch.\npub const SCRATCH_LEN: usize = {};\n\n\
         /// The nodes of the graph, encoded.\n#[rustfmt::skip]\npub static NODES: [NodeWords; {}] = [\n",
        quoted(from),
        ports(&network.inputs),
        ports(&network.outputs),
        plan.scratch_len,
        placed.nodes.len()
    );
    for (i, node) in (0..).zip(&placed.nodes) {
        let words: Vec<String> = node.to_words().iter().map(u32::to_string).collect();
        let name = quoted(placed.names().plain(i).unwrap_or_default());
        let _ = writeln!(text, "    [{}], // {}, {name}", words.join(", "), node.op.name());
    }
    let slots: Vec<String> = placed.slots.iter().map(u32::to_string).collect();
    let _ = write!(
        text,
        "];\n\n/// Where each value begins.\npub static SLOTS: [u32; {}] = [{}];\n\n\
         /// The graph.\n///\n/// # Errors\n/// None for these nodes.\npub fn graph() -> Result<Graph<'static>, Error> {{\n    Graph::from_words(&NODES)\n}}\n\n\
         /// Its plan for inference; `graph` is what [`graph`] gives.\n///\n/// # Errors\n/// None for this graph.\n\
         pub fn plan(graph: &Graph<'static>) -> Result<Plan<'static>, Error> {{\n    Plan::new(graph, Want::Output, &SLOTS)\n}}\n\n\
         /// Weights and biases, node by node.\n#[rustfmt::skip]\npub static PARAMETERS: [f32; {}] = [\n",
        slots.len(),
        slots.join(", "),
        network.parameters.len()
    );
    numbers(&mut text, &network.parameters);
    let _ = write!(
        text,
        "];\n\n/// Running means and variances of batch norms.\n#[rustfmt::skip]\npub static RUNNING: [f32; {}] = [\n",
        network.running.len()
    );
    numbers(&mut text, &network.running);
    text += "];\n";
    Ok(text)
}
