//! Measures of a series.
use crate::{buffer, slice};
use core::hint::black_box;
use shatterscope::probe::*;

pub fn everything() {
    let (mut series, mut result) = ([1.0; 8], [0.0; 8]);
    let _ = black_box(normalise(buffer(&mut series)));
    let mode: Autocorrelation = black_box(Autocorrelation::Raw);
    let _ = black_box(autocorrelation(buffer(&mut series), mode, buffer(&mut result)));
    let _ = black_box(covariance_row(slice(&series), black_box(1), buffer(&mut result)));

    let mut grid: Grid = black_box(Grid::new(black_box(20)));
    grid.endpoint = black_box(Endpoint::Inclusive);
    let _ = black_box((grid.step(), grid.point(black_box(3)), grid.input(), grid.check()));

    let mut sums = [0.0; 12];
    black_box(Ensemble::sums_len(black_box(4)));
    if let Ok(mut ensemble) = black_box(Ensemble::new(buffer(&mut sums), black_box(4))) {
        let _ = black_box(ensemble.add(slice(&series)));
        black_box((ensemble.mean_square(), ensemble.correlation(black_box(2))));
    }
}
