//! The networks that can be asked for by name, as lists of layers.
use super::check::too_large;
use crate::{Failure, Result};
use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use shatterscope::graph::Node;
use shatterscope::graph::{Image, Window};
use shatterscope::internals::op::{Conv, Pool, Shortcut};
use shatterscope::plan::{Plan, Storage, Want};
use shatterscope::train::Initializer;
use shatterscope::{Error, InvalidSpec};
use shatterscope_engine::Placed;
use shatterscope_layers::{Layer, to_graph};

/// What a network is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Layers of the same width, then a readout; depth counts ReLUs
    Dense,
    /// Four sections of 3x3 convolutions, stride 2 and twice the channels between them, and a readout; depth = 4 m + 2
    Convnet,
    /// 3x3 convolutions of one width at the images' own size, then a readout; depth counts both, skips are over two convolutions
    Stack,
    /// Two convolutions with pools, two dense layers
    Lenet,
}

/// The ReLU.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Activation {
    /// max(x, 0)
    Relu,
    /// (max(x, 0), max(-x, 0)): features double
    Crelu,
    /// x, or slope x below zero, a slope a channel that learns; 1 to begin with is a linear network
    Prelu,
}

/// What joins layers besides their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Skips {
    /// Nothing
    None,
    /// x <- x + beta F(x)
    Resnet,
    /// x <- sqrt(1 - t^2) x + t F(x), t = 2 / blocks
    Highway,
    /// x <- x + beta F(x), F three convolutions: 1x1 to a quarter of the channels, 3x3, 1x1 back
    Bottleneck,
}

/// A network, but for what the data say.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Net {
    /// Shape.
    pub kind: Kind,
    /// Layers, as the kind counts them.
    pub depth: u32,
    /// Units or, in the first section, channels.
    pub width: u32,
    /// ReLU.
    pub activation: Activation,
    /// Slopes of prelu, to begin with.
    #[serde(with = "crate::decimal")]
    pub slope: f32,
    /// How weights are drawn.
    pub init: Init,
    /// Batch norm before each ReLU.
    pub batch_norm: bool,
    /// Skips, over two layers each, or three where they narrow.
    pub skips: Skips,
    /// Scale of a resnet's branch.
    #[serde(with = "crate::decimal")]
    pub beta: f32,
    /// Share of units dropped in the first section, and so much more in each later one.
    #[serde(with = "crate::decimal")]
    pub dropout: f32,
}

/// [`Initializer`] by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Init {
    /// Deviation sqrt(2 / fan-in)
    He,
    /// Deviation sqrt(2 / (fan-in + fan-out))
    Glorot,
    /// Orthogonal; convolutions at one tap
    Orthogonal,
    /// Orthogonal and mirrored: with crelu, or plain ReLUs in pairs, the network begins linear
    LooksLinear,
}

impl Net {
    /// How the core draws weights.
    pub fn start(&self) -> Initializer {
        match (self.init, self.activation) {
            (Init::He, _) => Initializer::He,
            (Init::Glorot, _) => Initializer::Glorot,
            (Init::Orthogonal, _) | (Init::LooksLinear, Activation::Prelu) => Initializer::Orthogonal,
            (Init::LooksLinear, Activation::Crelu) => Initializer::LooksLinear,
            (Init::LooksLinear, Activation::Relu) => Initializer::LooksLinearPairs,
        }
    }

    /// In half a line.
    pub fn describe(&self) -> String {
        let mut text = format!(
            "{} of {} layers, width {}, {}, {}",
            name(self.kind),
            self.depth,
            self.width,
            name(self.activation),
            name(self.init)
        );
        if self.batch_norm {
            text += ", batch norm";
        }
        match self.skips {
            Skips::None => {}
            Skips::Resnet => text += &format!(", skips with beta {}", self.beta),
            Skips::Highway => text += ", highway skips",
            Skips::Bottleneck => text += &format!(", bottlenecks with beta {}", self.beta),
        }
        text
    }

