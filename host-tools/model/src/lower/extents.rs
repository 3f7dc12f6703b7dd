//! Any number of axes as three.
use super::Lowered;
use shatterscope::graph::Shape;

/// The most rows or columns of a value.
const MOST: usize = u16::MAX as usize;

/// The shape of a value with these dimensions: axes of size 1 in front are left out, and those before the last two are channels.
pub(super) fn shape_of(dims: &[usize]) -> Lowered<Shape> {
    let first = dims.iter().position(|&n| n != 1).unwrap_or(dims.len());
    match dims[first..] {
        [] => of(1, 1, 1),
        [units] => of(units, 1, 1),
        [channels, columns] if columns <= MOST => of(channels, 1, columns),
        [.., rows, columns] if rows <= MOST && columns <= MOST => {
            of(product(&dims[first..dims.len() - 2]), rows, columns)
        }
        _ => of(product(dims), 1, 1),
    }
}

/// A shape.
pub(super) fn of(channels: usize, rows: usize, columns: usize) -> Lowered<Shape> {
    match (u32::try_from(channels), u16::try_from(rows), u16::try_from(columns)) {
        (Ok(channels), Ok(height), Ok(width)) => Ok(Shape { channels, height, width }),
        _ => Err(format!(
            "its value of {channels} x {rows} x {columns} is too large: at most {} channels of {MOST} x {MOST}",
            u32::MAX
        )),
    }
}

/// An image with `channels` channels and one or two spatial axes.
pub(super) fn image(dims: &[usize]) -> Lowered<Shape> {
    match *dims {
        [channels, columns] => of(channels, 1, columns),
        [channels, rows, columns] => of(channels, rows, columns),
        _ => {
            Err(format!("its operand is {dims:?} without the batch: an image has channels and one or two spatial axes"))
        }
    }
}

/// The number of elements.
pub(super) fn product(dims: &[usize]) -> usize {
    dims.iter().product()
}

/// The dimensions before an axis, of the axis, and after it.
pub(super) fn around(dims: &[usize], axis: usize) -> (usize, usize, usize) {
    (product(&dims[..axis]), dims[axis], product(&dims[axis + 1..]))
}

/// One of the three axes of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Axis {
    Channels,
    Rows,
    Columns,
}

/// A shape in which `axis` is an axis of its own, and which one.
pub(super) fn with_axis(dims: &[usize], axis: usize) -> Lowered<(Shape, Axis)> {
    let (before, n, after) = around(dims, axis);
    if before == 1 {
        // The axes after it are two, so that neither is too long.
        let last = dims[axis + 1..].last().copied().unwrap_or(1);
        return Ok((of(n, after / last.max(1), last)?, Axis::Channels));
    }
    if after == 1 {
        return Ok((of(before, 1, n)?, Axis::Columns));
    }
    Ok((of(before, n, after)?, Axis::Rows))
}

/// Neighbouring axes with the same mark merged, without axes of size 1: sizes and marks.
pub(super) fn merged(dims: &[usize], marks: &[bool]) -> Vec<(usize, bool)> {
    let mut groups: Vec<(usize, bool)> = Vec::new();
    for (&n, &mark) in dims.iter().zip(marks).filter(|(n, _)| **n != 1) {
        match groups.last_mut() {
            Some((size, last)) if *last == mark => *size *= n,
            _ => groups.push((n, mark)),
        }
    }
    groups
}
