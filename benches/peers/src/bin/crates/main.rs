//! The other Rust crates on the dense product, the plain loops, and what the processor can do at best.
use candle_core::{Device, Tensor};
use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};
use shatterscope_peers::{Entry, Loop, POINTS, WIDTH, read, serve};
use std::hint::black_box;
use std::io;
use std::path::Path;

#[cfg(target_arch = "x86_64")]
mod peak;

fn main() -> io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [data, mark] = &arguments[..] else { return Err(io::Error::other("usage: crates DATA MARK")) };
    let (w, x) = (read(&Path::new(data).join("dense-w.f32"))?, read(&Path::new(data).join("dense-x.f32"))?);
    let mut entries: Vec<Entry> = Vec::new();
    let mut add = |name: &str, once: Box<dyn FnMut(&mut [f32])>| {
        entries.push(Entry::new("dense", format!("{name}{mark}"), Loop::new(WIDTH * POINTS, once)));
    };
    let with = |product: fn(&[f32], &[f32], &mut [f32])| {
        let (w, x) = (w.clone(), x.clone());
        Box::new(move |y: &mut [f32]| product(black_box(&w), black_box(&x), y))
    };
    add("plain loop i, p, k", with(rows_points_columns));
    add("plain loop i, k, p", with(rows_columns_points));
    add("matrixmultiply", with(matrixmultiply));
    add("gemm", with(gemm));
    add("faer", with(faer));
    let shaped = |data: &[f32], rows: usize, columns: usize| Tensor::from_slice(data, (rows, columns), &Device::Cpu);
    let (wt, xt) =
        (shaped(&w, WIDTH, WIDTH).map_err(io::Error::other)?, shaped(&x, WIDTH, POINTS).map_err(io::Error::other)?);
    let product = move || wt.matmul(&xt);
    let shown = product().and_then(|y| y.flatten_all()?.to_vec1::<f32>()).map_err(io::Error::other)?;
    let mut first = Some(shown);
    add(
        "candle",
        Box::new(move |y| {
            // The result is a tensor of candle's own; it is copied out once, beside the clock.
            if let Some(shown) = first.take() {
                y.copy_from_slice(&shown);
            }
            black_box(product().ok());
        }),
    );
    #[cfg(target_arch = "x86_64")]
    if mark.is_empty() {
        entries.extend(peak::entries());
    }
    serve(entries, |words| Err(io::Error::other(format!("not understood: {words:?}"))))
}

/// The definition of the product, one chain after the other.
fn rows_points_columns(w: &[f32], x: &[f32], y: &mut [f32]) {
    for i in 0..WIDTH {
        for p in 0..POINTS {
            let mut sum = 0.0;
            for k in 0..WIDTH {
                sum += w[i * WIDTH + k] * x[k * POINTS + p];
            }
            y[i * POINTS + p] = sum;
        }
    }
}

/// The same chains side by side, in the order that compilers vectorise.
fn rows_columns_points(w: &[f32], x: &[f32], y: &mut [f32]) {
    for (w, y) in w.chunks_exact(WIDTH).zip(y.chunks_exact_mut(POINTS)) {
        y.fill(0.0);
        for (w, x) in w.iter().zip(x.chunks_exact(POINTS)) {
            for (y, x) in y.iter_mut().zip(x) {
                *y += w * x;
            }
        }
    }
}

fn matrixmultiply(w: &[f32], x: &[f32], y: &mut [f32]) {
    assert!(w.len() == WIDTH * WIDTH && x.len() == WIDTH * POINTS && y.len() == WIDTH * POINTS);
    let (width, points) = (WIDTH as isize, POINTS as isize);
    // SAFETY: the lengths were compared with the shapes and strides.
    unsafe {
        matrixmultiply::sgemm(
            WIDTH,
            WIDTH,
            POINTS,
            1.0,
            w.as_ptr(),
            width,
            1,
            x.as_ptr(),
            points,
            1,
            0.0,
            y.as_mut_ptr(),
            points,
            1,
        );
    }
}

fn gemm(w: &[f32], x: &[f32], y: &mut [f32]) {
    assert!(w.len() == WIDTH * WIDTH && x.len() == WIDTH * POINTS && y.len() == WIDTH * POINTS);
    let (width, points) = (WIDTH as isize, POINTS as isize);
    // SAFETY: the lengths were compared with the shapes and strides; the result is not read.
    unsafe {
        gemm::gemm(
            WIDTH,
            POINTS,
            WIDTH,
            y.as_mut_ptr(),
            1,
            points,
            false,
            w.as_ptr(),
            1,
            width,
            x.as_ptr(),
            1,
            points,
            0.0,
            1.0,
            false,
            false,
            false,
            gemm::Parallelism::None,
        );
    }
}

fn faer(w: &[f32], x: &[f32], y: &mut [f32]) {
    let w = MatRef::from_row_major_slice(w, WIDTH, WIDTH);
    let x = MatRef::from_row_major_slice(x, WIDTH, POINTS);
    let y = MatMut::from_row_major_slice_mut(y, WIDTH, POINTS);
    matmul(y, Accum::Replace, w, x, 1.0, Par::Seq);
}
