//! Shapes: how many elements, axes from the end, broadcasting; and those of operations' results.
mod infer;
mod windows;

pub use infer::infer;
pub use windows::Windows;

/// What does not fit, as the end of an error.
pub type Outcome<T> = Result<T, String>;

/// Axes of a shape, at most: more than any operation knows, and few enough to copy.
pub const MAX_RANK: usize = 16;

/// The number of elements, if a value may have as many.
pub fn elements(shape: &[usize]) -> Outcome<usize> {
    if shape.len() > MAX_RANK {
        return Err(format!("a shape has {} axes, and at most {MAX_RANK} are supported", shape.len()));
    }
    // Zeros count as ones: strides of a shape without elements have to fit, too.
    let product = shape.iter().try_fold(1usize, |product, &n| product.checked_mul(n.max(1)));
    match product.filter(|&n| u32::try_from(n).is_ok()) {
        Some(n) => Ok(if shape.contains(&0) { 0 } else { n }),
        None => Err(format!("a shape of {shape:?} has more than 2^32 - 1 elements")),
    }
}

/// The shape that both broadcast to.
pub fn broadcast(a: &[usize], b: &[usize]) -> Outcome<Vec<usize>> {
    let rank = a.len().max(b.len());
    let at = |shape: &[usize], axis: usize| {
        (axis + shape.len()).checked_sub(rank).and_then(|i| shape.get(i)).copied().unwrap_or(1)
    };
    (0..rank)
        .map(|axis| match (at(a, axis), at(b, axis)) {
            (x, y) if x == y => Ok(x),
            (1, y) => Ok(y),
            (x, 1) => Ok(x),
            _ => Err(format!("shapes {a:?} and {b:?} do not broadcast")),
        })
        .collect()
}

/// An axis that may count from the end.
pub fn axis(given: i64, rank: usize) -> Outcome<usize> {
    let signed = i64::try_from(rank).map_err(|e| e.to_string())?;
    let from_start = if given < 0 { given.checked_add(signed) } else { Some(given) };
    match from_start {
        Some(axis) if (0..signed).contains(&axis) => Ok(axis as usize),
        _ => Err(format!("axis {given} does not exist in a shape with {rank} axes")),
    }
}

/// Axes that may count from the end, ascending; a repetition is an error.
pub fn axes(given: &[i64], rank: usize) -> Outcome<Vec<usize>> {
    let mut found = given.iter().take(MAX_RANK + 1).map(|&a| axis(a, rank)).collect::<Outcome<Vec<_>>>()?;
    found.sort_unstable();
    if found.windows(2).any(|w| w[0] == w[1]) || given.len() > MAX_RANK {
        return Err(format!("axes {:?} repeat an axis", &given[..given.len().min(MAX_RANK)]));
    }
    Ok(found)
}
