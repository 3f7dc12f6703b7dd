//! The gradient of a plain network as one writes it down: point by point, layer by layer, loops and nothing else.
use shatterscope_host::weights::Drawn;

/// df/dx at each point; weights as stem, hidden matrices, readout.
pub fn gradient(drawn: &Drawn, grid: &[f32], gradient: &mut [f32]) {
    let layers: Vec<_> = drawn.layers().collect();
    let [(_, stem, bias), hidden @ .., (_, readout, _)] = &layers[..] else { return };
    let width = stem.len();
    let mut active = vec![false; (hidden.len() + 1) * width];
    let (mut h, mut z) = (vec![0.0; width], vec![0.0; width]);
    for (x, gradient) in grid.iter().zip(gradient) {
        for i in 0..width {
            z[i] = bias[i] + stem[i] * x;
        }
        for layer in 0..=hidden.len() {
            if layer > 0 {
                let weight = hidden[layer - 1].1;
                for i in 0..width {
                    let mut sum = 0.0;
                    for k in 0..width {
                        sum += weight[i * width + k] * h[k];
                    }
                    z[i] = sum;
                }
            }
            for i in 0..width {
                active[layer * width + i] = z[i] > 0.0;
                h[i] = if z[i] > 0.0 { z[i] } else { 0.0 };
            }
        }
        // f itself, which a gradient does not need, is computed by everyone.
        let mut f = 0.0;
        for i in 0..width {
            f += readout[i] * h[i];
        }
        std::hint::black_box(f);
        h.copy_from_slice(readout);
        for layer in (0..=hidden.len()).rev() {
            for i in 0..width {
                h[i] = if active[layer * width + i] { h[i] } else { 0.0 };
            }
            if layer > 0 {
                let weight = hidden[layer - 1].1;
                z.fill(0.0);
                for i in 0..width {
                    for k in 0..width {
                        z[k] += weight[i * width + k] * h[i];
                    }
                }
                h.copy_from_slice(&z);
            }
        }
        let mut sum = 0.0;
        for i in 0..width {
            sum += stem[i] * h[i];
        }
        *gradient = sum;
    }
}
