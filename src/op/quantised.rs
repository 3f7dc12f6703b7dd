//! The facts of operations on values of i8 in a graph. Their loops are in `int8`.
//!
//! A value of n bytes is n words of four bytes, rounded up, in the arena of f32; the bytes are `[row][column][channel]`, in the order of the
//! machine's memory, which is why these operations are refused where that is not little-endian. Parameters are words, too: bytes of weights, rounded up to whole words, then i32 numbers.
use super::axes::{Axis, extents, shape_of};
use super::facts::{compiled, finite};
use super::{Facts, GroupedConv, concat, movement, reduce};
use crate::error::{Error, InvalidSpec};
use crate::shape::{DilatedWindow, Shape};

/// Zero points of an operand and of the value, and what the value is clamped to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Int8Range {
    /// The byte that stands for 0 in the operand; 0 for operations whose operands have zero points among their parameters, or need none.
    pub operand_zero: i8,
    /// The byte that stands for 0 in the value.
    pub zero: i8,
    /// The least byte of the value.
    pub least: i8,
    /// The largest byte of the value.
    pub most: i8,
}

const OPERATION: Error = Error::InvalidSpec(InvalidSpec::Operation);

/// Words of so many bytes.
pub(crate) const fn words(bytes: u64) -> u64 {
    bytes.div_ceil(4)
}

impl Int8Range {
    const fn check(self) -> Result<(), Error> {
        if self.least <= self.most { Ok(()) } else { Err(OPERATION) }
    }
}

/// A value of this shape.
pub(super) const fn of(shape: Shape) -> Result<Facts, Error> {
    match compiled(cfg!(all(feature = "int8", target_endian = "little"))) {
        Ok(()) => Facts::of(shape),
        Err(error) => Err(error),
    }
}

const fn in_place(shape: Shape) -> Result<Facts, Error> {
    match of(shape) {
        Ok(facts) => Ok(Facts { in_place: true, ..facts }),
        Err(error) => Err(error),
    }
}

pub(super) const fn reshape(x: Shape, shape: Shape) -> Result<Facts, Error> {
    match (x.units(), shape.units()) {
        (Some(before), Some(after)) if before == after => in_place(shape),
        _ => Err(Error::InvalidSpec(InvalidSpec::Shape)),
    }
}

/// A value whose channels have so many weights each, of which a multiply-add is done at every position.
const fn weighted(shape: Shape, each: Option<u64>) -> Result<Facts, Error> {
    let too_large = Error::InvalidSpec(InvalidSpec::TooLarge);
    let Some(each) = each else { return Err(too_large) };
    let channels = shape.channels as u64;
    match (of(shape), each.checked_mul(channels)) {
        (Ok(facts), Some(weights)) if weights <= u32::MAX as u64 => {
            // Nothing saturates: fewer than 2^32 weights at fewer than 2^32 positions.
            let multiply_adds = weights.saturating_mul(shape.plane() as u64);
            Ok(Facts { multiply_adds, ..facts.with_parameters(words(weights), channels.saturating_mul(3)) })
        }
        (Err(error), _) => Err(error),
        _ => Err(too_large),
    }
}

const fn image(x: Shape, channels: u32, window: DilatedWindow, range: Int8Range) -> Result<Shape, Error> {
    if let Err(error) = range.check() {
        return Err(error);
    }
    match window.positions(&x.image()) {
        Some((rows, columns)) => shape_of([channels, rows, columns]),
        None => Err(Error::InvalidSpec(InvalidSpec::Window)),
    }
}

/// Facts with words of scratch that make it faster.
const fn faster(facts: Result<Facts, Error>, scratch: Option<usize>) -> Result<Facts, Error> {
    match (facts, scratch) {
        (Ok(facts), Some(words)) => Ok(Facts { scratch: [0, words as u64], ..facts }),
        (facts, _) => facts,
    }
}

/// A window over all channels, or over each of them.
const fn layer(x: Shape, channels: u32, groups: u32, window: DilatedWindow) -> GroupedConv {
    GroupedConv { input: x.image(), channels, groups, window, taps_first: false }
}

pub(super) const fn conv(x: Shape, channels: u32, window: DilatedWindow, range: Int8Range) -> Result<Facts, Error> {
    match image(x, channels, window, range) {
        Ok(shape) => {
            let scratch = lengths::conv_scratch(&layer(x, channels, 1, window));
            faster(weighted(shape, window.taps().checked_mul(x.channels as u64)), scratch)
        }
        Err(error) => Err(error),
    }
}

pub(super) const fn depthwise(
    x: Shape,
    channels: u32,
    window: DilatedWindow,
    range: Int8Range,
) -> Result<Facts, Error> {
    if !matches!(channels.checked_rem(x.channels), Some(0)) {
        return Err(Error::InvalidSpec(InvalidSpec::Shape));
    }
    match image(x, channels, window, range) {
        Ok(shape) => {
            let scratch = lengths::depthwise_scratch(&layer(x, channels, x.channels, window));
            faster(weighted(shape, Some(window.taps())), scratch)
        }
        Err(error) => Err(error),
    }
}

