//! Pools.
use super::convolution::Window;
use super::extents::{image, of};
use super::{Lower, Lowered};
use crate::window;
use shatterscope::graph::{Axis, Reduction};
use shatterscope_import::ValueId;

impl Lower<'_> {
    pub(super) fn max_pool(&mut self, x: ValueId, kernel: &[usize], window: Window<'_>) -> Lowered<u32> {
        let shape = image(self.image_dims(x)?)?;
        let x = self.at(x)?;
        let x = self.view(x, shape)?;
        let window = window.dilated(kernel)?;
        let op = window::max_pool(window);
        self.unary(op, x)
    }

    pub(super) fn average_pool(
        &mut self,
        x: ValueId,
        kernel: &[usize],
        window: Window<'_>,
        whole: bool,
    ) -> Lowered<u32> {
        let shape = image(self.image_dims(x)?)?;
        let x = self.at(x)?;
        let x = self.view(x, shape)?;
        let window = window.dilated(kernel)?;
        let op = window::average_pool(window, whole);
        self.unary(op, x)
    }

    /// The mean or the maximum over all spatial axes.
    pub(super) fn global_pool(&mut self, x: ValueId, max: bool) -> Lowered<u32> {
        let dims = self.image_dims(x)?;
        let (channels, plane) = (dims[0], Self::plane(dims));
        let shape = of(channels, plane / dims[dims.len() - 1], dims[dims.len() - 1])?;
        let x = self.at(x)?;
        let x = self.view(x, shape)?;
        let reduction = if max { Reduction::Max } else { Reduction::Mean };
        self.reduce_axes(x, reduction, &[Axis::Rows, Axis::Columns])
    }
}
