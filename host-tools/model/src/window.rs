//! Which operation of the core computes a convolution or a pool: the plain one where it can, whose kernels are faster.
use shatterscope::graph::{DilatedWindow, Op, Window};

/// Taps that a plain max pool has at most.
const MOST: u32 = 256;

/// The same window if it has one stride, the same padding on all sides and no dilation.
fn square(window: &DilatedWindow) -> Option<Window> {
    let DilatedWindow { height, width, strides: [stride, other], dilations, padding } = *window;
    let one = stride == other && dilations == [1, 1] && padding == [padding[0]; 4];
    one.then_some(Window {
        height: height.into(),
        width: width.into(),
        stride: stride.into(),
        padding: padding[0].into(),
    })
}

/// A convolution.
pub fn conv(channels: u32, groups: u32, window: DilatedWindow, bias: bool) -> Op {
    match square(&window) {
        // A window of the plain operation sees the image at every position.
        Some(window) if groups == 1 && window.padding < window.height.min(window.width) => {
            Op::Conv { channels, window, bias }
        }
        _ => Op::GroupedConv { channels, groups, window, bias },
    }
}

/// A max pool.
pub fn max_pool(window: DilatedWindow) -> Op {
    match square(&window) {
        Some(window) if window.height * window.width <= MOST && window.padding < window.height.min(window.width) => {
            Op::MaxPool { window }
        }
        _ => Op::DilatedMaxPool { window },
    }
}

/// An average pool; `whole` if the padding counts in what the sum is divided by.
pub fn average_pool(window: DilatedWindow, whole: bool) -> Op {
    match square(&window) {
        Some(window) if window.padding == 0 => Op::AveragePool { window },
        _ => Op::DilatedAveragePool { window, whole },
    }
}