    /// The layers between images and classes.
    ///
    /// # Errors
    /// Wrong use: a depth or width that the kind does not have; what the core refuses.
    pub fn layers(&self, image: Image, classes: u32) -> Result<Vec<Layer>> {
        self.check()?;
        if self.skips == Skips::Bottleneck && !matches!(self.kind, Kind::Convnet | Kind::Stack) {
            return Err(Failure::usage(format!(
                "--skips bottleneck is over three convolutions, and {} has no such blocks: give --net convnet or stack",
                name(self.kind)
            )));
        }
        let mut list = List { net: self, layers: Vec::new(), at: image };
        match self.kind {
            Kind::Dense => list.dense(classes)?,
            Kind::Convnet => list.convnet(classes)?,
            Kind::Stack => list.stack(classes)?,
            Kind::Lenet => list.lenet(classes)?,
        }
        match fits(&list.layers) {
            Ok(()) => Ok(list.layers),
            Err(
                Error::InvalidSpec(InvalidSpec::TooLarge) | Error::InvalidNode { reason: InvalidSpec::TooLarge, .. },
            ) => Err(too_large(&list.layers, image)),
            // The same error, with the name of its node.
            Err(_) => Placed::of_layers(&list.layers, Want::Output).map(|_| list.layers),
        }
    }

    /// Scales of what a skip keeps and of its branch.
    pub(super) fn scales(&self) -> (f32, f32) {
        match self.skips {
            Skips::Highway => {
                let transform = (2.0 / f64::from(self.blocks())).min(1.0);
                ((1.0 - transform * transform).sqrt() as f32, transform as f32)
            }
            _ => (1.0, self.beta),
        }
    }

    /// Most convolutions that one skip is over, where there is room for three.
    pub(super) fn longest_block(&self) -> u32 {
        let room = match self.kind {
            Kind::Stack => self.depth.saturating_sub(2),
            // A section has a quarter of the layers; the first of the network is outside of its blocks, so that a later one has the most.
            Kind::Convnet => self.depth.saturating_sub(2) / 4,
            Kind::Dense | Kind::Lenet => 0,
        };
        room.min(3)
    }

    /// Blocks that highway skips share the input's scale among.
    pub(super) fn blocks(&self) -> u32 {
        // The first layer and the readout of a stack stand outside of its blocks.
        let blocks = match self.kind {
            Kind::Stack => self.depth.saturating_sub(2).div_ceil(2),
            _ => self.depth / 2,
        };
        blocks.max(1)
    }
}

/// Refuses layers that are no graph, or one with more than can be counted.
fn fits(layers: &[Layer]) -> std::result::Result<(), Error> {
    let mut nodes = vec![Node::EMPTY; 3 * layers.len() + 1];
    let graph = to_graph(layers, &mut nodes)?;
    let (mut slots, mut storages) = (vec![0; graph.len()], vec![Storage::EMPTY; graph.len()]);
    Plan::with_placed_slots(&graph, Want::Output, &mut storages, &mut slots).map(drop)
}

/// A value by its word on the command line.
fn name(value: impl ValueEnum) -> String {
    value.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
}

/// A list in the making, and what leaves it so far.
struct List<'n> {
    net: &'n Net,
    layers: Vec<Layer>,
    at: Image,
}

