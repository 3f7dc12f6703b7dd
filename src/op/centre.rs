use super::batch_norm::mean;

/// `z[p] - mean`, mean = RED16(z) / n over the points of one unit, in place; returns the mean.
///
/// The detached backward pass is the identity.
pub fn centre_forward(z: &mut [f32]) -> f32 {
    let mean = mean(z.iter().copied());
    for z in z {
        *z -= mean;
    }
    mean
}

/// `g[p] - RED16(g) / n` over the points of one unit, in place: the gradient through the mean too.
pub fn centre_backward_full(g: &mut [f32]) {
    centre_forward(g);
}
