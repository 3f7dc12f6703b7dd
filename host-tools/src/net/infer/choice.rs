//! What the tensors do not tell: strides, padding, pools. The usual choices, and which of them fit the shapes.
use super::parts::{Kind, Part};

/// One choice for all convolutions of a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Choice {
    pub stride: u32,
    /// Padding that keeps the size at stride 1, or none.
    pub same: bool,
    /// A pool of 2 x 2 where a gap has room for more than a ReLU.
    pub pools: bool,
}

impl Choice {
    pub const PLAIN: Self = Self { stride: 1, same: false, pools: false };
}

/// The choices that fit, each of which is another network.
pub(super) fn fitting(parts: &[Part], input: &[u32]) -> Vec<Choice> {
    let mut all: Vec<(Vec<String>, Choice)> = Vec::new();
    for pools in [false, true] {
        for stride in [1, 2] {
            for same in [false, true] {
                let choice = Choice { stride, same, pools };
                let lines = lines(parts, input.first().copied(), input.len() > 1, choice);
                if fits(parts, input, choice) && !all.iter().any(|(other, _)| *other == lines) {
                    all.push((lines, choice));
                }
            }
        }
    }
    all.into_iter().map(|(_, choice)| choice).collect()
}

/// What is between a layer and the one before it.
struct Between {
    relu: bool,
    pool: bool,
    flatten: bool,
}

/// What a gap of so many layers is; None where a flatten has no room.
fn between(before: Option<&Part>, part: &Part, image: bool, choice: Choice) -> Option<Between> {
    let flatten = image && matches!(part.kind, Kind::Dense { .. });
    let gap = match before {
        Some(before) => part.index - before.index - 1,
        // Layers before the first one: a flatten, or nothing that can be told.
        None => return Some(Between { relu: false, pool: false, flatten }),
    };
    let rest = gap.checked_sub(u32::from(flatten))?;
    let active = before.is_some_and(|before| matches!(before.kind, Kind::Prelu { .. }));
    let relu = rest > 0 && !active;
    Some(Between { relu, pool: choice.pools && image && rest > u32::from(relu), flatten })
}

/// The layers of a list, in TOML.
pub(super) fn lines(parts: &[Part], channels: Option<u32>, image: bool, choice: Choice) -> Vec<String> {
    let (mut lines, mut image, mut channels) = (Vec::new(), image, channels);
    let mut before = None;
    for part in parts {
        let is_conv = matches!(part.kind, Kind::Conv { .. });
        image |= is_conv;
        let Between { relu, pool, flatten } =
            between(before, part, image, choice).unwrap_or(Between { relu: false, pool: false, flatten: true });
        let extra = [(relu, "\"relu\""), (pool, "{ max-pool = { kernel = 2 } }"), (flatten, "\"flatten\"")];
        lines.extend(extra.into_iter().filter(|(there, _)| *there).map(|(_, line)| line.to_owned()));
        let name = toml::Value::from(part.name.clone()).to_string();
        lines.push(match part.kind {
            Kind::Dense { .. } => format!("{{ dense = {name} }}"),
            Kind::BatchNorm { .. } => format!("{{ batch-norm = {name} }}"),
            Kind::LayerNorm { .. } if image => format!("{{ group-norm = {{ name = {name}, groups = 1 }} }}"),
            Kind::LayerNorm { .. } => format!("{{ layer-norm = {name} }}"),
            Kind::Prelu { .. } => format!("{{ prelu = {name} }}"),
            Kind::Conv { input, taps, one_axis, .. } => {
                let mut keys = format!("name = {name}");
                if choice.stride > 1 {
                    keys += &format!(", stride = {}", choice.stride);
                }
                let [rows, columns] = padding(taps, choice);
                if rows + columns > 0 {
                    keys += &match one_axis || rows == columns {
                        true => format!(", padding = {columns}"),
                        false => format!(", padding = [{rows}, {columns}]"),
                    };
                }
                match channels.map(|channels| channels / input) {
                    Some(groups) if groups > 1 => keys += &format!(", groups = {groups}"),
                    _ => {}
                }
                format!("{{ conv = {{ {keys} }} }}")
            }
        });
        channels = match part.kind {
            Kind::Dense { outputs, .. } | Kind::Conv { outputs, .. } => Some(outputs),
            _ => channels,
        };
        image &= !matches!(part.kind, Kind::Dense { .. });
        before = Some(part);
    }
    lines
}

fn padding(taps: [u32; 2], choice: Choice) -> [u32; 2] {
    taps.map(|taps| if choice.same { (taps - 1) / 2 } else { 0 })
}

/// Whether the layers fit each other.
fn fits(parts: &[Part], input: &[u32], choice: Choice) -> bool {
    flows(parts, input, choice).is_some()
}

fn flows(parts: &[Part], input: &[u32], choice: Choice) -> Option<()> {
    let (mut channels, mut size) = match *input {
        [channels] => (channels, [1, 1]),
        [channels, columns] => (channels, [1, columns]),
        [channels, rows, columns] => (channels, [rows, columns]),
        _ => return None,
    };
    let mut image = input.len() > 1;
    let mut before = None;
    for part in parts {
        let Between { pool, flatten, .. } = between(before, part, image, choice)?;
        if pool {
            // Over one row a pool is one of columns.
            let kernel = [if size[0] == 1 { 1 } else { 2 }, 2];
            size = [size[0] / kernel[0], size[1] / kernel[1]];
            if size.contains(&0) {
                return None;
            }
        }
        if flatten {
            channels = channels.checked_mul(size[0])?.checked_mul(size[1])?;
            (size, image) = ([1, 1], false);
        }
        match part.kind {
            Kind::Dense { inputs, outputs } if inputs == channels => channels = outputs,
            Kind::BatchNorm { channels: own } if own == channels => {}
            // Of an image it is a group norm, whose groups the file does not tell.
            Kind::LayerNorm { units } if units == channels && !image => {}
            Kind::Prelu { slopes } if slopes == 1 || slopes == channels => {}
            Kind::Conv { input, outputs, taps, .. }
                if image && channels.is_multiple_of(input) && outputs.is_multiple_of(channels / input) =>
            {
                let pad = padding(taps, choice);
                for axis in 0..2 {
                    // Over one row the padding of rows does nothing.
                    let pad = if taps[axis] == 1 { 0 } else { pad[axis] };
                    size[axis] = (size[axis].checked_add(2 * pad)?.checked_sub(taps[axis])?) / choice.stride + 1;
                }
                channels = outputs;
            }
            _ => return None,
        }
        before = Some(part);
    }
    Some(())
}
