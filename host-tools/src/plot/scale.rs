//! Ranges, ticks and the room that their labels take.

use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter};
use std::ops::Range;

/// A range with its ticks and their labels.
#[derive(Clone)]
pub(super) struct Scale {
    pub(super) range: (f64, f64),
    pub(super) ticks: Vec<f64>,
    step: f64,
    /// Range and ticks are exponents of ten.
    powers: bool,
}

impl Scale {
    /// About `count` round ticks, steps of 1, 2 or 5 times a power of ten.
    pub(super) fn new(range: (f64, f64), count: f64) -> Self {
        let rough = (range.1 - range.0) / count.max(1.0);
        let power = 10f64.powf(rough.log10().floor());
        // The nearest of 1, 2, 5 and 10 by ratio.
        let nearest = [(1.0, 1.414), (2.0, 3.162), (5.0, 7.071)].into_iter().find(|(_, up_to)| rough < up_to * power);
        Self::new_with(range, nearest.map_or(10.0, |(m, _)| m) * power)
    }

    fn new_with(range: (f64, f64), step: f64) -> Self {
        // The ends count as inside although the division rounds.
        let (first, last) = ((range.0 / step - 1e-9).ceil(), (range.1 / step + 1e-9).floor());
        let ticks = (0..=(last - first).clamp(0.0, 50.0) as u32).map(|i| (first + f64::from(i)) * step).collect();
        Self { range, ticks, step, powers: false }
    }

    /// Powers of ten, at most about `count` ticks; the range is one of exponents.
    pub(super) fn powers(range: (f64, f64), count: f64) -> Self {
        let step = ((range.1 - range.0) / count.max(1.0)).ceil().max(1.0);
        Self { powers: true, ..Self::new_with(range, step) }
    }

    /// With as many decimals as the step has; powers of ten where those would be many.
    pub(super) fn label(&self, tick: f64) -> String {
        if self.powers {
            let exponent = tick.round();
            let decimals = (-exponent).max(0.0) as usize;
            let text = if exponent.abs() < 5.0 {
                format!("{:.decimals$}", 10f64.powf(exponent))
            } else {
                format!("1e{exponent}")
            };
            return text.replace('-', "\u{2212}");
        }
        let largest = self.range.0.abs().max(self.range.1.abs());
        let (tick, powers) =
            (if tick.abs() < 1e-9 * largest { 0.0 } else { tick }, self.step < 9.99e-4 || largest >= 1e5);
        let text = if powers && tick == 0.0 {
            "0".into()
        } else if powers {
            let exponent = |x: f64| (x.abs().log10() + 1e-9).floor();
            let digits = (exponent(tick) - exponent(self.step)).clamp(0.0, 9.0) as usize;
            format!("{tick:.digits$e}")
        } else {
            let decimals = (-self.step.log10() - 1e-9).ceil().max(0.0) as usize;
            format!("{tick:.decimals$}")
        };
        text.replace('-', "\u{2212}")
    }

    /// What stands at a place of the range.
    fn value(&self, at: f64) -> f64 {
        if self.powers { 10f64.powf(at) } else { at }
    }

    /// Room for the widest label.
    pub(super) fn width(&self, size: f64) -> f64 {
        self.ticks.iter().map(|tick| width(&self.label(*tick), size)).fold(0.0, f64::max)
    }
}

impl Ranged for Scale {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, (from, to): (i32, i32)) -> i32 {
        let value = if self.powers { value.log10() } else { *value };
        let share = (value - self.range.0) / (self.range.1 - self.range.0);
        (f64::from(from) + share * f64::from(to - from)).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, hint: Hint) -> Vec<f64> {
        if hint.weight().allow_light_points() {
            Vec::new()
        } else {
            self.ticks.iter().map(|tick| self.value(*tick)).collect()
        }
    }

    fn range(&self) -> Range<f64> {
        self.value(self.range.0)..self.value(self.range.1)
    }
}

impl ValueFormatter<f64> for Scale {
    fn format_ext(&self, tick: &f64) -> String {
        self.label(if self.powers { tick.log10() } else { *tick })
    }
}

/// The least and the greatest value, widened by a share of their distance; 0 to 1 where there is none.
pub(super) fn range(values: impl Iterator<Item = f64>, margin: f64) -> (f64, f64) {
    let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)));
    if low > high {
        return (0.0, 1.0);
    }
    // Numbers that differ by rounding alone are no range.
    let least = 1e-6 * low.abs().max(high.abs()).max(1e-300);
    let pad = if high - low > least { margin * (high - low) } else { 0.5 * low.abs().max(1e-3) };
    (low - pad, high + pad)
}

/// Estimated width of text: an upper estimate for the usual sans-serif faces.
pub(super) fn width(text: &str, size: f64) -> f64 {
    let em = |c: char| match c {
        'i' | 'j' | 'l' | 't' | 'f' | 'r' | ' ' | '.' | ',' | ':' | '(' | ')' | '|' | '\'' | '-' | '1' => 0.40,
        'm' | 'w' | 'M' | 'W' => 0.90,
        'A'..='Z' => 0.68,
        _ => 0.58,
    };
    text.chars().map(em).sum::<f64>() * size
}

/// The size at which text fits, at most `size`.
pub(super) fn fitting(text: &str, size: f64, room: f64) -> f64 {
    size.min(size * room / width(text, size).max(1.0))
}
