//! What a training spec must be, wherever it comes from: the command line, a figure or a checkpoint.
use super::{Kind, Net, Optimiser, Schedule, Skips, Spec};
use crate::data::Dataset;
use crate::limits::{self, MOST_DEPTH, MOST_WIDTH, at_most, size};
use crate::{Failure, Result};
use shatterscope::graph::Image;
use shatterscope::plan::Want;
use shatterscope::train::MAX_STEPS;
use shatterscope_engine::Placed;
use shatterscope_layers::Layer;

/// Refuses a number that is out of its range.
fn ranged(option: &str, value: f32, fits: bool, range: &str) -> Result<()> {
    if fits { Ok(()) } else { Err(Failure::usage(format!("{option} {value}: must be {range}"))) }
}

fn not_negative(option: &str, value: f32) -> Result<()> {
    ranged(option, value, value >= 0.0 && value.is_finite(), "finite and not negative")
}

fn positive(option: &str, value: f32) -> Result<()> {
    ranged(option, value, value > 0.0 && value.is_finite(), "finite and above 0")
}

fn below_one(option: &str, value: f32) -> Result<()> {
    ranged(option, value, (0.0..1.0).contains(&value), "at least 0 and below 1")
}

impl Net {
    /// Refuses what no data make a network of.
    ///
    /// # Errors
    /// Wrong use: the option and its range.
    pub fn check(&self) -> Result<()> {
        at_most("--depth", self.depth, MOST_DEPTH, "for every layer has an entry in several lists")?;
        at_most("--width", self.width, MOST_WIDTH, "the widest layer of the core")?;
        if self.width == 0 {
            return Err(Failure::usage("--width 0: must be at least 1"));
        }
        ranged("--slope", self.slope, self.slope.is_finite(), "finite")?;
        ranged("--beta", self.beta, self.beta.is_finite(), "finite")?;
        match self.kind {
            // Sections drop one to four times as many.
            Kind::Convnet => ranged(
                "--dropout",
                self.dropout,
                (0.0..0.25).contains(&self.dropout),
                "at least 0 and below 0.25: the last of four sections drops four times as many units",
            ),
            _ => below_one("--dropout", self.dropout),
        }
    }

    /// Refuses skips of a kind or depth that has no blocks for them.
    ///
    /// # Errors
    /// Wrong use: why the skips have no effect, and what gives them one.
    pub fn check_skips(&self) -> Result<()> {
        let Some(name) = self.skips_name() else { return Ok(()) };
        let none = |why: &str| Err(Failure::usage(format!("--skips {name} has no effect: {why}")));
        match (self.kind, self.depth) {
            (Kind::Lenet, _) => none("lenet has no blocks; leave it out, or give --net dense, convnet or stack"),
            (Kind::Dense, 0..=1) => none("a dense network of depth 1 has no blocks; give --depth 2 or more"),
            (Kind::Stack, 0..=2) => none("a stack of depth 2 has no blocks; give --depth 3 or more"),
            _ => Ok(()),
        }
    }

    /// Refuses skips whose network has the bits of one with other skips, or none. A training that was begun so may go on.
    ///
    /// # Errors
    /// Wrong use: why the skips have no effect, and what gives them one.
    pub fn check_skips_differ(&self) -> Result<()> {
        let Some(name) = self.skips_name() else { return Ok(()) };
        let refused = |why: String| Err(Failure::usage(format!("--skips {name} has no effect: {why}")));
        let depth = self.depth;
        match self.skips {
            // x <- 0 x + 1 F(x).
            Skips::Highway if self.scales() == (0.0, 1.0) => {
                // Three blocks of two layers each, besides those that stand outside of blocks.
                let least = if self.kind == Kind::Stack { 7 } else { 6 };
                refused(format!(
                    "with one or two blocks, as at --depth {depth}, they keep nothing of their input; give --depth {least} or more, or leave it out"
                ))
            }
            Skips::Bottleneck if matches!(self.kind, Kind::Convnet | Kind::Stack) && self.longest_block() < 3 => {
                let least = if self.kind == Kind::Stack { 5 } else { 14 };
                refused(format!(
                    "at --depth {depth} no block has three convolutions, and the network is that of --skips resnet; give --depth {least} or more, or --skips resnet"
                ))
            }
            _ => Ok(()),
        }
    }

    /// The word of the command line; None for no skips.
    fn skips_name(&self) -> Option<&'static str> {
        match self.skips {
            Skips::None => None,
            Skips::Resnet => Some("resnet"),
            Skips::Highway => Some("highway"),
            Skips::Bottleneck => Some("bottleneck"),
        }
    }
}

