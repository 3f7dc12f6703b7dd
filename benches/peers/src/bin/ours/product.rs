//! The dense product by every instruction set that this processor has: from tiles to tiles, as the executor runs it, and from
//! rows to rows, as a matrix library is called.
use shatterscope::exec::Isa;
use shatterscope::internals::kernel::{Matrix, Tiled, chain, chain_matrix, panel_index};
use shatterscope::internals::op::naive;
use shatterscope::random::{Normal, Purpose, Stream};
use shatterscope_peers::{Contestant, Entry, POINTS, WIDTH, write};
use std::collections::HashMap;
use std::hint::black_box;
use std::io;
use std::path::Path;

/// How the weights come.
#[derive(Clone, Copy, PartialEq)]
enum Weights {
    /// In a packed panel.
    Packed,
    /// As a matrix where it stands.
    Standing,
    /// As a matrix, and the points in rows: packing and unpacking count.
    Rows,
}

struct Product<const R: usize, const T: usize> {
    isa: Isa,
    weights: Weights,
    matrix: Vec<f32>,
    rows: Vec<f32>,
    panel: Vec<f32>,
    /// `[tile][unit][T]`, from where a line of the cache begins.
    store: [Vec<f32>; 2],
    result: Vec<f32>,
}

impl<const R: usize, const T: usize> Product<R, T> {
    fn new(isa: Isa, weights: Weights, matrix: &[f32], rows: &[f32]) -> Self {
        let mut panel = vec![0.0; WIDTH * WIDTH];
        for (i, row) in matrix.chunks(WIDTH).enumerate() {
            for (k, w) in row.iter().enumerate() {
                panel[panel_index::<R>(WIDTH, WIDTH, i, k)] = *w;
            }
        }
        let store = [vec![0.0; WIDTH * POINTS + 16], vec![0.0; WIDTH * POINTS + 16]];
        let (matrix, rows) = (matrix.to_vec(), rows.to_vec());
        let mut product = Self { isa, weights, matrix, rows, panel, store, result: vec![0.0; WIDTH * POINTS] };
        let Self { rows, store: [x, _], .. } = &mut product;
        to_tiles(rows, aligned::<T>(x));
        product
    }
}

fn aligned<const T: usize>(store: &mut [f32]) -> &mut [[f32; T]] {
    let first = store.as_ptr().align_offset(64);
    store[first..first + WIDTH * POINTS].as_chunks_mut::<T>().0
}

fn to_tiles<const T: usize>(rows: &[f32], tiles: &mut [[f32; T]]) {
    for (unit, row) in rows.chunks_exact(POINTS).enumerate() {
        for (tile, points) in tiles.chunks_exact_mut(WIDTH).zip(row.as_chunks::<T>().0) {
            tile[unit] = *points;
        }
    }
}

fn to_rows<const T: usize>(tiles: &[[f32; T]], rows: &mut [f32]) {
    for (unit, row) in rows.chunks_exact_mut(POINTS).enumerate() {
        for (tile, points) in tiles.chunks_exact(WIDTH).zip(row.as_chunks_mut::<T>().0) {
            *points = tile[unit];
        }
    }
}

/// A product with the register tile of an instruction set, and the tile's name.
struct Make<'a> {
    isa: Isa,
    weights: Weights,
    w: &'a [f32],
    x: &'a [f32],
}

impl Tiled for Make<'_> {
    type Output = (String, Box<dyn Contestant>);
    const NARROW: bool = false;

    fn with<const R: usize, const T: usize>(self) -> Self::Output {
        let Self { isa, weights, w, x } = self;
        (format!("{R}x{T}"), Box::new(Product::<R, T>::new(isa, weights, w, x)))
    }
}

impl<const R: usize, const T: usize> Contestant for Product<R, T> {
    fn run(&mut self) {
        let Self { isa, weights, matrix, rows, panel, store: [x, y], result } = self;
        let (x, y) = (aligned::<T>(x), aligned::<T>(y));
        if *weights == Weights::Rows {
            to_tiles(black_box(rows), x);
        }
        y.as_flattened_mut().fill(0.0);
        for (x, y) in black_box(&*x).chunks(WIDTH).zip(y.chunks_mut(WIDTH)) {
            if *weights == Weights::Packed {
                chain::<R, T>(*isa, black_box(panel), x, y);
            } else {
                chain_matrix::<R, T>(*isa, Matrix { data: black_box(matrix), stride: WIDTH, transposed: false }, x, y);
            }
        }
        if *weights == Weights::Rows {
            to_rows(black_box(y), result);
        }
    }

    fn result(&self) -> Vec<f32> {
        let first = self.store[1].as_ptr().align_offset(64);
        let mut rows = vec![0.0; WIDTH * POINTS];
        to_rows(self.store[1][first..first + WIDTH * POINTS].as_chunks::<T>().0, &mut rows);
        rows
    }
}

fn values(len: usize, column: u32) -> Vec<f32> {
    let stream = Stream::new(1, 0, Purpose::Weight, 1, Normal::IrwinHall);
    (0..len as u32).map(|row| stream.value(row, column)).collect()
}

/// Writes both factors, and enters every kernel.
pub fn entries(data: &Path, references: &mut HashMap<String, Vec<f32>>) -> io::Result<Vec<Entry>> {
    println!("task\tdense\t{}\tdense product, {WIDTH} x {WIDTH} by {WIDTH} x {POINTS}", 2 * WIDTH * WIDTH * POINTS);
    println!("task\tpeak\t{}\tmultiplications and additions in registers, not fused", 2 * WIDTH * WIDTH * POINTS);
    let (w, x) = (values(WIDTH * WIDTH, 0), values(WIDTH * POINTS, 1));
    write(&data.join("dense-w.f32"), &w)?;
    write(&data.join("dense-x.f32"), &x)?;
    let mut y = vec![0.0; WIDTH * POINTS];
    naive::dense(&w, &[], WIDTH, POINTS, &x, &mut y);
    references.insert("dense".into(), y);
    let mut entries = Vec::new();
    for isa in Isa::ALL.into_iter().filter(|isa| isa.is_available() && !isa.uses_integers()) {
        for (weights, how) in
            [(Weights::Packed, "packed"), (Weights::Standing, "in place"), (Weights::Rows, "from rows")]
        {
            let (tile, contestant) = isa.tiled(POINTS as u32, Make { isa, weights, w: &w, x: &x });
            entries.push(Entry { task: "dense".into(), name: format!("ours {isa:?} {tile}, {how}"), contestant });
        }
    }
    Ok(entries)
}
