//! Sums over the places of a channel, for the norms of images.
use super::Isa;
use crate::contract::Red16;

/// What is summed of an element.
pub(crate) mod term {
    /// x
    pub(crate) const VALUE: u8 = 0;
    /// (x - by)^2
    pub(crate) const SQUARE: u8 = 1;
    /// x by
    pub(crate) const SCALED: u8 = 2;
    /// (x by) other
    pub(crate) const PRODUCT: u8 = 3;
}

/// Adds the terms of a channel of one tile: element (point p, place q) to lane p mod 16, points ascending, places within a point.
///
/// # Shapes
/// `x` and `other` `[place][T]`; lane 0 is point `first`, and `valid` lanes count. Tiles come in order.
pub(crate) fn add_channel<const TERM: u8, const T: usize>(
    isa: Isa,
    (x, other): (&[[f32; T]], &[[f32; T]]),
    by: f32,
    (first, valid): (usize, usize),
    sums: &mut Red16,
) {
    isa.compiled(add::<TERM, T>, (x, other, by), (first, valid, sums));
}

/// The same of a unit, in all tiles: `x` and `other` give its T lanes of each, and `count` points in all are valid.
#[inline(always)]
pub(crate) fn add_unit<'x, const TERM: u8, const T: usize>(
    isa: Isa,
    (x, other): (impl Iterator<Item = &'x [f32; T]>, impl Iterator<Item = &'x [f32; T]>),
    by: f32,
    (first, count): (usize, usize),
    sums: &mut Red16,
) {
    let term = |x: &[f32; T], other: &[f32; T]| {
        let mut terms = *x;
        terms.iter_mut().zip(other).for_each(|(x, other)| *x = of::<TERM>(*x, *other, by));
        terms
    };
    isa.compiled(
        |(), sums: &mut Red16| {
            if TERM == term::PRODUCT {
                sums.add_series::<T>(first, count, x.zip(other).map(|(x, other)| term(x, other)));
            } else {
                sums.add_series::<T>(first, count, x.map(|x| term(x, &[0.0; T])));
            }
        },
        (),
        sums,
    );
}

#[inline(always)]
fn add<const TERM: u8, const T: usize>(
    (x, other, by): (&[[f32; T]], &[[f32; T]], f32),
    (first, valid, sums): (usize, usize, &mut Red16),
) {
    if first.is_multiple_of(16) && T.is_multiple_of(16) && valid == T {
        for from in (0..T).step_by(16) {
            // A copy that no variable indexes stays in registers.
            let mut lanes = sums.lanes;
            for (i, x) in x.iter().enumerate() {
                let Some(x) = x.get(from..).and_then(|x| x.first_chunk::<16>()) else { continue };
                if TERM == term::PRODUCT {
                    let Some(other) = other.get(i).and_then(|x| x.get(from..)).and_then(|x| x.first_chunk::<16>())
                    else {
                        continue;
                    };
                    for ((lane, x), other) in lanes.iter_mut().zip(x).zip(other) {
                        *lane += of::<TERM>(*x, *other, by);
                    }
                } else {
                    for (lane, x) in lanes.iter_mut().zip(x) {
                        *lane += of::<TERM>(*x, 0.0, by);
                    }
                }
            }
            sums.lanes = lanes;
        }
        return;
    }
    for lane in 0..valid.min(T) {
        for (i, x) in x.iter().enumerate() {
            let other = if TERM == term::PRODUCT { other.get(i).and_then(|x| x.get(lane)) } else { None };
            let x = invariant!(x.get(lane).copied());
            // Only products have another factor.
            sums.add(first + lane, of::<TERM>(x, other.map_or(0.0, |other| *other), by));
        }
    }
}

#[inline(always)]
fn of<const TERM: u8>(x: f32, other: f32, by: f32) -> f32 {
    match TERM {
        term::SQUARE => (x - by) * (x - by),
        term::SCALED => x * by,
        term::PRODUCT => (x * by) * other,
        _ => x,
    }
}