impl Spec {
    /// Refuses numbers out of their ranges.
    ///
    /// # Errors
    /// Wrong use: the option and its range.
    pub fn check(&self) -> Result<()> {
        self.net.check()?;
        if self.batch == 0 {
            return Err(Failure::usage("--batch 0: it must be at least 1"));
        }
        if self.epochs == 0 {
            return Err(Failure::usage("--epochs 0: must be at least 1"));
        }
        not_negative("--rate", self.rate)?;
        below_one("--momentum", self.momentum)?;
        self.betas.iter().try_for_each(|&beta| below_one("--betas", beta))?;
        positive("--eps", self.eps)?;
        not_negative("--decay", self.decay)?;
        not_negative("--clip-norm", self.clip_norm)?;
        not_negative("--clip-value", self.clip_value)?;
        positive("--factor", self.factor)?;
        not_negative("--threshold", self.threshold)?;
        if self.schedule == Schedule::Steps {
            let ascend = self.steps.first().is_some_and(|&first| first > 0) && self.steps.is_sorted_by(|a, b| a < b);
            if !ascend || self.steps.len() > MAX_STEPS {
                return Err(Failure::usage(format!(
                    "--schedule steps needs --at with 1 to {MAX_STEPS} epochs, ascending from 1 on, as in --at 20,30"
                )));
            }
        }
        self.settings().check()?;
        self.rate().map(drop)
    }

    /// The layers of the network on these data, if a step can be taken and this machine has the memory.
    ///
    /// # Errors
    /// Wrong use: a batch, a shift, a norm or a number of epochs that the data do not allow. Too little memory.
    pub fn check_on(&self, data: &Dataset, threads: usize) -> Result<Vec<Layer>> {
        let layers = self.layers(data)?;
        let states = match self.optimiser {
            Optimiser::Sgd => 0,
            Optimiser::Momentum | Optimiser::Nesterov => 1,
            Optimiser::Adam => 2,
        };
        let clipped = u64::from(self.clip_norm > 0.0);
        let placed = Placed::frozen(&layers, &self.frozen(&layers)?, Want::ParameterGradient)?;
        // The model, a copy of it for checkpoints, and all of it in a row for the digest.
        let floats = placed.plan()?.parameters_len.saturating_mul(2 * (1 + states) + 1 + clipped);
        let evaluated = EVALUATED.min(data.test.len().max(1) as u32);
        let probed = if self.probe_every > 0 { PROBED.min(data.train.len() as u32) } else { 0 };
        let mut bytes = floats.saturating_mul(4);
        bytes = bytes.saturating_add(placed.bytes(self.batch, TILE, threads)?);
        for (want, batch) in [(Want::Output, evaluated), (Want::InputGradient, probed)] {
            if batch > 0 {
                bytes = bytes.saturating_add(Placed::of_layers(&layers, want)?.bytes(batch, TILE, threads)?);
            }
        }
        let lower = "--width, --depth or --batch";
        limits::memory(bytes, "this training", lower)?;
        Ok(layers)
    }

    /// The layers of the network on these data, if a step can be taken.
    ///
    /// # Errors
    /// As [`Spec::check_on`], but for memory.
    pub fn layers(&self, data: &Dataset) -> Result<Vec<Layer>> {
        self.layers_of(data.image, data.classes, data.train.len())
    }

    /// The same for data of this shape with so many examples to train on.
    ///
    /// # Errors
    /// As [`Spec::layers`].
    pub fn layers_of(&self, image: Image, classes: u32, examples: usize) -> Result<Vec<Layer>> {
        self.check()?;
        let examples = u32::try_from(examples).map_err(|_| Failure::usage("there are 2^32 examples or more"))?;
        if self.batch > examples {
            let batch = self.batch;
            return Err(Failure::usage(format!("--batch {batch} must be between 1 and the {examples} examples")));
        }
        let (steps, epochs) = (examples / self.batch, self.epochs);
        if epochs.checked_mul(steps).is_none() {
            let most = u32::MAX / steps;
            return Err(Failure::usage(format!(
                "--epochs {epochs} of {steps} steps: steps are counted to 2^32 - 1; give --epochs {most} or fewer"
            )));
        }
        self.augment().check(image)?;
        let layers = self.net.layers(image, classes)?;
        let single = |layer: &&Layer| matches!(layer, Layer::BatchNorm { image, .. } if image.plane() * u64::from(self.batch) < 2);
        if layers.iter().any(|layer| single(&layer)) {
            return Err(Failure::usage(
                "--batch-norm with --batch 1: the statistics of one value make it 0 whatever it is; give --batch 2 or more, or leave out --batch-norm",
            ));
        }
        Ok(layers)
    }
}

/// Examples of a batch that is only evaluated.
pub(super) const EVALUATED: u32 = 256;
/// Examples whose input gradients are looked at, where there are so many.
pub(super) const PROBED: u32 = 256;
/// The widest register tile.
const TILE: u32 = 32;

/// The failure of a network whose numbers cannot be counted in 32 bits, with the memory that it would need.
pub(super) fn too_large(layers: &[Layer], image: Image) -> Failure {
    let parameters =
        |layer: &Layer| layer.parameters().map_or(u64::MAX, |(weights, biases)| weights.saturating_add(biases));
    let parameters = layers.iter().map(parameters).fold(0, u64::saturating_add);
    let Image { channels, height, width } = image;
    Failure::usage(format!(
        "the network on images of {channels} x {height} x {width} has {parameters} parameters ({}), or a layer with too many units: \
         at most 2^32 - 1 of either can be counted; lower --width or --depth",
        size(parameters.saturating_mul(4))
    ))
}
