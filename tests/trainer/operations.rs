//! The list of operations against `docs/vectors/operation.json`, which an implementation of its own wrote, and `docs/operations.md`, which is
//! made from the list.
use super::dags::Draw;
use super::examples::{Example, all, case_of, nodes_of};
use super::runs::compare;
use super::tangents::tangents;
use super::walk::{Walk, turned};
use crate::vectors::{cases, floats, rows, same, uint, words};
use shatterscope::graph::{Entry, Function, Node, Op, Saved, Shape};
use std::collections::BTreeSet;
use std::fmt::Write;

#[test]
fn operations_are_those_of_the_contract() {
    let mut known = BTreeSet::new();
    for (number, case) in (0..).zip(cases("operation")) {
        let name = case["operation"].as_str().unwrap();
        let entry = all().find(|entry| entry.op.name() == name).unwrap_or_else(|| panic!("{name} is no operation"));
        known.insert(name.to_owned());
        let mut encoded = nodes_of(&entry).last().unwrap().to_words();
        encoded[..6].copy_from_slice(&words(&case["words"]));
        let op = Node::from_words(&encoded).unwrap_or_else(|| panic!("words of no node: {case}")).op;
        assert_eq!(op.name(), name);
        let shape = |name: &str| {
            let extent: Vec<_> = case[name].as_array()?.iter().map(uint).collect();
            Some(Shape { channels: extent[0] as u32, height: extent[1] as u16, width: extent[2] as u16 })
        };
        let operand = shape("operand").unwrap();
        let second = shape("second").unwrap_or(operand);
        let points = uint(&case["points"]) as usize;
        let mut ours = case_of(&Example { op, operands: [operand, second] }, points);
        // `[unit][point]` there, `[point][unit]` here.
        let by_points = |x: &Vec<f32>| turned(x, x.len() / points);
        ours.parameters = floats(&case["parameters"]);
        ours.inputs = rows(&case["x"]).iter().map(by_points).collect();
        ours.seeds[0].1 = by_points(&floats(&case["g"]));
        let (walk, gradient) = Walk::both(&ours, false);
        same(walk.values.last().unwrap(), &floats(&case["y"]), &case);
        for (ours, theirs) in walk.gradients.iter().zip(rows(&case["grad_x"])) {
            same(ours.as_ref().unwrap(), &theirs, &case);
        }
        same(&gradient, &floats(&case["grad_parameters"]), &case);
        let (walk, spans) = Walk::values(&ours, false);
        let along: Vec<_> = rows(&case["t"]).iter().map(by_points).collect();
        same(tangents(&ours, &walk, &spans, &along, true).0.last().unwrap(), &floats(&case["tangent"]), &case);
        // The plain loops are those of the contract; what runs a graph is like the plain loops.
        compare(&ours, number, &mut Draw(0, 7_000_000 + number));
    }
    assert_eq!(known, all().map(|entry| entry.op.name().to_owned()).collect());
}

const HEAD: &str = "\
# Operations

The operations of a graph, made from their list in `src/op/mod.rs` by `cargo test -p shatterscope --test all -- --ignored write_operations`.
[numerics.md](numerics.md) defines the order of their arithmetic, and [vectors/operation.json](vectors/operation.json) has examples of each. An
operand is x, the value y. An encoded node begins with the tag and the numbers, a word each, in this order ([wire-format.md](wire-format.md)).

";

const MEMORY: &str = "
## Memory

A value in place may be written over an operand that no other operation needs. What is kept of the forward pass depends on which gradients are
wanted: those of the inputs alone, or those of the parameters as well.

";

const SCHEDULES: &str = "
## Schedules

`exec::Run` computes all points at once (whole) or some at a time (blocks), and for the statistics of norms computes each operation again for the whole
batch (recompute); gives gradients of the inputs or, in forward mode, tangents of the outputs; and takes parameters from memory or draws weights from a
seed, a panel at a time. One-bit gates are what a relu keeps for its gradient. Each yes is a test in `tests/trainer/examples.rs`.

";

const FUNCTIONS: &str = "
## Numbers of operations

`Axis`: 0 channels, 1 rows, 2 columns. `Pair`: 1 add, 2 subtract, 3 multiply, 4 divide, 5 maximum, 6 minimum. `PadMode`: 1 constant, 2 reflect, 3 edge.
`Reduction`: 1 mean, 2 sum, 3 maximum. `Function`, with the numbers a and b, and what the derivative is computed from:

| number | function | value | derivative from |
|---|---|---|---|
";

/// One line of a table of `docs/operations.md` for each operation.
fn table(text: &mut String, titles: &[&str], row: impl Fn(&Entry) -> Vec<String>) {
    let _ = writeln!(text, "| {} |\n|{}", titles.join(" | "), "---|".repeat(titles.len()));
    for entry in Op::LIST {
        let _ = writeln!(text, "| {} |", row(entry).join(" | "));
    }
}

