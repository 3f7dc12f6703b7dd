//! Layers with weights.
use super::super::assemble::{Assembler, shape_of};
use super::super::keys::Value;
use super::super::parse::Layer;
use super::Made;
use crate::text::visible;
use shatterscope::graph::{DilatedWindow, Op, Pair, Shape};
use shatterscope_model::window;

impl Assembler<'_> {
    /// The prefix of a layer's tensors.
    pub fn prefix<'l>(&self, layer: &'l Layer) -> Made<&'l str> {
        layer.prefix().ok_or_else(|| format!("it needs the name of its tensors: {{ {} = \"name\" }}", layer.operation))
    }

    pub fn dense(&mut self, layer: &Layer) -> Made<u32> {
        let name = self.prefix(layer)?;
        let x = match self.is_empty() && layer.inputs.is_empty() {
            true => None,
            false => Some(self.operand(layer)?),
        };
        let units = x.and_then(|x| self.shape(x).units());
        let (of_weight, of_bias) = (format!("{name}.weight"), format!("{name}.bias"));
        let expected = units.map_or("[out, in]".to_owned(), |units| format!("[out, {units}]"));
        let weight = self.tensors.need(&of_weight, &expected)?;
        let shown = visible(&of_weight);
        let &[rows, columns] = weight.shape.as_slice() else {
            return Err(format!("{shown} is {:?}; a dense layer wants {expected}", weight.shape));
        };
        let (Ok(outputs @ 1..), Ok(inputs @ 1..)) = (u32::try_from(rows), u32::try_from(columns)) else {
            return Err(format!("{shown} is [{rows}, {columns}]; both must be between 1 and {}", u32::MAX));
        };
        if let Some(units) = units.filter(|&units| units != inputs) {
            let turned = if units == outputs { ": transpose it" } else { "" };
            return Err(format!(
                "{shown} is [{rows}, {columns}] and stands behind {units} units; expected [out, {units}]{turned}"
            ));
        }
        let bias = self.tensors.row(&of_bias, outputs)?;
        let x = match x {
            Some(x) => x,
            None => self.input_of(inputs)?,
        };
        let op = Op::Dense { outputs, bias: bias.is_some() };
        let parts = [(&*of_weight, &*weight.data), (&*of_bias, bias.unwrap_or_default())];
        self.push_with(op, x, &parts[..1 + usize::from(bias.is_some())], &[])
    }

    pub fn conv(&mut self, layer: &Layer) -> Made<u32> {
        let (name, x) = (self.prefix(layer)?, self.operand(layer)?);
        let Shape { channels, height, .. } = self.shape(x);
        let groups = layer.at_least_one("groups", 1)?;
        if !channels.is_multiple_of(groups) {
            return Err(format!("groups = {groups} does not divide the {channels} channels of its operand"));
        }
        let each = channels / groups;
        let (of_weight, of_bias) = (format!("{name}.weight"), format!("{name}.bias"));
        let expected = format!("[out, {each}, rows, columns]");
        let weight = self.tensors.need(&of_weight, &expected)?;
        let (outputs, kernel) = kernel(&weight.shape, each, height == 1).map_err(|turned| {
            format!(
                "{} is {:?}; its operand has {channels} channels in {groups} groups: expected {expected}{turned}",
                visible(&of_weight),
                weight.shape
            )
        })?;
        if !outputs.is_multiple_of(groups) {
            return Err(format!("groups = {groups} does not divide the {outputs} channels of {}", visible(&of_weight)));
        }
        let window = self.window_of(layer, kernel, weight.shape.len() == 3, [1, 1])?;
        let bias = self.tensors.row(&of_bias, outputs)?;
        let parts = [(&*of_weight, &*weight.data), (&*of_bias, bias.unwrap_or_default())];
        let parts = &parts[..1 + usize::from(bias.is_some())];
        let biased = bias.is_some();
        match layer.operation {
            "conv" => self.push_with(window::conv(outputs, groups, window, biased), x, parts, &[]),
            "grouped-conv" => {
                self.push_with(Op::GroupedConv { channels: outputs, groups, window, bias: biased }, x, parts, &[])
            }
            _ => {
                let sum = Op::TapsFirstConv { channels: outputs, groups, window };
                let sum = self.push_with(sum, x, &parts[..1], &[])?;
                let Some(bias) = bias else { return Ok(sum) };
                let constant = Op::Constant { shape: Shape::vector(outputs), start: 0.0 };
                let bias = self.push_with(constant, sum, &[(&*of_bias, bias)], &[])?;
                self.push(Op::Pairwise { pair: Pair::Add }, sum, bias)
            }
        }
    }

    /// The window of these taps with the keys of a layer; `strides` is the default.
    pub fn window_of(
        &self,
        layer: &Layer,
        [height, width]: [u32; 2],
        one_axis: bool,
        strides: [u32; 2],
    ) -> Made<DilatedWindow> {
        let byte = |key: &str, n: u32| u8::try_from(n).map_err(|_| format!("{key} = {n}: at most 255 are supported"));
        let bytes = |key: &str, [a, b]: [u32; 2]| Ok::<_, String>([byte(key, a)?, byte(key, b)?]);
        let taps = |n: u32| match u16::try_from(n) {
            Ok(taps @ 1..) => Ok(taps),
            _ => Err(format!("its window has {n} taps along an axis: between 1 and 65535 are supported")),
        };
        let of = |key: &str, default: [u32; 2]| match layer.pair(key, one_axis, 1)? {
            Some([a, b]) if a == 0 || b == 0 => Err(format!("{key}: expected whole numbers of at least 1")),
            Some(pair) => bytes(key, pair),
            None => bytes(key, default),
        };
        let (strides, dilations) = (of("stride", strides)?, of("dilation", [1, 1])?);
        let padding =
            match layer.keys.get("padding") {
                None => [0; 4],
                Some(Value::Text(same)) if same == "same" => {
                    if strides != [1, 1] {
                        return Err("padding = \"same\" is for a stride of 1: give numbers".to_owned());
                    }
                    // As PyTorch: an odd rest is below and right.
                    let all = [height, width].map(|n| n.saturating_sub(1));
                    let all = [all[0] * u32::from(dilations[0]), all[1] * u32::from(dilations[1])];
                    let [above, left] = all.map(|n| n / 2);
                    [above, left, all[0] - above, all[1] - left]
                }
                Some(value) => match (value.counts().as_deref(), value) {
                    (Some(&[n]), Value::Integer(_)) => {
                        if one_axis {
                            [0, n, 0, n]
                        } else {
                            [n; 4]
                        }
                    }
                    (Some(&[rows, columns]), _) => [rows, columns, rows, columns],
                    (Some(&[above, left, below, right]), _) => [above, left, below, right],
                    _ => return Err(
                        "padding: expected a whole number, [rows, columns], [above, left, below, right] or \"same\""
                            .to_owned(),
                    ),
                },
            };
        let [above, left, below, right] = padding;
        let ([above, left], [below, right]) = (bytes("padding", [above, left])?, bytes("padding", [below, right])?);
        let (height, width) = (taps(height)?, taps(width)?);
        Ok(DilatedWindow { height, width, strides, dilations, padding: [above, left, below, right] })
    }

    pub fn prelu(&mut self, layer: &Layer) -> Made<u32> {
        let (name, x) = (self.prefix(layer)?, self.operand(layer)?);
        let channels = self.shape(x).channels;
        let of = format!("{name}.weight");
        let slopes = self.tensors.need(&of, &format!("[1] or [{channels}]"))?;
        let first = slopes.data.first().copied().unwrap_or_default();
        let op = Op::Prelu { slope: first };
        match slopes.shape[..] {
            [n] if n == channels as usize => self.push_with(op, x, &[(&*of, &*slopes.data)], &[]),
            [1] => {
                let spread = self.filled(first, channels)?;
                self.push_with(op, x, &[(&*of, &*spread)], &[])
            }
            _ => Err(format!(
                "{} is {:?}; its operand has {channels} channels: expected [1] or [{channels}]",
                visible(&of),
                slopes.shape
            )),
        }
    }

    /// A tensor as a value: the one of the name, or `NAME.weight`.
    pub fn constant(&mut self, layer: &Layer) -> Made<u32> {
        let name = self.prefix(layer)?;
        // Its operand is not used: the last node keeps no value alive for it.
        let Some(x) = self.built.nodes().len().checked_sub(1) else {
            return Err("a network begins with an input: write input = [..] in the list".to_owned());
        };
        let other = format!("{name}.weight");
        let (of, tensor) = match self.tensors.find(name)? {
            Some(tensor) => (name, tensor),
            None => (&*other, self.tensors.need(&other, "a tensor of one to three axes")?),
        };
        let extents: Option<Vec<u32>> =
            tensor.shape.iter().map(|&n| u32::try_from(n).ok().filter(|n| *n > 0)).collect();
        let stated = layer.extents("shape")?;
        let extents = stated.or(extents).unwrap_or_default();
        let shape =
            shape_of(&extents).map_err(|why| format!("{} is {:?}: {why}: give shape", visible(of), tensor.shape))?;
        if shape.units().map(u64::from) != Some(tensor.data.len() as u64) {
            return Err(format!("{} has {} elements, and shape is {extents:?}", visible(of), tensor.data.len()));
        }
        self.push_with(Op::Constant { shape, start: 0.5 }, x as u32, &[(of, &*tensor.data)], &[])
    }
}

/// Outputs and taps of a convolution's weights, `[out, in, rows, columns]`, or `[out, in, columns]` over one row; else what could be meant.
fn kernel(shape: &[usize], each: u32, one_row: bool) -> Result<(u32, [u32; 2]), &'static str> {
    let own: Option<Vec<u32>> = shape.iter().map(|&n| u32::try_from(n).ok().filter(|n| *n > 0)).collect();
    match own.as_deref() {
        Some(&[out, input, rows, columns]) if input == each => Ok((out, [rows, columns])),
        Some(&[out, input, columns]) if input == each && one_row => Ok((out, [1, columns])),
        Some(&[_, input, _]) if input == each => Err(", for its operand has more than one row"),
        Some(&[input, _, _, _]) if input == each => Err(": exchange its first two axes"),
        Some(&[_, _, input, _]) if input == each => Err(": transpose it from [rows, columns, in, out]"),
        Some(&[_, _, _, input]) if input == each => Err(": transpose it from [out, rows, columns, in]"),
        _ => Err(""),
    }
}
