//! Masks of attention.
use super::Lower;
use shatterscope_import::{Operation as O, ValueId};

/// What masked entries have instead of negative infinity, which no value of the core may be: `exp` of it is +0.0 all the same.
const MASKED: f32 = -1e30;

impl Lower<'_> {
    /// The elements of a constant with large finite numbers for negative infinity; None if it has none, or is no mask.
    pub(super) fn mask(&mut self, value: ValueId, data: &[f32]) -> Option<Vec<f32>> {
        let masked = |x: &f32| *x == f32::NEG_INFINITY;
        let columns = *self.model.values[value].shape.last()?;
        // A softmax over a row without other entries would be NaN.
        if !data.iter().any(masked) || data.chunks(columns).any(|row| row.iter().all(masked)) || !self.is_mask(value) {
            return None;
        }
        let name = shatterscope_engine::text::visible(&self.built.name);
        self.notes.push(format!("{name}: masked entries have {MASKED:e} added, not negative infinity"));
        Some(data.iter().map(|x| if masked(x) { MASKED } else { *x }).collect())
    }

    /// Whether a constant is only added to values that nothing but a softmax along their last axis uses.
    fn is_mask(&self, value: ValueId) -> bool {
        let model = self.model;
        let users = |value: ValueId| model.nodes.iter().filter(move |node| node.inputs.contains(&value));
        users(value).all(|add| {
            let sum = add.outputs[0];
            let (rank, columns) = (model.values[sum].shape.len(), model.values[sum].shape.last());
            let softmax = |node: &shatterscope_import::Node| matches!(node.op, O::Softmax { axis } if axis + 1 == rank);
            matches!(add.op, O::Add)
                && columns == model.values[value].shape.last()
                && !model.outputs.contains(&sum)
                && users(sum).all(softmax)
        })
    }
}