impl List<'_> {
    fn dense(&mut self, classes: u32) -> Result<()> {
        let Net { depth, width, .. } = *self.net;
        if depth == 0 || width == 0 {
            return Err(Failure::usage("--depth and --width of a dense network must be at least 1"));
        }
        self.at = Image::vector(self.at.units().unwrap_or(0));
        self.affine(width);
        let mut left = depth - 1;
        while left > 0 {
            let over = if self.net.skips == Skips::None { 1 } else { left.min(2) };
            self.block(over, 1, |list| list.affine(width));
            left -= over;
        }
        self.rectify();
        self.affine(classes);
        Ok(())
    }

    /// ReLU and layer, so many times, with a skip over all of them; together they make the image smaller by the stride.
    fn block(&mut self, count: u32, stride: u32, mut layer: impl FnMut(&mut Self)) {
        let kept = self.at;
        if self.net.skips != Skips::None {
            self.layers.push(Layer::Fork { image: kept });
        }
        for _ in 0..count {
            self.rectify();
            layer(self);
        }
        if self.net.skips != Skips::None {
            // Images of one position stay what they are.
            let same = (kept.height, kept.width) == (self.at.height, self.at.width);
            let stride = if same { 1 } else { stride };
            let shortcut = Shortcut { input: kept, channels: self.at.channels, stride };
            let (a, b) = self.net.scales();
            self.layers.push(Layer::Join { shortcut, a, b });
        }
    }

    /// The next block of at most `left` convolutions, the image smaller by the stride after it; how many there are.
    fn convolutions(&mut self, left: u32, channels: u32, stride: u32) -> u32 {
        let narrow = (channels / 4).max(1);
        // (channels, size, stride) of each; what is too short for a bottleneck is a block of the usual kind.
        let convs: &[(u32, u32, u32)] = match (self.net.skips, left) {
            (Skips::None, _) | (_, 1) => &[(channels, 3, stride)],
            (Skips::Bottleneck, 3..) => &[(narrow, 1, 1), (narrow, 3, stride), (channels, 1, 1)],
            _ => &[(channels, 3, stride), (channels, 3, 1)],
        };
        let mut next = convs.iter();
        self.block(convs.len() as u32, stride, |list| {
            if let Some(&(channels, size, stride)) = next.next() {
                list.conv(channels, size, stride);
            }
        });
        convs.len() as u32
    }

    fn convnet(&mut self, classes: u32) -> Result<()> {
        let Net { depth, width, activation, .. } = *self.net;
        if depth < 6 || depth % 4 != 2 || width == 0 {
            return Err(Failure::usage(format!(
                "--depth {depth}: a convnet has 4 m + 2 layers, 6, 10, 14 and so on, and a width of at least 1"
            )));
        }
        let modules = (depth - 2) / 4;
        // About as many parameters, where features double.
        let width_of = |width: u32| match activation {
            Activation::Crelu => (f64::from(width) / std::f64::consts::SQRT_2).floor() as u32,
            _ => width,
        };
        let channels: Vec<u32> = (0..4).map(|section| width_of(width << section).max(1)).collect();
        if activation == Activation::Crelu {
            self.rectify();
        }
        for (section, &channels) in channels.iter().enumerate() {
            let mut done = 0;
            // The first module of the network sees the image, the first of a later section halves it.
            if section == 0 {
                self.conv(channels, 3, 1);
                done = 1;
            }
            while done < modules {
                let stride = if done == 0 { 2 } else { 1 };
                done += self.convolutions(modules - done, channels, stride);
            }
            self.drop_out(section as u32);
        }
        let last = channels[3];
        self.block(1, 2, |list| list.conv(last, 3, 2));
        self.rectify();
        self.affine(classes);
        Ok(())
    }

    fn stack(&mut self, classes: u32) -> Result<()> {
        let Net { depth, width, .. } = *self.net;
        if depth < 2 || width == 0 {
            return Err(Failure::usage(format!(
                "--depth {depth}: a stack has a convolution and a readout, 2 layers or more, and a width of at least 1"
            )));
        }
        self.conv(width, 3, 1);
        let mut left = depth - 2;
        while left > 0 {
            left -= self.convolutions(left, width, 1);
        }
        self.rectify();
        self.affine(classes);
        Ok(())
    }

    fn lenet(&mut self, classes: u32) -> Result<()> {
        let width = self.net.width;
        for channels in [width, 2 * width] {
            self.conv(channels, 3, 1);
            self.rectify();
            let pool = Pool { input: self.at, window: Window { height: 2, width: 2, stride: 2, padding: 0 } };
            self.layers.push(Layer::MaxPool { pool });
            self.at = pool.output().ok_or_else(|| Failure::usage("images are too small for two pools of 2 x 2"))?;
        }
        self.affine(8 * width);
        self.rectify();
        self.affine(classes);
        Ok(())
    }

    /// `channels` out of everything; a bias where no norm follows.
    fn affine(&mut self, outputs: u32) {
        let inputs = self.at.units().unwrap_or(0);
        self.layers.push(Layer::Dense { inputs, outputs, bias: true });
        self.at = Image::vector(outputs);
    }

    fn conv(&mut self, channels: u32, size: u32, stride: u32) {
        let conv = Conv { input: self.at, channels, window: Window::half_padded(size, stride) };
        self.layers.push(Layer::Conv { conv, bias: !self.net.batch_norm });
        self.at = conv.output().unwrap_or(self.at);
    }

    fn rectify(&mut self) {
        let image = self.at;
        let units = image.units().unwrap_or(0);
        if self.net.batch_norm {
            self.layers.push(Layer::BatchNorm { image, eps: 1e-5, momentum: 0.1 });
        }
        self.layers.push(match self.net.activation {
            Activation::Relu => Layer::Relu { units },
            Activation::Prelu => Layer::Prelu { image, slope: self.net.slope },
            Activation::Crelu => Layer::Crelu { image },
        });
        if self.net.activation == Activation::Crelu {
            self.at.channels *= 2;
        }
    }

    fn drop_out(&mut self, section: u32) {
        let rate = self.net.dropout * (section + 1) as f32;
        if rate > 0.0 {
            let units = self.at.units().unwrap_or(0);
            self.layers.push(Layer::Dropout { units, rate });
        }
    }
}
