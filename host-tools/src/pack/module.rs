use super::Packed;
use crate::{Failure, Result, limits};
use shatterscope::graph::{Node, Op};
use std::fmt::{self, Write};

/// Characters of a name that a comment shows.
const LONGEST: usize = 200;

/// Text from elsewhere as a comment holds it, between backticks. Nothing in it ends the line or the backticks, changes the direction of
/// what follows, or is invisible: such characters become escapes, as do quotes and backslashes. The end of a long text is left out.
pub(super) fn quoted(text: &str) -> String {
    let mut shown = text.chars().take(LONGEST).collect::<String>().escape_debug().to_string().replace('`', "\\u{60}");
    match text.chars().count() {
        all if all > LONGEST => shown += &format!("... ({} more characters)", all - LONGEST),
        _ => {}
    }
    format!("`{shown}`")
}

/// Elements of a tensor on a line.
const PER_LINE: usize = 8;

/// Most characters of a number with its comma and space: `-0.00012345679, ` has 16, `-9999999000000000.0, ` has 21.
const NUMBER: u64 = 21;

/// The module: nodes, graph, parameters. Every number is written so that it reads back to the same bits.
///
/// # Errors
/// Too little memory for its text.
pub fn text(packed: &Packed, model: &str, net: &str) -> Result<String> {
    let running = &packed.network.running[..];
    let mut text = room(&[packed.parameters(), running])?;
    let nodes = nodes(packed.nodes());
    // A module imports what its nodes name.
    let windows = [("DilatedWindow, ", "DilatedWindow {"), (", Window", " Window {")];
    let [dilated, window] = windows.map(|(import, used)| if nodes.contains(used) { import } else { "" });
    let _ = write!(
        text,
        "//! Packed from {} and {} by `shatterscope pack`: write it anew rather than change it.\n//!\n\
         //! {} B of parameters.\n{ALLOWED}\n\
         use shatterscope::graph::{{{dilated}Graph, Node, Op, Shape{window}}};\n\n{nodes}\n\
         /// The graph.\npub const GRAPH: Graph<'static> = match Graph::new(&NODES) {{\n    Ok(graph) => graph,\n    \
         Err(_) => panic!(\"the nodes do not fit each other\"),\n}};\n\n\
         /// Weights `[out][in]` and biases, node by node.\n#[rustfmt::skip]\npub static PARAMETERS: [f32; {}] = [\n",
        quoted(model),
        quoted(net),
        packed.bytes(),
        packed.parameters().len()
    );
    let mut rest = packed.parameters();
    for (name, len) in &packed.tensors {
        let (data, others) = rest.split_at(*len);
        rest = others;
        let _ = writeln!(text, "    // {}", quoted(name));
        numbers(&mut text, data);
    }
    text += "];\n";
    if !running.is_empty() {
        let len = running.len();
        let _ = write!(
            text,
            "\n/// Running means and variances of batch norms.\n#[rustfmt::skip]\npub static RUNNING: [f32; {len}] = [\n"
        );
        numbers(&mut text, running);
        text += "];\n";
    }
    Ok(text)
}

/// What a module of weights begins with.
pub(super) const ALLOWED: &str =
    "#![allow(clippy::approx_constant, reason = \"a weight that looks like pi is not pi\")]\n";

/// The nodes of a graph as a static, with the core's own names, as its `Debug` prints them.
pub(super) fn nodes(nodes: &[Node]) -> String {
    let mut text = format!("/// The nodes of the graph.\npub static NODES: [Node; {}] = [\n", nodes.len());
    for node in nodes {
        let literal = literal(node);
        // What is packed does not learn.
        let _ = writeln!(text, "    {},", literal.replace("frozen: [false, false]", "..Node::EMPTY"));
    }
    text += "];\n";
    text
}

/// A node as its `Debug` prints it, with the paths of enums among the numbers of its operation.
fn literal(node: &Node) -> String {
    const NUMBERS: [&str; 6] = ["u32", "i32", "f32", "bool", "Shape", "Window"];
    let mut text = format!("{node:?}").replacen("op: ", "op: Op::", 1);
    let entry = Op::LIST.iter().find(|entry| entry.op.name() == node.op.name());
    for [name, kind, _] in entry.map_or(&[][..], |entry| entry.numbers) {
        if !NUMBERS.contains(kind) {
            // The operation comes first.
            text = text.replacen(&format!("{name}: "), &format!("{name}: shatterscope::graph::{kind}::"), 1);
        }
    }
    // Bounds of a clip.
    text.replace(": inf", ": f32::INFINITY").replace(": -inf", ": f32::NEG_INFINITY")
}

/// An empty text with memory for all these numbers.
///
/// # Errors
/// Too little memory, before any is taken.
pub(super) fn room(all: &[&[f32]]) -> Result<String> {
    const REST: u64 = 1 << 16;
    let count: u64 = all.iter().map(|data| data.len() as u64).sum();
    let mut bytes = count * NUMBER + count / PER_LINE as u64 * 6 + REST;
    let ask = |bytes| limits::memory(bytes, "the text of the module", "the number of parameters");
    // What all numbers take if each is as long as any is an upper bound; where it does not fit, they are counted.
    if ask(bytes).is_err() {
        let mut counter = Counter(REST);
        all.iter().for_each(|data| numbers(&mut counter, data));
        bytes = counter.0;
        ask(bytes)?;
    }
    let mut text = String::new();
    let reserved = usize::try_from(bytes).ok().is_some_and(|bytes| text.try_reserve_exact(bytes).is_ok());
    match reserved {
        true => Ok(text),
        false => Err(Failure::failed(format!(
            "the system has no {} of memory in one piece for the text of the module: lower the number of parameters",
            limits::size(bytes)
        ))),
    }
}

/// Counts what is written.
struct Counter(u64);

impl Write for Counter {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0 += text.len() as u64;
        Ok(())
    }
}

/// Lines of numbers, each of which reads back to the same bits.
pub(super) fn numbers(text: &mut impl Write, data: &[f32]) {
    for line in data.chunks(PER_LINE) {
        let _ = text.write_str("    ");
        for (i, x) in line.iter().enumerate() {
            let _ = write!(text, "{}{x:?}", if i > 0 { ", " } else { "" });
        }
        let _ = text.write_str(",\n");
    }
}
