//! Specs and trainings of every kind that a board can hold, drawn as large as its memory allows and a little larger.
use super::super::image::Image as Program;
use crate::data::{Dataset, Examples};
use crate::device::Board;
use crate::device::fit::{Room, request};
use crate::predict::Placed;
use crate::spec::{self, Derivative, Family, Init, Math, Norm, Normal, Overrides, Statistics};
use crate::train::{self, Activation, Kind, Net, Optimiser, Skips};
use shatterscope::graph::Image;
use shatterscope::plan::{Schedule, Want};
use shatterscope_firmware::{model_layout, training_layout, training_words};
use std::fmt;

/// One thing to do on a board.
#[derive(Clone)]
pub enum Draw {
    /// The gradient of a network of the paper's families.
    Run {
        /// What is run.
        spec: Box<spec::Spec>,
        /// An order of work instead of the one that fits best.
        schedule: Option<Schedule>,
        /// Limit of memory in bytes; 0 for none.
        ram: u32,
    },
    /// Steps of training.
    Training {
        /// What is trained.
        spec: Box<train::Spec>,
        /// Images of any bytes.
        data: Box<Dataset>,
        /// Limit of memory in bytes; 0 for none.
        ram: u32,
    },
    /// Inference with a network as it is drawn, in batches of its training.
    Prediction {
        /// The training that it is drawn for.
        spec: Box<train::Spec>,
        /// Images of any bytes.
        data: Box<Dataset>,
        /// Limit of memory in bytes; 0 for none.
        ram: u32,
    },
}

impl fmt::Display for Draw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Draw::Run { spec, schedule, ram } => write!(f, "run, {schedule:?}, limit {ram}, {spec:?}"),
            Draw::Training { spec, data, ram } => {
                write!(f, "training, {:?}, {} classes, limit {ram}, {spec:?}", data.image, data.classes)
            }
            Draw::Prediction { spec, data, ram } => {
                write!(f, "inference, {:?}, {} classes, limit {ram}, {spec:?}", data.image, data.classes)
            }
        }
    }
}

/// Draws from a seed (SplitMix64).
#[derive(Clone, Debug)]
pub struct Draws(u64);

/// The widest network that is drawn, and the most multiply-adds of a run: more takes an emulator minutes.
const WIDEST: u32 = 48;
const MOST: u64 = 300_000;

impl Draws {
    /// The draws of a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let x = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    }

    fn below(&mut self, end: u32) -> u32 {
        (self.next() % u64::from(end.max(1))) as u32
    }

    fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len() as u32) as usize]
    }

    /// A limit that leaves a board with megabytes about as little as a small one has; of a small one, all.
    fn ram(&mut self, program: &Program) -> u32 {
        match (program.arena < 64 << 10, program.wide) {
            (true, _) => 0,
            (false, false) => self.one(&[16 << 10, 20 << 10, 28 << 10]),
            (false, true) => self.one(&[24 << 10, 28 << 10, 36 << 10]),
        }
    }

    /// The largest width from 1 on that fits, or one beside it.
    fn width(&mut self, fits: impl Fn(u32) -> bool) -> Option<u32> {
        let largest = (1..=WIDEST).take_while(|&width| fits(width)).last()?;
        Some(self.one(&[largest, largest, largest.saturating_sub(1).max(1), largest + 1]))
    }

    /// A run near the limit of a board's memory.
    pub fn run(&mut self, board: &Board, program: &Program) -> Draw {
        loop {
            let (depth, points, bias) = (1 + self.below(6), 1 + self.below(40), self.one(&[0.0, 0.0, 0.1]));
            let resident = self.one(&[1, 4, 7, 16]);
            let schedule = self.one(&[None, None, Some(Schedule::WholeBatch), Some(Schedule::Blocks { resident })]);
            let norm = self.one(&[Norm::None, Norm::Centre, Norm::Batch]);
            let given = Overrides {
                family: Some(self.one(&[Family::Feedforward, Family::Resnet, Family::Highway, Family::Crelu])),
                norm: Some(norm),
                statistics: (norm != Norm::None).then(|| self.one(&[Statistics::Detached, Statistics::Full])),
                derivative: Some(self.one(&[Derivative::Reverse, Derivative::Reverse, Derivative::Forward])),
                init: Some(self.one(&[Init::He, Init::Glorot, Init::Orthogonal, Init::LooksLinear])),
                normal: Some(self.one(&[Normal::IrwinHall, Normal::As241])),
                math: Some(self.one(&[Math::Libm, Math::Libm, Math::Libm, Math::Micromath])),
                seed: Some(self.next() >> 40),
                depth: Some(depth),
                points: Some(points),
                bias_std: Some(bias),
                runs: Some(1),
                ..Overrides::default()
            };
            let ram = self.ram(program);
            let (rows, tile) = board.tile;
            let room = Room { words: program.arena / 4, rows, tile, ram };
            let of = |width: u32| Overrides { width: Some(width), ..given.clone() }.resolve().ok();
            let fits = |width: u32| {
                let Some(run) = of(width).and_then(|spec| request(&spec, 0, ram).ok()) else { return false };
                let choice = match schedule {
                    None => room.choose(&run, |choice| choice.cost(board.fpu())).ok(),
                    Some(schedule) => room.choice(&run, schedule, run.count).ok(),
                };
                choice.is_some_and(|choice| choice.multiply_adds <= MOST)
            };
            if let Some(spec) = self.width(fits).and_then(of) {
                return Draw::Run { spec: Box::new(spec), schedule, ram };
            }
        }
    }

    /// A training near the limit of a board's memory.
    pub fn training(&mut self, board: &Board, program: &Program) -> Draw {
        let (spec, data, ram) = self.network(program, |spec, data, words, ram| {
            let Ok(layers) = spec.layers(data) else { return false };
            let Ok((placed, train)) = train::request(spec, &layers, 0, ram) else { return false };
            let Ok(plan) = placed.plan() else { return false };
            training_layout(&plan, &train.with, board.tile.1, words).is_ok_and(|layout| layout.is_ok())
        });
        Draw::Training { spec, data, ram }
    }

    /// Inference near the limit of a board's memory.
    pub fn prediction(&mut self, board: &Board, program: &Program) -> Draw {
        let (spec, data, ram) = self.network(program, |spec, data, words, _| {
            let Ok(placed) = spec.layers(data).and_then(|layers| Placed::of_layers(&layers, Want::Output)) else {
                return false;
            };
            let Ok(plan) = placed.plan() else { return false };
            let layout = model_layout(&plan, placed.nodes.len(), spec.batch, board.tile.1, words);
            layout.is_ok_and(|layout| layout.is_ok())
        });
        Draw::Prediction { spec, data, ram }
    }

    /// A network that learns, as large as `fits(spec, data, words of the arena, limit of memory)` allows.
    fn network(
        &mut self,
        program: &Program,
        fits: impl Fn(&train::Spec, &Dataset, u64, u32) -> bool,
    ) -> (Box<train::Spec>, Box<Dataset>, u32) {
        loop {
            let kind = self.one(&[Kind::Dense, Kind::Convnet, Kind::Stack, Kind::Lenet]);
            let side = if kind == Kind::Lenet { 4 } else { 1 };
            let (height, width) = (side + self.below(9 - side), side + self.below(9 - side));
            let (image, classes) = (Image { channels: 1 + self.below(3), height, width }, 2 + self.below(9));
            let data = images(image, classes, self.next());
            let dropout = self.one(&[0.0, 0.0, 0.15]);
            let net = Net {
                kind,
                depth: if kind == Kind::Convnet { 6 } else { 1 + self.below(5) },
                width: 1,
                activation: self.one(&[Activation::Relu, Activation::Crelu, Activation::Prelu]),
                slope: 0.25,
                init: self.one(&[
                    train::Init::He,
                    train::Init::Glorot,
                    train::Init::Orthogonal,
                    train::Init::LooksLinear,
                ]),
                batch_norm: self.below(3) == 0,
                skips: self.one(&[Skips::None, Skips::None, Skips::Resnet, Skips::Highway, Skips::Bottleneck]),
                beta: 0.5,
                dropout: if kind == Kind::Convnet { dropout } else { 0.0 },
            };
            let batch = self.one(&[1, 1, 2, 3, 5, 8]);
            let spec = train::Spec {
                optimiser: self.one(&[Optimiser::Sgd, Optimiser::Momentum, Optimiser::Nesterov, Optimiser::Adam]),
                momentum: 0.9,
                decay: self.one(&[0.0, 0.0, 0.001]),
                decoupled: self.below(2) == 0,
                seed: self.next() >> 40,
                ..train::Spec::adam(net, batch, 4, 0.001)
            };
            let ram = self.ram(program);
            let of = |width: u32| train::Spec { net: Net { width, ..spec.net.clone() }, ..spec.clone() };
            let words = training_words(program.arena / 4, ram, program.wide);
            let Some(width) = self.width(|width| fits(&of(width), &data, words, ram)) else { continue };
            let spec = of(width);
            // Some initialisations want an even number of units.
            if spec.model(&data).is_ok() {
                return (Box::new(spec), Box::new(data), ram);
            }
        }
    }
}

/// Images of any bytes with any labels, enough for a batch.
fn images(image: Image, classes: u32, seed: u64) -> Dataset {
    let mut draws = Draws::new(seed);
    let mut part = |count: usize| Examples {
        pixels: (0..count * image.units().unwrap_or(0) as usize).map(|_| draws.below(256) as u8).collect(),
        labels: (0..count).map(|_| draws.below(classes) as u8).collect(),
    };
    let (train, test) = (part(24), part(4));
    Dataset { name: "drawn".to_owned(), image, classes, largest: 255, train, test }
}
