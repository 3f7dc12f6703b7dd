//! Fixed data. The weights stand in flash, as a trained network's do; what a kernel writes shares one small memory.
use shatterscope::internals::kernel::panel_index;

/// Inputs and outputs of the dense kernels.
pub const WIDTH: usize = 100;

const fn value(i: usize, series: u32) -> f32 {
    let mut hash = (i as u32).wrapping_mul(0x9e37_79b9) ^ series.wrapping_mul(0x85eb_ca6b);
    let mut round = 0;
    while round < 2 {
        hash = (hash ^ hash >> 16).wrapping_mul(0x045d_9f3b);
        round += 1;
    }
    (hash >> 8) as f32 * (1.0 / 8_388_608.0) - 1.0
}

/// `[row][column]`.
pub static WEIGHTS: [f32; WIDTH * WIDTH] = {
    let mut weights = [0.0; WIDTH * WIDTH];
    let mut i = 0;
    while i < weights.len() {
        weights[i] = 0.1 * value(i, 0);
        i += 1;
    }
    weights
};

/// The same in groups of four rows, as the packed kernel reads them.
pub static PANEL: [f32; WIDTH * WIDTH] = {
    let mut panel = [0.0; WIDTH * WIDTH];
    let mut i = 0;
    while i < panel.len() {
        panel[panel_index::<4>(WIDTH, WIDTH, i / WIDTH, i % WIDTH)] = 0.1 * value(i, 0);
        i += 1;
    }
    panel
};

/// Fills a slice with one of the series: between -1 and 1, no zeros among them.
#[inline(never)]
pub fn fill(series: u32, out: &mut [f32]) {
    for (i, x) in out.iter_mut().enumerate() {
        *x = value(i, series);
    }
}
