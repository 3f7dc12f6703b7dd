//! The kinds of work that have a price.

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// Counts of each kind of work; a cost table has a price for each.
        #[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        pub struct Work {
            $($(#[$doc])* pub $name: f64,)*
        }

        impl Work {
            /// Names of the kinds, in the order of [`Work::counts`].
            pub const KINDS: &'static [&'static str] = &[$(stringify!($name)),*];

            /// All counts.
            pub fn counts(&self) -> Vec<f64> {
                vec![$(self.$name),*]
            }

            /// The same from a list.
            pub fn of(counts: &[f64]) -> Self {
                let mut counts = counts.iter().copied();
                Self { $($name: counts.next().unwrap_or(0.0)),* }
            }
        }
    };
}

kinds! {
    /// R rows by one column by T points of a dense product.
    groups,
    /// One row by one column by T points, of the rows left over.
    singles,
    /// Starts of such chains: rows or groups of rows, each with one tile.
    chains,
    /// One tile with one panel of weights.
    tile_panels,
    /// Panels of weights.
    panels,
    /// Weights drawn by Irwin-Hall.
    weights,
    /// Weights drawn by the inverse of the distribution.
    weights_as241,
    /// Biases drawn.
    biases,
    /// Elements of reflectors times columns, for orthogonal matrices.
    reflections,
    /// Elements of orthogonal panels set and scaled.
    orthogonal_elements,
    /// Outputs of dense layers: started and checked.
    outputs,
    /// Elements rectified forward.
    rectified,
    /// Elements masked backward.
    masked,
    /// Elements of doubling rectifiers, either way.
    doubled,
    /// Elements added up for statistics.
    summed,
    /// Elements multiplied and added up for full statistics.
    products,
    /// Units times blocks whose sums are started and folded.
    sums,
    /// Elements normalised, centred or scaled.
    normalised,
    /// Elements of full gradients through a norm.
    through,
    /// Elements joined or kept.
    joined,
    /// Elements checked for NaN and infinity.
    checked,
    /// Points loaded and stored.
    points,
    /// Operations on a block of points.
    operations,
}
