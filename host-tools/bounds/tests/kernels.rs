//! Public kernels on buffers of exactly their length, at shapes that no register divides.
use shatterscope::contract::Red16;
use shatterscope::internals::kernel::{
    Along, Matrix, chain, chain_matrix, descend, draw, panel_index, weight_gradient,
};
use shatterscope::internals::op::dense_backward_parameters;
use shatterscope::internals::op::naive;
use shatterscope::random::{Normal, Purpose, Stream};
use shatterscope_bounds::{available, bits, values};

/// (rows, columns): groups of any R with rows left over, and less than one group.
const SHAPES: [(usize, usize); 6] = [(1, 1), (3, 2), (5, 7), (8, 5), (13, 9), (17, 3)];

/// Continues the chains of the second by the first.
type Run<'a, const T: usize> = &'a dyn Fn(&[[f32; T]], &mut [[f32; T]]);

/// Packed, standing and transposed, also as a block that ends where its matrix ends.
fn products<const R: usize, const T: usize>() {
    // Miri takes a second for what the processor does in a microsecond.
    let shapes = if cfg!(miri) { &SHAPES[1..3] } else { &SHAPES[..] };
    for &(rows, columns) in shapes {
        let (weight, x) = (values(rows * columns, 0), values(columns * T, 1));
        let mut expected = vec![0.0; rows * T].into_boxed_slice();
        naive::dense(&weight, &[], columns, T, &x, &mut expected);
        let mut panel = vec![0.0; rows * columns].into_boxed_slice();
        let mut turned = panel.clone();
        // Two columns more before the block, and its last row ends with the block.
        let stride = columns + 2;
        let mut block = vec![0.0; (rows - 1) * stride + columns].into_boxed_slice();
        for row in 0..rows {
            for k in 0..columns {
                let w = weight[row * columns + k];
                panel[panel_index::<R>(rows, columns, row, k)] = w;
                turned[k * rows + row] = w;
                block[row * stride + k] = w;
            }
        }
        for isa in available() {
            let product = |how: &str, run: Run<T>| {
                let mut y = vec![0.0; rows * T].into_boxed_slice();
                run(x.as_chunks::<T>().0, y.as_chunks_mut::<T>().0);
                assert_eq!(bits(&y), bits(&expected), "{isa:?} {R}x{T} {how}, {rows}x{columns}");
            };
            product("packed", &|x, y| chain::<R, T>(isa, &panel, x, y));
            for (how, data, stride, transposed) in [
                ("standing", &weight, columns, false),
                ("transposed", &turned, rows, true),
                ("block", &block, stride, false),
            ] {
                product(how, &|x, y| chain_matrix::<R, T>(isa, Matrix { data, stride, transposed }, x, y));
            }
        }
    }
}

#[test]
fn dense_products() {
    products::<2, 16>();
    products::<3, 8>();
    products::<12, 32>();
    if cfg!(miri) {
        return;
    }
    products::<1, 1>();
    products::<4, 4>();
    products::<4, 16>();
    products::<5, 16>();
    products::<6, 12>();
}

#[test]
fn weight_gradients() {
    let shapes = [(3, 5, 17), (2, 33, 3), (1, 1, 1), (2, 33, 16), (7, 18, 31), (5, 70, 3)];
    for &shape in if cfg!(miri) { &shapes[..2] } else { &shapes[..] } {
        let (fan_out, fan_in, points) = shape;
        let (x, g) = (values(fan_in * points, 1), values(fan_out * points, 2));
        let mut expected = vec![0.0; fan_out * fan_in];
        dense_backward_parameters(shape, &x, &g, &mut expected, &mut []).unwrap();
        for isa in available() {
            let mut y = vec![0.0; fan_out * fan_in].into_boxed_slice();
            weight_gradient(isa, shape, &x, &g, &mut y);
            assert_eq!(bits(&y), bits(&expected), "{isa:?} {shape:?}");
        }
    }
}

#[test]
fn descents() {
    for shape in [(3, 5), (2, 33), (1, 1), (7, 18)] {
        let (fan_out, fan_in) = shape;
        let (x, g, start) = (values(fan_in, 1), values(fan_out, 2), values(fan_out * fan_in, 3));
        for isa in available() {
            let mut y = start.to_vec().into_boxed_slice();
            descend(isa, shape, 0.1, &x, &g, &mut y);
            let (row, column) = (fan_out - 1, fan_in - 1);
            let last = row * fan_in + column;
            assert_eq!(y[last].to_bits(), (start[last] - 0.1 * (g[row] * x[column])).to_bits(), "{isa:?} {shape:?}");
        }
    }
}

#[test]
fn draws() {
    let stream = Stream::new(7, 3, Purpose::Weight, 2, Normal::IrwinHall);
    for &len in if cfg!(miri) { &[0, 7, 17][..] } else { &[0, 1, 7, 15, 16, 17, 33] } {
        for along in [Along::Row, Along::Column] {
            let one = |i: u32| match along {
                Along::Row => stream.value(5, 9 + i) * 0.5,
                Along::Column => stream.value(5 + i, 9) * 0.5,
            };
            let expected: Vec<f32> = (0..len as u32).map(one).collect();
            for isa in available() {
                let mut out = vec![f32::NAN; len].into_boxed_slice();
                draw(isa, &stream, (5, 9), along, 0.5, &mut out);
                assert_eq!(bits(&out), bits(&expected), "{isa:?} {along:?} {len}");
            }
        }
    }
}

#[test]
fn reductions() {
    for len in [0, 1, 15, 16, 17, 100] {
        let series = values(len, 4);
        let (sum, mut lanes) = (Red16::sum(series.iter().copied()), Red16::new());
        lanes.add_series::<16>(
            0,
            len,
            series.chunks(16).map(|chunk| std::array::from_fn(|i| chunk.get(i).copied().unwrap_or(0.0))),
        );
        assert_eq!(lanes.fold().to_bits(), sum.to_bits(), "{len}");
    }
}