fn numbers(entry: &Entry) -> String {
    let number = |[name, kind, about]: &[&str; 3]| {
        let kind = match *kind {
            "Window" => "window: rows, columns, stride, padding".to_owned(),
            "DilatedWindow" => "window: rows and columns, 16 bits each; strides, then dilations of rows and columns, 8 bits each; padding above, left, \
                                below, right, 8 bits each; all from the lowest bit of their word"
                .to_owned(),
            "Shape" => "channels, rows, columns".to_owned(),
            "bool" => format!("`{name}`, bit 8 of the tag"),
            kind => format!("`{name}`, {kind}"),
        };
        format!("{kind} ({})", about.trim().trim_end_matches('.'))
    };
    entry.numbers.iter().map(number).collect::<Vec<_>>().join("; ")
}

/// What the backward pass keeps of the forward pass, with gradients of the parameters or without.
fn kept(entry: &Entry, learns: bool) -> String {
    let facts = entry.op.backward(entry.operand, 1, learns);
    let saved =
        if learns && facts.saved_for_parameters != Saved::Nothing { facts.saved_for_parameters } else { facts.saved };
    let units = u64::from(entry.operand.units().unwrap());
    let tape = match facts.tape {
        0 => None,
        bytes if bytes == units.div_ceil(8) => Some("a bit of each element".to_owned()),
        bytes => {
            let value = entry.op.facts(entry.operand, entry.operand).unwrap().shape.units();
            let maxima = Some(bytes) == value.map(u64::from);
            Some(if maxima {
                "a byte of each value".to_owned()
            } else {
                format!("{bytes} B of statistics in the example")
            })
        }
    };
    let saved = match saved {
        Saved::Nothing => None,
        Saved::Operands => Some("its operands".to_owned()),
        Saved::Value => Some("its value".to_owned()),
        Saved::Normalised => Some("the normalised operand".to_owned()),
    };
    let all: Vec<_> = [saved, tape].into_iter().flatten().collect();
    if all.is_empty() { "nothing".to_owned() } else { all.join(", ") }
}

/// The page. What is in it follows from the list, and each "yes" is run by a test.
fn page() -> String {
    let mut text = HEAD.to_owned();
    table(&mut text, &["tag", "operation", "value", "numbers"], |entry| {
        vec![entry.tag.to_string(), entry.op.name().to_owned(), entry.about.trim().replace('|', "\\|"), numbers(entry)]
    });
    text.push_str(FUNCTIONS);
    for &(function, [a, b]) in Function::LIST {
        let from = match (Op::Function { function, a, b }).elements().unwrap().of() {
            Saved::Value => "the value",
            Saved::Operands => "the operand",
            _ => "neither",
        };
        let about = function.about().trim().replace('|', "\\|");
        let _ = writeln!(text, "| {} | {} | {about} | {from} |", function as u8, function.name());
    }
    text.push_str(MEMORY);
    table(&mut text, &["operation", "in place", "keeps for gradients of operands", "and of parameters"], |entry| {
        let facts = entry.op.facts(entry.operand, entry.operand).unwrap();
        let yes = |yes: bool| if yes { "yes" } else { "no" }.to_owned();
        let of_parameters = if facts.parameters_len() > 0 { kept(entry, true) } else { "-".to_owned() };
        vec![entry.op.name().to_owned(), yes(facts.in_place), kept(entry, false), of_parameters]
    });
    text.push_str(SCHEDULES);
    let titles = ["operation", "whole", "blocks", "recompute", "forward mode", "seeded panels", "one-bit gates"];
    table(&mut text, &titles, |entry| {
        let mut row = vec![entry.op.name().to_owned()];
        row.extend(["yes"; 4].map(str::to_owned));
        row.extend([panels(entry), gates(entry)].map(str::to_owned));
        row
    });
    text
}

/// Whether its weights are drawn by panels.
fn panels(entry: &Entry) -> &'static str {
    let facts = entry.op.facts(entry.operand, entry.operand).unwrap();
    // What is drawn has no constant to start from.
    match (facts.parameters_len(), facts.start == 0.0) {
        (0, _) => "no parameters",
        (_, true) => "yes",
        (_, false) => "yes: they start from a constant",
    }
}

/// Whether a bit of each element is all that the gradient of its operand needs, or why not.
fn gates(entry: &Entry) -> &'static str {
    let facts = entry.op.backward(entry.operand, 1, false);
    let units = entry.operand.units().map(u64::from);
    match (facts.saved, facts.tape) {
        (Saved::Nothing, 0) => "no: the derivative does not depend on x",
        (Saved::Nothing, bytes) if Some(bytes) == units.map(|units| units.div_ceil(8)) => "yes",
        (Saved::Nothing, _) => "no: a window has more than two places",
        _ => "no: the derivative takes more than two values",
    }
}

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/operations.md");

#[test]
fn the_page_of_operations_is_that_of_the_list() {
    let committed = std::fs::read_to_string(FILE).unwrap_or_default();
    assert!(
        committed == page(),
        "docs/operations.md is not that of the list: cargo test -p shatterscope --test all -- --ignored write_operations"
    );
}

#[test]
#[ignore = "writes docs/operations.md"]
fn write_operations() {
    std::fs::write(FILE, page()).unwrap();
}
