use super::axes::{extents, places, unit_of};
use super::facts::compiled;
use super::positions::{part, part_mut};
use super::{BackwardFacts, Facts, Saved};
use crate::error::{Error, InvalidSpec};
use crate::math::negate;
use crate::shape::Shape;

/// A function of pairs of elements, by its number in encoded nodes, which never changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[repr(u8)]
pub enum Pair {
    /// `x + y`
    Add = 1,
    /// `x - y`
    Subtract = 2,
    /// `x y`
    Multiply = 3,
    /// `x / y`
    Divide = 4,
    /// `y > x ? y : x`
    Maximum = 5,
    /// `y < x ? y : x`
    Minimum = 6,
}

impl Pair {
    /// The function of a number; None for a number of none.
    pub(super) const fn of_number(number: u32) -> Option<Self> {
        Some(match number {
            1 => Self::Add,
            2 => Self::Subtract,
            3 => Self::Multiply,
            4 => Self::Divide,
            5 => Self::Maximum,
            6 => Self::Minimum,
            _ => return None,
        })
    }

    fn value(self, x: f32, y: f32) -> f32 {
        match self {
            Self::Add => x + y,
            Self::Subtract => x - y,
            Self::Multiply => x * y,
            Self::Divide => x / y,
            Self::Maximum => {
                if y > x {
                    y
                } else {
                    x
                }
            }
            Self::Minimum => {
                if y < x {
                    y
                } else {
                    x
                }
            }
        }
    }

    /// The gradient of the first element.
    fn first(self, x: f32, y: f32, g: f32) -> f32 {
        match self {
            Self::Add | Self::Subtract => g,
            Self::Multiply => g * y,
            Self::Divide => g / y,
            Self::Maximum => {
                if y > x {
                    0.0
                } else {
                    g
                }
            }
            Self::Minimum => {
                if y < x {
                    0.0
                } else {
                    g
                }
            }
        }
    }

    /// The gradient of the second element.
    fn second(self, x: f32, y: f32, g: f32) -> f32 {
        match self {
            Self::Add => g,
            Self::Subtract => negate(g),
            Self::Multiply => g * x,
            Self::Divide => negate((g * (x / y)) / y),
            Self::Maximum => {
                if y > x {
                    g
                } else {
                    0.0
                }
            }
            Self::Minimum => {
                if y < x {
                    g
                } else {
                    0.0
                }
            }
        }
    }

    fn tangent(self, x: f32, y: f32, tx: f32, ty: f32) -> f32 {
        match self {
            Self::Add | Self::Subtract => self.value(tx, ty),
            Self::Multiply => (tx * y) + (x * ty),
            Self::Divide => (tx - ((x / y) * ty)) / y,
            Self::Maximum => {
                if y > x {
                    ty
                } else {
                    tx
                }
            }
            Self::Minimum => {
                if y < x {
                    ty
                } else {
                    tx
                }
            }
        }
    }
}

/// A function of the pairs of two values, of which the second is repeated along each axis where it has one entry.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Pairwise {
    /// The function.
    pub pair: Pair,
    /// The shapes of the operands; the value has that of the first.
    pub operands: [Shape; 2],
}

impl Pairwise {
    /// (unit of the first operand, unit of the second) for each unit of the value, ascending.
    fn units(self) -> impl Iterator<Item = (usize, usize)> {
        let [first, second] = self.operands;
        let [channels, rows, columns] = extents(second).map(|extent| extent > 1);
        places(first).enumerate().map(move |(unit, [c, y, x])| {
            let of = |moves: bool, at: u32| if moves { at } else { 0 };
            (unit, unit_of(second, [of(channels, c), of(rows, y), of(columns, x)]))
        })
    }
}

/// `value[u] = pair(x[u], y[of u])`
///
/// # Shapes
/// `x` and `value` `[unit of the first][points]`, `y` `[unit of the second][points]`.
pub fn pairwise_forward(pairwise: &Pairwise, points: usize, x: &[f32], y: &[f32], value: &mut [f32]) {
    for (i, j) in pairwise.units() {
        let operands = part(x, i, points).iter().zip(part(y, j, points));
        for (value, (x, y)) in part_mut(value, i, points).iter_mut().zip(operands) {
            *value = pairwise.pair.value(*x, *y);
        }
    }
}