pub(super) const fn dense(x: Shape, outputs: u32, range: Int8Range) -> Result<Facts, Error> {
    if let Err(error) = range.check() {
        return Err(error);
    }
    match x.units() {
        Some(units) => {
            let scratch = lengths::dense_scratch(units);
            faster(weighted(Shape::vector(outputs), Some(units as u64)), Some(scratch))
        }
        None => Err(Error::InvalidSpec(InvalidSpec::Shape)),
    }
}

/// The extent of two operands: of one with a single entry that of the other one.
const fn together(x: u32, y: u32) -> Option<u32> {
    match (x, y) {
        (1, extent) | (extent, 1) => Some(extent),
        (x, y) if x == y => Some(x),
        _ => None,
    }
}

/// An operation on two values with so many numbers.
pub(super) const fn join(x: Shape, y: Shape, range: Int8Range, numbers: u64) -> Result<Facts, Error> {
    if let Err(error) = range.check() {
        return Err(error);
    }
    let ([a, b, c], [d, e, f]) = (extents(x), extents(y));
    let (Some(a), Some(b), Some(c)) = (together(a, d), together(b, e), together(c, f)) else {
        return Err(Error::InvalidSpec(InvalidSpec::Shape));
    };
    match shape_of([a, b, c]) {
        Ok(shape) => match of(shape) {
            Ok(facts) => {
                let units = match shape.units() {
                    Some(units) => units as usize,
                    None => 0,
                };
                // Products have no tables.
                let scratch = if numbers == 8 { lengths::add_scratch(units) } else { 0 };
                faster(Ok(facts.with_parameters(numbers, 0)), Some(scratch))
            }
            Err(error) => Err(error),
        },
        Err(error) => Err(error),
    }
}

pub(super) const fn pool(x: Shape, window: DilatedWindow, range: Int8Range) -> Result<Facts, Error> {
    if !window.sees_everywhere(&x.image()) {
        return Err(Error::InvalidSpec(InvalidSpec::Window));
    }
    // Sums of that many bytes fit in an i32.
    if window.taps() > 1 << 23 {
        return Err(Error::InvalidSpec(InvalidSpec::Pool));
    }
    match image(x, x.channels, window, range) {
        Ok(shape) => of(shape),
        Err(error) => Err(error),
    }
}

/// Words of a table of 256 bytes.
pub(super) const TABLE: u64 = 64;

pub(super) const fn table(x: Shape) -> Result<Facts, Error> {
    match in_place(x) {
        Ok(facts) => Ok(facts.with_parameters(TABLE, 0)),
        Err(error) => Err(error),
    }
}

pub(super) const fn softmax(x: Shape, multiplier: i32, shift: i32, least: i32) -> Result<Facts, Error> {
    if multiplier < 0 || shift < 0 || shift > 31 || least > 0 {
        return Err(OPERATION);
    }
    of(x)
}

pub(super) const fn mean(x: Shape, axes: u32, range: Int8Range, scale: (i32, i32)) -> Result<Facts, Error> {
    if let Err(error) = range.check() {
        return Err(error);
    }
    if scale.0 < 0 || scale.1 < -31 || scale.1 > 30 {
        return Err(OPERATION);
    }
    // Rows and channels do not follow each other in memory.
    if axes == 3 {
        return Err(OPERATION);
    }
    match reduce::shape(x, axes) {
        Ok(shape) => of(shape),
        Err(error) => Err(error),
    }
}

pub(super) const fn pad(x: Shape, value: i32, padding: [u32; 3]) -> Result<Facts, Error> {
    if value < i8::MIN as i32 || value > i8::MAX as i32 {
        return Err(OPERATION);
    }
    match movement::pad(x, movement::PadMode::Constant, 0.0, padding) {
        Ok(shape) => of(shape),
        Err(error) => Err(error),
    }
}

pub(super) const fn concat(x: Shape, y: Shape, axis: Axis) -> Result<Facts, Error> {
    match concat::shape(x, y, axis) {
        Ok(shape) => of(shape),
        Err(error) => Err(error),
    }
}

/// Between numbers and bytes.
pub(super) const fn convert(x: Shape, shape: Shape, scale: f32, zero: i32) -> Result<Facts, Error> {
    if let Err(error) = finite(scale) {
        return Err(error);
    }
    if scale <= 0.0 || zero < i8::MIN as i32 || zero > i8::MAX as i32 {
        return Err(OPERATION);
    }
    match (x.units(), shape.units()) {
        (Some(before), Some(after)) if before == after => of(shape),
        _ => Err(Error::InvalidSpec(InvalidSpec::Shape)),
    }
}

/// Words of scratch that kernels use.
#[cfg(feature = "int8")]
mod lengths {
    pub use crate::shape::int8::{
        quantised_add_scratch as add_scratch, quantised_conv_scratch as conv_scratch,
        quantised_dense_scratch as dense_scratch, quantised_depthwise_scratch as depthwise_scratch,
    };
}

#[cfg(not(feature = "int8"))]
mod lengths {
    use crate::shape::GroupedConv;

    pub const fn add_scratch(_: usize) -> usize {
        0
    }

    pub const fn conv_scratch(_: &GroupedConv) -> Option<usize> {
        None
    }

    pub const fn dense_scratch(_: u32) -> usize {
        0
    }

    pub const fn depthwise_scratch(_: &GroupedConv) -> Option<usize> {
        None
    }
}
