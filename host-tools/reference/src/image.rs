use crate::layer::Batch;

/// How a window moves along an image, unit `(channel * height + y) * width + x`.
#[derive(Clone, Copy, Debug)]
pub struct Plane {
    /// Channels in.
    pub channels: usize,
    /// Rows and columns in.
    pub size: (usize, usize),
    /// Rows and columns of the window.
    pub window: (usize, usize),
    /// From place to place.
    pub stride: usize,
    /// Zeros around the image.
    pub padding: usize,
}

impl Plane {
    /// Rows and columns of places, by counting the places that stay inside the padded image.
    pub fn places(&self) -> (usize, usize) {
        let count = |size: usize, window: usize| {
            (0..).take_while(|place| place * self.stride + window <= size + 2 * self.padding).count()
        };
        (count(self.size.0, self.window.0), count(self.size.1, self.window.1))
    }

    /// (place, tap, position in a plane) wherever a tap is not in the padding, places first.
    fn seen(&self) -> Vec<(usize, usize, usize)> {
        let (rows, columns) = self.places();
        // The padded image, holding the number of each position.
        let mut padded = vec![vec![None; self.size.1 + 2 * self.padding]; self.size.0 + 2 * self.padding];
        for y in 0..self.size.0 {
            for x in 0..self.size.1 {
                padded[y + self.padding][x + self.padding] = Some(y * self.size.1 + x);
            }
        }
        let mut seen = Vec::new();
        for place in 0..rows * columns {
            let (row, column) = (place / columns * self.stride, place % columns * self.stride);
            for tap in 0..self.window.0 * self.window.1 {
                let position = padded[row + tap / self.window.1][column + tap % self.window.1];
                seen.extend(position.map(|position| (place, tap, position)));
            }
        }
        seen
    }
}

/// A linear layer whose entries share weights: `y[output] += weight * x[input]`.
#[derive(Clone, Debug)]
pub struct Windows {
    outputs: usize,
    /// (output, input, which weight).
    entries: Vec<(usize, usize, usize)>,
    /// What the entries share.
    pub weights: Vec<f64>,
    /// One a channel out, or none.
    pub bias: Vec<f64>,
}

impl Windows {
    /// A convolution by kernels `[c_out][c_in][kh][kw]`.
    pub fn convolution(plane: &Plane, weights: Vec<f64>, bias: Vec<f64>) -> Self {
        let (rows, columns) = plane.places();
        let (inputs, taps) = (plane.size.0 * plane.size.1, plane.window.0 * plane.window.1);
        let fan_out = weights.len() / (plane.channels * taps);
        let mut entries = Vec::new();
        for i in 0..fan_out {
            for c in 0..plane.channels {
                for (place, tap, position) in plane.seen() {
                    let weight = (i * plane.channels + c) * taps + tap;
                    entries.push((i * rows * columns + place, c * inputs + position, weight));
                }
            }
        }
        Self { outputs: fan_out * rows * columns, entries, weights, bias }
    }

    /// The mean over each window of each channel.
    pub fn average(plane: &Plane) -> Self {
        let (rows, columns) = plane.places();
        let taps = plane.window.0 * plane.window.1;
        let mut entries = Vec::new();
        for c in 0..plane.channels {
            for (place, _, position) in plane.seen() {
                entries.push((c * rows * columns + place, c * plane.size.0 * plane.size.1 + position, 0));
            }
        }
        Self { outputs: plane.channels * rows * columns, entries, weights: vec![1.0 / taps as f64], bias: Vec::new() }
    }

    /// Every `stride`-th row and column, and channels of zeros.
    pub fn shortcut(plane: &Plane, channels: usize) -> Self {
        let taken = |size: usize| (0..size).step_by(plane.stride);
        let mut entries = Vec::new();
        for c in 0..plane.channels {
            for y in taken(plane.size.0) {
                for x in taken(plane.size.1) {
                    entries.push((entries.len(), (c * plane.size.0 + y) * plane.size.1 + x, 0));
                }
            }
        }
        let outputs = entries.len() / plane.channels * channels;
        Self { outputs, entries, weights: vec![1.0], bias: Vec::new() }
    }

