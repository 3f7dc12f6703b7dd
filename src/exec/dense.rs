use super::Forward;
use crate::graph::Node;
use crate::kernel::{Matrix, all_finite, chain_matrix};
use crate::network::Workers;

impl<K: Workers, const R: usize, const T: usize> Forward<'_, '_, '_, K, R, T> {
    // The kinds of operations are out of line: what one needs of a small stack is not there while another is at work.
    #[inline(never)]
    pub(super) fn dense(&mut self, node: &Node, bias: bool) -> bool {
        let (i, shape) = self.at_hand(node);
        let (inputs, outputs) = (shape.units().unwrap_or(0) as usize, node.shape.channels as usize);
        let weights = self.take(inputs.wrapping_mul(outputs));
        let biases = self.take(if bias { outputs } else { 0 });
        let isa = self.isa;
        let matrix = Matrix { data: weights, stride: inputs, transposed: false };
        self.memory.across(node.x, i, |x, y| {
            let (x, y) = (x.as_chunks::<T>().0, y.as_chunks_mut::<T>().0);
            begin(biases, y);
            chain_matrix::<R, T>(isa, matrix, x, y);
            all_finite(isa, y.as_flattened())
        })
    }
}

/// Chains start from their biases, or from +0.0 where there are none.
fn begin<const T: usize>(biases: &[f32], y: &mut [[f32; T]]) {
    let (from_biases, from_zero) = y.split_at_mut_checked(biases.len().min(y.len())).unwrap_or_default();
    from_zero.as_flattened_mut().fill(0.0);
    for (y, bias) in from_biases.iter_mut().zip(biases) {
        *y = [bias + 0.0; T];
    }
}
