use super::super::forward::{Forward, Mode};
use crate::op::{Moments, Running};
use crate::workers::Workers;

impl<K: Workers, const R: usize, const T: usize> Forward<'_, '_, '_, K, R, T> {
    /// Updates the running statistics of all batch norms at the end of a training pass.
    #[inline(never)]
    pub(in super::super) fn update_running(&mut self) {
        let Mode::Training { running, .. } = &mut self.mode else { return };
        if self.memory.plan.running_len == 0 {
            return;
        }
        let (mut statistics, mut running) = (invariant!(self.room.statistics.get(self.room.shared..)), &mut **running);
        for node in (0..self.memory.plan.graph().len() as u32).filter_map(|i| self.memory.node(i)) {
            let Some(norm) = node.op.norm() else { continue };
            let channels = node.shape.channels as usize;
            let rows = self.room.sums.kept(&norm, self.memory.plan.want()) as usize;
            let (own, rest) = invariant!(statistics.split_at_checked(channels.wrapping_mul(rows)));
            statistics = rest;
            let Some(momentum) = norm.affine else { continue };
            let count = self.memory.count.wrapping_mul(node.shape.plane() as usize);
            let (own_running, rest) =
                invariant!(core::mem::take(&mut running).split_at_mut_checked(channels.wrapping_mul(2)));
            running = rest;
            let (inverse, own) = invariant!(own.split_at_checked(channels));
            let (means, variances) = invariant!(own.split_at_checked(channels));
            let (running_means, running_variances) = invariant!(own_running.split_at_mut_checked(channels));
            let moments = means.iter().zip(variances).zip(inverse);
            for (((&mean, &variance), &inv), (running_mean, running_variance)) in
                moments.zip(running_means.iter_mut().zip(running_variances))
            {
                let mut running = Running { mean: *running_mean, variance: *running_variance };
                running.update(Moments { mean, variance, inv }, count, momentum);
                (*running_mean, *running_variance) = (running.mean, running.variance);
            }
        }
    }
}
