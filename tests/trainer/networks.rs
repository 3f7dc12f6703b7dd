//! Lists of layers that between them have every operation, at channel counts that no group of rows divides.
use shatterscope::graph::{Image, Window};
use shatterscope::internals::op::{Conv, Pool, Shortcut};
use shatterscope_layers::Layer;

/// A list in the making, and what leaves it so far.
pub struct List {
    pub layers: Vec<Layer>,
    pub at: Image,
    kept: Image,
}

pub const fn image(channels: u32, height: u32, width: u32) -> Image {
    Image { channels, height, width }
}

pub const fn window(height: u32, width: u32, stride: u32, padding: u32) -> Window {
    Window { height, width, stride, padding }
}

impl List {
    pub fn new(at: Image) -> Self {
        Self { layers: Vec::new(), at, kept: at }
    }

    fn units(&self) -> u32 {
        self.at.units().unwrap()
    }

    pub fn dense(mut self, outputs: u32, bias: bool) -> Self {
        self.layers.push(Layer::Dense { inputs: self.units(), outputs, bias });
        self.at = Image::vector(outputs);
        self
    }

    pub fn conv(mut self, channels: u32, window: Window, bias: bool) -> Self {
        let conv = Conv { input: self.at, channels, window };
        self.layers.push(Layer::Conv { conv, bias });
        self.at = conv.output().unwrap();
        self
    }

    pub fn relu(mut self) -> Self {
        self.layers.push(Layer::Relu { units: self.units() });
        self
    }

    pub fn prelu(mut self, slope: f32) -> Self {
        self.layers.push(Layer::Prelu { image: self.at, slope });
        self
    }

    pub fn crelu(mut self) -> Self {
        self.layers.push(Layer::Crelu { image: self.at });
        self.at.channels *= 2;
        self
    }

    pub fn norm(mut self) -> Self {
        self.layers.push(Layer::BatchNorm { image: self.at, eps: 1e-3, momentum: 0.3 });
        self
    }

    pub fn dropout(mut self, rate: f32) -> Self {
        self.layers.push(Layer::Dropout { units: self.units(), rate });
        self
    }

    pub fn average(mut self, window: Window) -> Self {
        let pool = Pool { input: self.at, window };
        self.layers.push(Layer::AveragePool { pool });
        self.at = pool.output().unwrap();
        self
    }

    pub fn max(mut self, window: Window) -> Self {
        let pool = Pool { input: self.at, window };
        self.layers.push(Layer::MaxPool { pool });
        self.at = pool.output().unwrap();
        self
    }

    pub fn fork(mut self) -> Self {
        self.kept = self.at;
        self.layers.push(Layer::Fork { image: self.at });
        self
    }

    pub fn join(mut self, a: f32, b: f32) -> Self {
        let stride = self.kept.height.div_ceil(self.at.height);
        let shortcut = Shortcut { input: self.kept, channels: self.at.channels, stride };
        assert_eq!(shortcut.output(), Some(self.at));
        self.layers.push(Layer::Join { shortcut, a, b });
        self
    }
}

/// Networks without batch norm.
pub fn plain() -> Vec<(&'static str, Vec<Layer>)> {
    let half = Window::half_padded;
    let all = [
        ("dense", List::new(Image::vector(7)).dense(13, true).relu().dense(45, false).prelu(0.25).dense(3, true)),
        ("one unit", List::new(Image::vector(1)).dense(1, true)),
        (
            "crelu on the raw image",
            List::new(image(1, 5, 4))
                .crelu()
                .conv(3, half(3, 1), true)
                .crelu()
                .conv(5, half(3, 2), true)
                .crelu()
                .dense(4, true),
        ),
        (
            "windows that are no squares",
            List::new(image(3, 7, 6))
                .conv(5, window(3, 2, 2, 1), true)
                .relu()
                .conv(11, window(2, 3, 1, 0), false)
                .crelu()
                .conv(13, window(1, 1, 2, 0), true)
                .dense(2, false),
        ),
        (
            "many channels",
            List::new(image(2, 3, 3))
                .conv(12, half(1, 1), true)
                .relu()
                .conv(22, half(3, 2), true)
                .prelu(-0.5)
                .conv(45, half(3, 1), true)
                .relu()
                .conv(1, window(2, 2, 1, 0), true),
        ),
        (
            "pools",
            List::new(image(5, 6, 7))
                .max(window(3, 2, 2, 1))
                .conv(3, half(3, 1), true)
                .relu()
                .average(window(2, 3, 1, 0))
                .dropout(0.3)
                .max(window(2, 2, 1, 0))
                .dense(5, true)
                .dropout(0.6),
        ),
        (
            "skips",
            List::new(image(3, 6, 5))
                .fork()
                .relu()
                .conv(3, half(3, 1), true)
                .join(0.75, 0.5)
                .fork()
                .crelu()
                .conv(5, half(3, 2), true)
                .prelu(0.5)
                .conv(7, half(1, 1), true)
                .join(-1.5, 0.625)
                .dense(12, true)
                .fork()
                .relu()
                .dense(12, true)
                .join(1.0, 1.0),
        ),
        (
            "bottlenecks",
            List::new(image(8, 6, 5))
                .fork()
                .relu()
                .conv(2, half(1, 1), true)
                .relu()
                .conv(2, half(3, 1), true)
                .relu()
                .conv(8, half(1, 1), true)
                .join(1.0, 1.0)
                .fork()
                .crelu()
                .conv(4, half(1, 1), true)
                .crelu()
                .conv(4, half(3, 2), true)
                .crelu()
                .conv(16, half(1, 1), true)
                .join(1.0, 0.5)
                .dense(4, true),
        ),
        (
            "slopes",
            List::new(image(3, 4, 3))
                .prelu(0.5)
                .fork()
                .prelu(0.25)
                .relu()
                .conv(17, half(3, 1), true)
                .prelu(-0.25)
                .join(0.5, 0.75)
                .prelu(0.1)
                .crelu()
                .dropout(0.2)
                .dense(4, true)
                .prelu(0.0),
        ),
        ("nothing to learn", List::new(image(2, 4, 4)).relu().average(window(2, 2, 2, 0)).crelu().dropout(0.25)),
    ];
    all.map(|(name, list)| (name, list.layers)).into()
}

/// Networks with batch norm, whose points know of each other.
pub fn normed() -> Vec<(&'static str, Vec<Layer>)> {
    let half = Window::half_padded;
    let all = [
        ("norms of vectors", List::new(Image::vector(5)).norm().dense(13, false).norm().relu().dense(3, true).norm()),
        (
            "resnet",
            List::new(image(3, 5, 6))
                .conv(12, half(3, 1), false)
                .fork()
                .norm()
                .relu()
                .conv(12, half(3, 1), false)
                .norm()
                .relu()
                .dropout(0.2)
                .conv(12, half(3, 1), false)
                .join(0.875, 0.75)
                .fork()
                .norm()
                .relu()
                .conv(13, half(3, 2), false)
                .join(1.0, 0.1)
                .norm()
                .crelu()
                .average(window(3, 3, 1, 0))
                .dense(4, true),
        ),
        (
            "a norm of the image",
            List::new(image(2, 4, 3)).norm().crelu().conv(5, half(3, 1), true).norm().max(window(2, 2, 1, 0)),
        ),
    ];
    all.map(|(name, list)| (name, list.layers)).into()
}

pub fn all() -> Vec<(&'static str, Vec<Layer>)> {
    [plain(), normed()].concat()
}
