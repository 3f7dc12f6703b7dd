//! Norms. Parameters that the file lacks are ones and zeros, as of PyTorch's norms without learned scale.
use super::super::assemble::Assembler;
use super::super::parse::Layer;
use super::Made;
use crate::text::visible;
use shatterscope::graph::{Op, Shape};

/// The weight of a new batch in the running statistics, if the network is trained: PyTorch's default.
const MOMENTUM: f32 = 0.1;

impl Assembler<'_> {
    pub fn batch_norm(&mut self, layer: &Layer) -> Made<u32> {
        let x = self.operand(layer)?;
        let op = match layer.operation {
            "centre" => Op::Centre,
            _ if layer.operation == "batch-norm" && layer.prefix().is_none() && !layer.keys.contains_key("eps") => {
                return Err("it needs the name of its tensors, { batch-norm = \"name\" }, or eps, to use the statistics of the points at hand".to_owned());
            }
            _ => Op::Normalise { eps: layer.eps()? },
        };
        let Some(name) = layer.prefix().filter(|_| layer.operation == "batch-norm") else {
            let of = layer.operation;
            let note = format!(
                "{of}: its statistics are of the examples of one forward pass, so that outputs depend on --batch"
            );
            if !self.notes.contains(&note) {
                self.notes.push(note);
            }
            if layer.keys.contains_key("momentum") {
                return Err("momentum: it has no running statistics without a name".to_owned());
            }
            return self.push(op, x, x);
        };
        let momentum = layer.number("momentum")?.unwrap_or(MOMENTUM);
        let channels = self.shape(x).channels;
        let of = |part: &str| format!("{name}.{part}");
        let [of_mean, of_variance] = [of("running_mean"), of("running_var")];
        let mean = self.tensors.need_row(&of_mean, channels)?;
        let variance = self.tensors.need_row(&of_variance, channels)?;
        if let Some(at) = variance.iter().position(|x| *x < 0.0) {
            return Err(format!(
                "{} is {} at element {at}: a variance is at least 0",
                visible(&of_variance),
                variance[at]
            ));
        }
        self.norm(Op::BatchNorm { eps: layer.eps()?, momentum }, x, Some(name), &[mean, variance])
    }

    pub fn group_norm(&mut self, layer: &Layer) -> Made<u32> {
        let x = self.operand(layer)?;
        let groups = layer.needed_count("groups")?;
        self.norm(Op::GroupNorm { groups, eps: layer.eps()? }, x, layer.prefix(), &[])
    }

    /// Over all units of an example, each of which has a scale and a shift.
    pub fn layer_norm(&mut self, layer: &Layer) -> Made<u32> {
        let x = self.operand(layer)?;
        let shape = self.shape(x);
        let units = shape.units().ok_or("its operand has too many units")?;
        let flat = self.reshaped(x, Shape::vector(units))?;
        let y = self.norm(Op::GroupNorm { groups: 1, eps: layer.eps()? }, flat, layer.prefix(), &[])?;
        self.reshaped(y, shape)
    }

    /// A norm with a scale and a shift for each channel.
    fn norm(&mut self, op: Op, x: u32, name: Option<&str>, running: &[&[f32]]) -> Made<u32> {
        let shape = self.shape(x);
        if let Some(name) = name.filter(|_| running.is_empty()) {
            let expected = format!("[{}]; without a scale leave its name out", shape.channels);
            self.tensors.need(&format!("{name}.weight"), &expected)?;
        }
        let mut parts = Vec::new();
        for (part, without) in [("weight", 1.0), ("bias", 0.0)] {
            let of = name.map(|name| format!("{name}.{part}"));
            // Of a layer norm over an image the tensors have the extents of the image.
            let row = match &of {
                Some(of) => self.tensors.find(of)?,
                None => None,
            };
            let own = match (row, &of) {
                (None, _) | (_, None) => self.filled(without, shape.channels)?,
                (Some(tensor), Some(of)) => match tensor.shape.iter().product::<usize>() == shape.channels as usize {
                    true => tensor.data.clone(),
                    false => return Err(format!("{} is {:?}, not [{}]", visible(of), tensor.shape, shape.channels)),
                },
            };
            parts.push((of.unwrap_or_else(|| self.built.name.clone()), own));
        }
        let parts: Vec<(&str, &[f32])> = parts.iter().map(|(of, own)| (&**of, &**own)).collect();
        self.push_with(op, x, &parts, running)
    }
}
