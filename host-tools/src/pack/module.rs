use super::Packed;
use std::fmt::Write;

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

/// The module: layers, network, parameters. Every number is written so that it reads back to the same bits.
pub fn text(packed: &Packed, model: &str, net: &str) -> String {
    let mut text = format!(
        "//! Packed from {} and {} by `shatterscope pack`: write it anew rather than change it.\n//!\n\
         //! {} B of parameters.\n#![allow(clippy::approx_constant, reason = \"a weight that looks like pi is none\")]\n\n\
         use shatterscope::network::{{Dense, Layer, Network, Parameters, Role}};\n\n\
         /// The operations, in the order of the data.\npub const LAYERS: [Layer; {}] = [\n",
        quoted(model),
        quoted(net),
        packed.bytes(),
        packed.layers.len()
    );
    for layer in &packed.layers {
        // The core's own names, as its `Debug` prints them.
        let shown = format!("{layer:?}").replace("role: ", "role: Role::");
        let _ = writeln!(text, "    Layer::{shown},");
    }
    text += "];\n\n/// The network.\npub const NETWORK: Network<'static> = Network::Layers(&LAYERS);\n\n\
             /// Weights `[out][in]` and biases of the dense layers.\n";
    let _ = writeln!(text, "pub static PARAMETERS: [Parameters<'static>; {}] = [", packed.tensors.len());
    for i in 1..=packed.tensors.len() {
        let _ = writeln!(text, "    Parameters {{ weight: &WEIGHT_{i}, bias: &BIAS_{i} }},");
    }
    text += "];\n";
    for (i, (name, weight, bias)) in packed.tensors.iter().enumerate() {
        for (part, data) in [("weight", weight), ("bias", bias)] {
            let constant = part.to_uppercase();
            let _ = writeln!(
                text,
                "\n/// {}\n#[rustfmt::skip]\nstatic {constant}_{}: [f32; {}] = [",
                quoted(&format!("{name}.{part}")),
                i + 1,
                data.len()
            );
            numbers(&mut text, data);
            text += "];\n";
        }
    }
    text
}

/// Lines of numbers, each of which reads back to the same bits.
pub(super) fn numbers(text: &mut String, data: &[f32]) {
    for line in data.chunks(PER_LINE) {
        let line: Vec<String> = line.iter().map(|x| format!("{x:?}")).collect();
        let _ = writeln!(text, "    {},", line.join(", "));
    }
}
