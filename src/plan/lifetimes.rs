use crate::graph::Graph;

/// The operand that node i may write its value over: one that nothing needs afterwards, of an operation that may work in place.
pub(crate) const fn overwritten(graph: &Graph, i: usize) -> Option<usize> {
    let node = graph.at(i);
    let (x, y) = (node.x as usize, node.y as usize);
    // A sum of a value and itself reads it twice.
    if node.is_input() || (x == y && node.op.is_binary()) {
        return None;
    }
    let last = (graph.at(x).last_use as usize == i, graph.at(y).last_use as usize == i);
    if !(last.0 || last.1) {
        return None;
    }
    match graph.facts(i as u32) {
        Some(facts) if facts.in_place => Some(if last.1 { y } else { x }),
        _ => None,
    }
}

/// The last node that needs the storage of value i, in which other values may take its place.
pub(super) const fn last_need(graph: &Graph, i: usize) -> usize {
    let mut at = i;
    loop {
        let last = graph.at(at).last_use as usize;
        if last >= graph.len() {
            return graph.len();
        }
        match overwritten(graph, last) {
            Some(operand) if operand == at => at = last,
            _ => return last,
        }
    }
}

/// Units of value i.
pub(super) const fn units(graph: &Graph, i: usize) -> u64 {
    match graph.at(i).shape.units() {
        Some(units) => units as u64,
        None => 0,
    }
}
