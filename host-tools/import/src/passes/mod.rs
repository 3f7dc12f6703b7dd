//! What happens to a graph after it was read.
mod batch_norm;
mod dead;
mod names;
mod recognise;
mod transposes;

use crate::{
    builder::{Builder, Element},
    error::{Error, Result},
    model::{Format, Model, ValueId},
    options::Options,
};

/// A graph as a format's reader leaves it.
pub struct Draft {
    pub format: Format,
    pub name: String,
    pub builder: Builder,
    pub inputs: Vec<ValueId>,
    /// With their names in the file.
    pub outputs: Vec<(String, ValueId)>,
    pub unused: Vec<String>,
}

/// Removes what is not needed and applies what the options want.
pub fn finish(draft: Draft, options: &Options) -> Result<Model> {
    for (name, id) in &draft.outputs {
        if let (Element::Other(kind), None) = (draft.builder.kinds[*id], &draft.builder.values[*id].constant) {
            let what = format!("the output {} of {kind} depends on an input: bind that", crate::error::quoted(name));
            return Err(Error::input(&draft.builder.values[*id].name, what));
        }
    }
    let (names, outputs): (Vec<String>, Vec<ValueId>) = draft.outputs.into_iter().unzip();
    let mut model = Model {
        format: draft.format,
        name: draft.name,
        values: draft.builder.values,
        nodes: draft.builder.nodes,
        inputs: draft.inputs,
        outputs,
        unused: draft.unused,
        notes: draft.builder.notes,
        profile: options.profile,
    };
    dead::remove(&mut model);
    transposes::sink(&mut model)?;
    dead::remove(&mut model);
    if options.recognise {
        recognise::recognise(&mut model);
        dead::remove(&mut model);
    }
    if options.fold {
        batch_norm::fold(&mut model);
        dead::remove(&mut model);
    }
    dead::compact(&mut model);
    names::unique(&mut model, &names);
    Ok(model)
}

/// The node that computes each value, one that uses it, and how often nodes and outputs do.
struct Uses {
    producer: Vec<Option<usize>>,
    consumer: Vec<Option<usize>>,
    count: Vec<usize>,
}

impl Uses {
    fn new(model: &Model) -> Self {
        let n = model.values.len();
        let mut uses = Self { producer: vec![None; n], consumer: vec![None; n], count: vec![0; n] };
        for (index, node) in model.nodes.iter().enumerate() {
            for &output in &node.outputs {
                uses.producer[output] = Some(index);
            }
            for &input in &node.inputs {
                uses.consumer[input] = Some(index);
                uses.count[input] += 1;
            }
        }
        for &output in &model.outputs {
            uses.count[output] += 1;
        }
        uses
    }

    /// There are new values, which nothing uses yet.
    fn grow(&mut self, values: usize) {
        self.producer.resize(values, None);
        self.consumer.resize(values, None);
        self.count.resize(values, 0);
    }

    /// A node has other operands.
    fn replaced(&mut self, old: &[ValueId], new: &[ValueId]) {
        old.iter().for_each(|&id| self.count[id] = self.count[id].saturating_sub(1));
        new.iter().for_each(|&id| self.count[id] += 1);
    }
}
