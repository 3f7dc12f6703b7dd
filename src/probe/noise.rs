use crate::random::{Normal, Purpose, Stream};

/// White noise: an independent normal at each point.
pub fn white_noise(seed: u64, run: u32, normal: Normal, series: &mut [f32]) {
    let stream = Stream::new(seed, run, Purpose::Noise, 0, normal);
    for (p, x) in (0..).zip(series) {
        *x = stream.value(0, p);
    }
}

/// Brown noise: the sum of white noise up to each point, from +0.0.
pub fn brown_noise(seed: u64, run: u32, normal: Normal, series: &mut [f32]) {
    white_noise(seed, run, normal, series);
    let mut sum = 0.0;
    for x in series {
        sum += *x;
        *x = sum;
    }
}
