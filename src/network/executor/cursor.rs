use crate::error::Pass;
use crate::layer::tape_bytes;
use crate::network::{Layer, Network, Options, Schedule, Statistics};

/// What a sweep over the points is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Blocks: the mean (first pass) or the variance (second) of the norm at `Cursor::norm`.
    Moments { second: bool },
    /// Blocks, full centring: the mean of the gradient at `Cursor::norm`.
    GradientMeans,
    /// Outputs and gradient.
    Gradient,
    /// Nothing is left.
    Done,
}

/// Which unit of work comes next.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cursor {
    pub phase: Phase,
    /// The norm whose statistics are being found.
    pub norm: u32,
    /// First point of the block.
    pub first: u32,
    pub backward: bool,
    /// Operation.
    pub layer: u32,
    /// Next row and column of a dense layer's product.
    pub row: u32,
    pub column: u32,
    /// Where the operation's bits, statistics and normalised values begin.
    pub tape: u64,
    pub statistics: u64,
    pub normalised: u64,
}

impl Cursor {
    pub fn start(network: &Network, options: &Options) -> Self {
        let mut cursor = Self {
            phase: Phase::Gradient,
            norm: 0,
            first: 0,
            backward: false,
            layer: 0,
            row: 0,
            column: 0,
            tape: 0,
            statistics: 0,
            normalised: 0,
        };
        if options.schedule != Schedule::WholeBatch
            && let Some(norm) = network.distinct().find(|&i| is_norm(network, i))
        {
            cursor.phase = Phase::Moments { second: false };
            cursor.norm = norm;
        }
        cursor.restart(cursor.begin(options));
        cursor
    }

    /// First point of a sweep: all of the batch for statistics, the wanted slice for results.
    fn begin(&self, options: &Options) -> u32 {
        if self.phase == Phase::Gradient && options.schedule != Schedule::WholeBatch { options.first } else { 0 }
    }

    /// One past the last point of a sweep.
    pub fn end(&self, options: &Options) -> u32 {
        if self.phase == Phase::Gradient && options.schedule != Schedule::WholeBatch {
            options.first.saturating_add(options.count)
        } else {
            options.points
        }
    }

    /// Operation 0 of the block that starts at point `first`.
    pub fn restart(&mut self, first: u32) {
        *self = Self {
            first,
            backward: false,
            layer: 0,
            row: 0,
            column: 0,
            tape: 0,
            statistics: 0,
            normalised: 0,
            ..*self
        };
    }

    /// Which way it goes.
    pub fn pass(&self) -> Pass {
        if self.backward { Pass::Backward } else { Pass::Forward }
    }

    /// Whether the block's inputs are to be loaded.
    pub fn at_start(&self) -> bool {
        self.layer == 0 && !self.backward && self.row == 0 && self.column == 0
    }

    pub fn turn(&mut self) {
        self.backward = true;
        (self.row, self.column) = (0, 0);
    }

    pub fn step_on(&mut self, layer: &Layer, options: &Options, tile: usize) {
        let (tape, statistics, normalised) = kept(layer, options, tile);
        // Nothing saturates: the plan has counted all of these.
        self.tape = self.tape.saturating_add(tape);
        self.statistics = self.statistics.saturating_add(statistics);
        self.normalised = self.normalised.saturating_add(normalised);
        self.layer = self.layer.saturating_add(1);
        (self.row, self.column) = (0, 0);
    }

    pub fn step_back(&mut self, network: &Network, options: &Options, tile: usize) {
        self.layer = self.layer.saturating_sub(1);
        (self.row, self.column) = (0, 0);
        if let Some(layer) = &network.layer(self.layer) {
            let (tape, statistics, normalised) = kept(layer, options, tile);
            self.tape = self.tape.saturating_sub(tape);
            self.statistics = self.statistics.saturating_sub(statistics);
            self.normalised = self.normalised.saturating_sub(normalised);
        }
    }

    /// Means ascending, a second pass for batch norm; then gradient means descending; then the gradient.
    pub fn next_phase(&mut self, network: &Network, options: &Options) {
        match self.phase {
            Phase::Moments { second: false } if matches!(network.layer(self.norm), Some(Layer::BatchNorm { .. })) => {
                self.phase = Phase::Moments { second: true };
            }
            Phase::Moments { .. } => {
                if let Some(norm) = next_norm(network, self.norm.saturating_add(1)) {
                    self.phase = Phase::Moments { second: false };
                    self.norm = norm;
                } else if options.statistics == Statistics::Full {
                    self.phase = Phase::GradientMeans;
                } else {
                    self.phase = Phase::Gradient;
                }
            }
            Phase::GradientMeans => match (0..self.norm).rev().find(|&i| is_norm(network, i)) {
                Some(norm) => self.norm = norm,
                None => self.phase = Phase::Gradient,
            },
            Phase::Gradient | Phase::Done => self.phase = Phase::Done,
        }
        self.restart(self.begin(options));
    }
}

fn is_norm(network: &Network, i: u32) -> bool {
    network.layer(i).is_some_and(|layer| layer.is_norm())
}

fn next_norm(network: &Network, from: u32) -> Option<u32> {
    (from..network.len()).find(|&i| is_norm(network, i))
}

/// (tape bytes of a tile, statistics, normalised elements of a tile) that an operation keeps.
fn kept(layer: &Layer, options: &Options, tile: usize) -> (u64, u64, u64) {
    let (units, tile) = (layer.shape().0 as u64, tile as u64);
    let tape = match layer {
        Layer::Relu { .. } | Layer::Crelu { .. } => tape_bytes(units, tile).unwrap_or(0),
        _ => 0,
    };
    let normalised = match layer {
        Layer::BatchNorm { .. } if keeps_normalised(options) => units * tile,
        _ => 0,
    };
    (tape, units * layer.statistics_rows(options), normalised)
}

/// Full batch norm in reverse mode needs its normalised activations on the way back.
pub(super) fn keeps_normalised(options: &Options) -> bool {
    options.statistics == Statistics::Full && options.derivative == crate::network::Derivative::Reverse
}
