use super::Forward;
use crate::graph::Node;
use crate::kernel::{all_finite, conv_forward, conv_pack, nest_rows};
use crate::layer::{Conv, Shortcut, Window, shortcut_forward};
use crate::network::Workers;
use crate::train::fitting;

impl<K: Workers, const R: usize, const T: usize> Forward<'_, '_, '_, K, R, T> {
    #[inline(never)]
    pub(super) fn conv(&mut self, node: &Node, window: Window, bias: bool) -> bool {
        let (i, shape) = self.at_hand(node);
        let outputs = node.shape.channels as usize;
        let conv = Conv { input: shape.image(), channels: node.shape.channels, window };
        let weights = self.take(conv.weights().unwrap_or(0) as usize);
        let biases = self.take(if bias { outputs } else { 0 });
        let (isa, scratch) = (self.isa, &mut *self.scratch);
        let each = weights.len() / outputs.max(1);
        let mut finite = true;
        for rows in fitting(outputs, each, scratch.len(), nest_rows::<T>(isa)) {
            let panel = scratch.get_mut(..rows.len() * each).unwrap_or_default();
            conv_pack::<T>(isa, &conv, false, rows.clone(), weights, panel);
            let panel = &*panel;
            let last = rows.end == outputs;
            finite = self.memory.across(node.x, i, |x, y| {
                conv_forward::<T>(isa, &conv, rows.clone(), panel, biases, x.as_chunks().0, y.as_chunks_mut().0);
                !last || all_finite(isa, y)
            });
        }
        finite
    }

    #[inline(never)]
    pub(super) fn shortcut(&mut self, node: &Node, channels: u32, stride: u32) -> bool {
        let (i, shape) = self.at_hand(node);
        let shortcut = Shortcut { input: shape.image(), channels, stride };
        self.memory.across(node.x, i, |x, y| shortcut_forward(&shortcut, T, x, y).is_ok())
    }
}
