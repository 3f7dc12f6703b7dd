/// The points of a run.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Input<'a> {
    /// `x_p = from + p * step` for graphs of one input.
    Grid {
        /// Point 0.
        from: f32,
        /// Distance of two points.
        step: f32,
    },
    /// `[point][input]`, finite.
    Points(&'a [f32]),
}
