//! One call of each public kernel, at the width of the paper and 32 points.
use crate::{count, values};
use shatterscope::contract::Red16;
use shatterscope::exec::Isa;
use shatterscope::internals::kernel::{Along, Matrix, chain, chain_matrix, draw, panel_index};
use shatterscope::random::{Normal, Purpose, Stream};
use std::hint::black_box;

const WIDTH: usize = 200;
const POINTS: usize = 32;

/// The dense product: from a packed panel, from the matrix, from the transposed matrix.
pub fn products<const R: usize, const T: usize>(isa: Isa) {
    let weight = values(WIDTH * WIDTH, 0);
    let mut panel = vec![0.0; weight.len()];
    for (i, row) in weight.chunks(WIDTH).enumerate() {
        for (k, w) in row.iter().enumerate() {
            panel[panel_index::<R>(WIDTH, WIDTH, i, k)] = *w;
        }
    }
    let mut store = [values(WIDTH * POINTS + 16, 1), vec![0.0; WIDTH * POINTS + 16]];
    let [x, y] = store.each_mut().map(|store| {
        let first = store.as_ptr().align_offset(64);
        store[first..first + WIDTH * POINTS].as_chunks_mut::<T>().0
    });
    let x = &*x;
    count("dense product 200x200 by 200x32, packed", || {
        tiles(x, y, |x, y| chain::<R, T>(isa, black_box(&panel), x, y));
    });
    for (name, transposed) in [("in place", false), ("transposed", true)] {
        let matrix = Matrix { data: &weight, stride: WIDTH, transposed };
        count(&format!("dense product 200x200 by 200x32, {name}"), || {
            tiles(x, y, |x, y| chain_matrix::<R, T>(isa, black_box(matrix), x, y));
        });
    }
}

/// Tile by tile, as the executor does it.
fn tiles<const T: usize>(x: &[[f32; T]], y: &mut [[f32; T]], product: impl Fn(&[[f32; T]], &mut [[f32; T]])) {
    for (x, y) in x.chunks(WIDTH).zip(y.chunks_mut(WIDTH)) {
        product(x, y);
    }
    black_box(y);
}

/// All chains over the points.
pub fn weight_gradient(isa: Isa) {
    let (x, g) = (values(WIDTH * POINTS, 1), values(WIDTH * POINTS, 3));
    let mut y = vec![0.0; WIDTH * WIDTH];
    count("weight gradient 200x32 by 32x200", || {
        shatterscope::internals::kernel::weight_gradient(
            isa,
            (WIDTH, WIDTH, POINTS),
            black_box(&x),
            black_box(&g),
            &mut y,
        );
    });
    black_box(&y);
}

/// The plain reduction.
pub fn red16() {
    let series = values(256, 2);
    count("RED16 of 256", || {
        black_box(Red16::sum(black_box(&series).iter().copied()));
    });
}

/// Both normals.
pub fn draws(isa: Isa) {
    let mut out = vec![0.0; 1024];
    for (name, normal) in [("irwin-hall", Normal::IrwinHall), ("as241", Normal::As241)] {
        let stream = Stream::new(1, 0, Purpose::Weight, 1, normal);
        for (how, along) in [("row", Along::Row), ("column", Along::Column)] {
            count(&format!("1024 weights, {name}, along a {how}"), || {
                draw(isa, black_box(&stream), (0, 0), along, 0.1, &mut out);
            });
            black_box(&out);
        }
    }
}
