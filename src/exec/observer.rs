use crate::error::Pass;

/// Receives the result of each node during a run.
pub trait Observer {
    /// Called once for each node, direction and block of resident points, in the order of the work. Sweeps that only
    /// find statistics are not shown.
    fn see(&mut self, seen: &Seen<'_>);

    /// Whether [`Observer::see`] is to be called for this node.
    fn looks(&self, _pass: Pass, _node: u32) -> bool {
        true
    }

    /// Called when a node is done with a block of resident points, in every sweep, before its result is shown. The
    /// work between two calls is that of the second one's node.
    fn worked(&mut self, _pass: Pass, _node: u32) {}
}

/// Ignores all results.
impl Observer for () {
    fn see(&mut self, _: &Seen<'_>) {}

    fn looks(&self, _: Pass, _: u32) -> bool {
        false
    }
}

/// Forwards to the borrowed observer.
impl<O: Observer + ?Sized> Observer for &mut O {
    fn see(&mut self, seen: &Seen<'_>) {
        (**self).see(seen);
    }

    fn looks(&self, pass: Pass, node: u32) -> bool {
        (**self).looks(pass, node)
    }

    fn worked(&mut self, pass: Pass, node: u32) {
        (**self).worked(pass, node);
    }
}

/// The result of one node for the resident points.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Seen<'a> {
    /// Forward: the values. Backward: the gradients of the first operand; in forward mode the tangents.
    pub pass: Pass,
    /// The node.
    pub node: u32,
    /// First resident point.
    pub first: u32,
    /// Number of resident points.
    pub count: u32,
    /// Units of each point.
    pub units: u32,
    /// `[tile][unit][T]`
    pub(crate) data: &'a [f32],
    pub(crate) tile_len: usize,
    pub(crate) tile: usize,
}

impl Seen<'_> {
    /// The units of point `first + point`, in order; none past `count`.
    pub fn point(&self, point: u32) -> impl Iterator<Item = f32> {
        let point = point as usize;
        let tile = invariant!(point.checked_div(self.tile)).saturating_mul(self.tile_len);
        let lane = invariant!(point.checked_rem(self.tile));
        let units = if point < self.count as usize { self.units as usize } else { 0 };
        let lanes = invariant!(self.data.get(tile.saturating_add(lane)..));
        lanes.iter().step_by(self.tile.max(1)).take(units).copied()
    }
}
