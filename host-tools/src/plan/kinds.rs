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
    /// The same where the column's points are zero, on cores without FPU: a product with zero is done at once.
    zero_groups,
    /// One row by one column by T points, of the rows left over.
    singles,
    /// The same where the points are zero.
    zero_singles,
    /// Starts of such chains: rows or groups of rows, each with one tile.
    chains,
    /// One tile with one panel of weights.
    tile_panels,
    /// Inputs of one tile with one panel: sums on integers look at them first.
    inputs,
    /// Panels of weights.
    panels,
    /// Rows of panels that are drawn.
    drawn_rows,
    /// Steps of 32 values in which registers draw them, the last of a row begun or not.
    drawn_steps,
    /// Weights drawn by Irwin-Hall.
    weights,
    /// Weights drawn by the inverse of the distribution.
    weights_as241,
    /// Weights left out, as all they would meet is zero.
    left_out,
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
    /// Elements rectified with their tangents.
    tangents,
    /// Elements masked backward.
    masked,
    /// Elements of doubling ReLUs forward.
    doubled,
    /// Elements of doubling ReLUs with their tangents.
    doubled_tangents,
    /// Elements of doubling ReLUs backward.
    halved,
    /// Elements added up for means.
    summed,
    /// Elements whose squared deviations are added up.
    squared,
    /// Elements multiplied and added up for full statistics.
    products,
    /// Units whose sums over the whole batch are begun, folded and divided.
    sums,
    /// Units times blocks whose sums are gone on with.
    continued,
    /// Units whose sums are folded at the end of a sweep.
    folded,
    /// Units whose deviations are found.
    roots,
    /// Elements that lose a mean.
    centred,
    /// Elements that lose a mean and are scaled.
    normalised,
    /// Elements scaled.
    scaled,
    /// Elements of full gradients through batch norm.
    through,
    /// Elements copied.
    copied,
    /// Elements joined: two products and a sum.
    joined,
    /// Elements to which a scaled one is added.
    added,
    /// Elements checked for NaN and infinity.
    checked,
    /// Points loaded and stored.
    points,
    /// Operations on a block of points.
    operations,
}

impl std::ops::AddAssign for Work {
    fn add_assign(&mut self, other: Self) {
        let counts: Vec<f64> = self.counts().iter().zip(other.counts()).map(|(a, b)| a + b).collect();
        *self = Self::of(&counts);
    }
}

impl Work {
    /// So many times the work.
    pub fn times(&self, times: f64) -> Self {
        Self::of(&self.counts().iter().map(|count| count * times).collect::<Vec<_>>())
    }
}