/// The gradient of the first operand: overwrites.
///
/// # Shapes
/// As [`pairwise_forward`]; operands that the function does not [save](super::Saved) may be empty.
pub fn pairwise_backward_first(
    pairwise: &Pairwise,
    points: usize,
    (x, y): (&[f32], &[f32]),
    g: &[f32],
    to: &mut [f32],
) {
    for (i, j) in pairwise.units() {
        let (g, to) = (part(g, i, points), part_mut(to, i, points));
        terms(pairwise, points, (x, i), (y, j), g, |p, x, y, g| {
            if let Some(to) = to.get_mut(p) {
                *to = pairwise.pair.first(x, y, g);
            }
        });
    }
}

/// The gradient of the second operand, a chain from +0.0 over the units of the value that it is in, ascending: overwrites.
///
/// # Shapes
/// As [`pairwise_backward_first`].
pub fn pairwise_backward_second(
    pairwise: &Pairwise,
    points: usize,
    (x, y): (&[f32], &[f32]),
    g: &[f32],
    to: &mut [f32],
) {
    to.fill(0.0);
    for (i, j) in pairwise.units() {
        let (g, to) = (part(g, i, points), part_mut(to, j, points));
        terms(pairwise, points, (x, i), (y, j), g, |p, x, y, g| {
            if let Some(to) = to.get_mut(p) {
                *to += pairwise.pair.second(x, y, g);
            }
        });
    }
}

/// `term(point, x, y, g)` for each point of a unit; x and y are 0 for a function that needs neither.
#[inline(always)]
fn terms(
    pairwise: &Pairwise,
    points: usize,
    (x, i): (&[f32], usize),
    (y, j): (&[f32], usize),
    g: &[f32],
    mut term: impl FnMut(usize, f32, f32, f32),
) {
    if matches!(backward(pairwise.pair).saved, Saved::Nothing) {
        return g.iter().enumerate().for_each(|(p, g)| term(p, 0.0, 0.0, *g));
    }
    let operands = part(x, i, points).iter().zip(part(y, j, points));
    for (p, (g, (x, y))) in g.iter().zip(operands).enumerate() {
        term(p, *x, *y, *g);
    }
}

/// The tangent from those of the operands.
///
/// # Shapes
/// As [`pairwise_forward`], tangents as their operands.
pub fn pairwise_tangent(
    pairwise: &Pairwise,
    points: usize,
    (x, y): (&[f32], &[f32]),
    (of_x, of_y): (&[f32], &[f32]),
    to: &mut [f32],
) {
    for (i, j) in pairwise.units() {
        let operands = part(x, i, points).iter().zip(part(y, j, points));
        let tangents = part(of_x, i, points).iter().zip(part(of_y, j, points));
        for (to, ((x, y), (of_x, of_y))) in part_mut(to, i, points).iter_mut().zip(operands.zip(tangents)) {
            *to = pairwise.pair.tangent(*x, *y, *of_x, *of_y);
        }
    }
}

/// A function of pairs in a graph.
pub(super) const fn facts(x: Shape, y: Shape) -> Result<Facts, Error> {
    if let Err(error) = compiled(cfg!(feature = "models")) {
        return Err(error);
    }
    let ([a, b, c], [d, e, f]) = (extents(x), extents(y));
    if (d == 1 || d == a) && (e == 1 || e == b) && (f == 1 || f == c) {
        Facts::of(x)
    } else {
        Err(Error::InvalidSpec(InvalidSpec::Shape))
    }
}

/// Its backward pass.
pub(super) const fn backward(pair: Pair) -> BackwardFacts {
    let saved = match pair {
        Pair::Add | Pair::Subtract => Saved::Nothing,
        Pair::Multiply | Pair::Divide | Pair::Maximum | Pair::Minimum => Saved::Operands,
    };
    BackwardFacts { saved, ..BackwardFacts::NOTHING }
}
