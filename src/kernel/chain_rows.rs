//! Chains down the columns of a matrix: gradients of biases and norms, where points and places are rows and channels are columns.
use super::Isa;
use super::lanes::{Job, Lanes};
use crate::shape::COLUMNS;

/// `sums[c] = chain(sums[c]; g[row * stride + c])`, and with PRODUCT `products[c] = chain(products[c]; g[..] * x[..])`, rows ascending.
///
/// # Shapes
/// `g` and `x` begin at the first column; `sums` and `products` have one element a column. What a slice lacks is left out.
pub(crate) fn chain_rows<const PRODUCT: bool>(
    isa: Isa,
    (rows, stride): (usize, usize),
    (g, x): (&[f32], &[f32]),
    sums: &mut [f32],
    products: &mut [f32],
) {
    for (i, sums) in sums.chunks_mut(COLUMNS).enumerate() {
        // What a slice lacks is left out; without products there are no x and no products.
        let (g, x) = (from(g, i * COLUMNS), from(x, i * COLUMNS));
        let products = products.get_mut(i * COLUMNS..).map_or(&mut [][..], |products| products);
        isa.run(Rows::<PRODUCT> { rows, stride, g, x, sums, products });
    }
}

/// The elements from one on; none past the end.
#[inline(always)]
fn from(values: &[f32], first: usize) -> &[f32] {
    values.get(first..).map_or(&[], |values| values)
}

struct Rows<'a, const PRODUCT: bool> {
    rows: usize,
    stride: usize,
    g: &'a [f32],
    x: &'a [f32],
    sums: &'a mut [f32],
    products: &'a mut [f32],
}

impl<const PRODUCT: bool> Rows<'_, PRODUCT> {
    #[inline(always)]
    fn rest(self, first: usize) {
        for row in first..self.rows {
            let (g, x) = (from(self.g, row * self.stride), from(self.x, row * self.stride));
            for (sum, g) in self.sums.iter_mut().zip(g) {
                *sum += g;
            }
            if PRODUCT {
                let columns = self.sums.len();
                for ((product, g), x) in self.products.iter_mut().take(columns).zip(g).zip(x) {
                    *product += g * x;
                }
            }
        }
    }
}

impl<const PRODUCT: bool> Job for Rows<'_, PRODUCT> {
    type Output = ();

    #[inline(always)]
    fn portable(self) {
        self.rest(0);
    }

    #[inline(always)]
    #[expect(clippy::needless_range_loop, reason = "only loops over known ranges are all unrolled, each a register")]
    fn on<L: Lanes>(self, lanes: L) {
        // The last rows are not read whole: behind them other things may stand, or nothing.
        let (rows, stride, columns) = (self.rows, self.stride.max(1), self.sums.len());
        let least = if PRODUCT { self.g.len().min(self.x.len()) } else { self.g.len() };
        let whole = least.checked_sub(COLUMNS).map_or(0, |last| last / stride + 1).min(rows);
        let registers = COLUMNS / L::N;
        let (mut sums, mut products) = ([0.0; COLUMNS], [0.0; COLUMNS]);
        sums.iter_mut().zip(&*self.sums).for_each(|(to, from)| *to = *from);
        products.iter_mut().zip(&*self.products).for_each(|(to, from)| *to = *from);
        let (mut of_g, mut of_products) = ([lanes.splat(0.0); 4], [lanes.splat(0.0); 4]);
        for v in 0..registers {
            (of_g[v], of_products[v]) = (lanes.load(&sums, v), lanes.load(&products, v));
        }
        for row in 0..whole {
            let Some(g) = self.g.get(row * stride..).and_then(|g| g.first_chunk::<COLUMNS>()) else { break };
            if PRODUCT {
                let Some(x) = self.x.get(row * stride..).and_then(|x| x.first_chunk::<COLUMNS>()) else { break };
                for v in 0..registers {
                    of_products[v] = lanes.add(of_products[v], lanes.mul(lanes.load(g, v), lanes.load(x, v)));
                }
            }
            for v in 0..registers {
                of_g[v] = lanes.add(of_g[v], lanes.load(g, v));
            }
        }
        for v in 0..registers {
            lanes.store(of_g[v], &mut sums, v);
            lanes.store(of_products[v], &mut products, v);
        }
        self.sums.copy_from_slice(invariant!(sums.get(..columns)));
        self.products.iter_mut().take(columns).zip(products).for_each(|(to, from)| *to = from);
        self.rest(whole);
    }
}