    pub(crate) fn forward(&self, x: &Batch, bias: &[f64]) -> Batch {
        let plane = self.outputs / bias.len().max(1);
        let mut batch = Vec::new();
        for x in x {
            let mut y: Vec<f64> = (0..self.outputs).map(|o| bias.get(o / plane).copied().unwrap_or(0.0)).collect();
            for &(output, input, weight) in &self.entries {
                y[output] += self.weights[weight] * x[input];
            }
            batch.push(y);
        }
        batch
    }

    pub(crate) fn backward(&self, g: &Batch, inputs: usize) -> Batch {
        let mut batch = Vec::new();
        for g in g {
            let mut grad = vec![0.0; inputs];
            for &(output, input, weight) in &self.entries {
                grad[input] += self.weights[weight] * g[output];
            }
            batch.push(grad);
        }
        batch
    }

    pub(crate) fn backward_parameters(&self, x: &Batch, g: &Batch) -> (Vec<f64>, Vec<f64>) {
        let (mut of_weights, mut of_bias) = (vec![0.0; self.weights.len()], vec![0.0; self.bias.len()]);
        for (x, g) in x.iter().zip(g) {
            for &(output, input, weight) in &self.entries {
                of_weights[weight] += g[output] * x[input];
            }
            for (of_bias, g) in of_bias.iter_mut().zip(g.chunks(self.outputs / self.bias.len().max(1))) {
                *of_bias += g.iter().sum::<f64>();
            }
        }
        (of_weights, of_bias)
    }
}

/// Outputs that choose one of the inputs they see: the first of the largest.
#[derive(Clone, Debug)]
pub struct Chosen {
    /// `[output]`: the inputs in the order of the scan.
    seen: Vec<Vec<usize>>,
}

impl Chosen {
    /// A max pool; what is padded is not seen.
    pub fn max(plane: &Plane) -> Self {
        let (rows, columns) = plane.places();
        let mut seen = vec![Vec::new(); plane.channels * rows * columns];
        for c in 0..plane.channels {
            for (place, _, position) in plane.seen() {
                seen[c * rows * columns + place].push(c * plane.size.0 * plane.size.1 + position);
            }
        }
        Self { seen }
    }

    /// For each point the choices, a gate for each input that an output sees, and the least lead of a choice over the next.
    pub(crate) fn choose(&self, x: &Batch) -> (Vec<Vec<usize>>, Vec<Vec<bool>>, Vec<f64>) {
        let (mut choices, mut gates, mut margins) = (Vec::new(), Vec::new(), Vec::new());
        for x in x {
            let largest = |seen: &Vec<usize>| seen.iter().fold(f64::NEG_INFINITY, |m, &i| m.max(x[i]));
            let first = |seen: &Vec<usize>| *seen.iter().find(|i| x[**i] == largest(seen)).unwrap();
            let chosen: Vec<usize> = self.seen.iter().map(first).collect();
            let (mut of_point, mut margin) = (Vec::new(), f64::INFINITY);
            for (seen, &choice) in self.seen.iter().zip(&chosen) {
                of_point.extend(seen.iter().map(|&i| i == choice));
                for &other in seen.iter().filter(|&&i| i != choice) {
                    margin = margin.min(x[choice] - x[other]);
                }
            }
            choices.push(chosen);
            gates.push(of_point);
            margins.push(margin);
        }
        (choices, gates, margins)
    }

    pub(crate) fn forward(&self, choices: &[Vec<usize>], x: &Batch) -> Batch {
        x.iter().zip(choices).map(|(x, choices)| choices.iter().map(|&i| x[i]).collect()).collect()
    }

    pub(crate) fn backward(&self, choices: &[Vec<usize>], g: &Batch, inputs: usize) -> Batch {
        let mut batch = Vec::new();
        for (g, choices) in g.iter().zip(choices) {
            let mut grad = vec![0.0; inputs];
            for (&input, g) in choices.iter().zip(g) {
                grad[input] += g;
            }
            batch.push(grad);
        }
        batch
    }
}
