//! The definition: plain loops in the order of the contract. Kept for ever, tested against by everything faster.

/// Element `column` of row `row` in rows of `columns`. Nothing wraps for slices of the shapes below; `get` takes what it gives for others
/// as an index.
fn at(row: usize, columns: usize, column: usize) -> usize {
    row.wrapping_mul(columns).wrapping_add(column)
}

/// `y[i][p] = chain(bias[i]; weight[i][k] * x[k][p], k ascending)`.
///
/// # Shapes
/// `weight` `[out][in]`, `bias` `[out]` or empty for +0.0, `x` `[in][points]`, `y` `[out][points]`.
pub fn dense(weight: &[f32], bias: &[f32], fan_in: usize, points: usize, x: &[f32], y: &mut [f32]) {
    for (i, y) in y.chunks_exact_mut(points.max(1)).enumerate() {
        for (p, y) in y.iter_mut().enumerate() {
            *y = bias.get(i).map_or(0.0, |b| b + 0.0);
            for k in 0..fan_in {
                if let (Some(w), Some(x)) = (weight.get(at(i, fan_in, k)), x.get(at(k, points, p))) {
                    *y += w * x;
                }
            }
        }
    }
}

/// `grad_input[k][p] = chain(+0.0; weight[i][k] * grad_output[i][p], i ascending)`: overwrites.
///
/// # Shapes
/// `weight` `[out][in]`, `grad_output` `[out][points]`, `grad_input` `[in][points]`.
pub fn dense_transposed(
    weight: &[f32],
    fan_in: usize,
    fan_out: usize,
    points: usize,
    grad_output: &[f32],
    grad_input: &mut [f32],
) {
    for (k, g) in grad_input.chunks_exact_mut(points.max(1)).enumerate() {
        for (p, g) in g.iter_mut().enumerate() {
            *g = 0.0;
            for i in 0..fan_out {
                if let (Some(w), Some(go)) = (weight.get(at(i, fan_in, k)), grad_output.get(at(i, points, p))) {
                    *g += w * go;
                }
            }
        }
    }
}
