use shatterscope::network::{Derivative, Family, Init, Norm, Options, Schedule, Spec, Statistics};
use shatterscope::random::Normal;

/// Points of every grid.
const POINTS: u32 = 20;

/// One network to run, and how.
#[derive(Clone, Copy, Debug)]
pub struct Task {
    /// What its result is called.
    pub name: &'static str,
    /// The network.
    pub spec: Spec,
    /// Derivative, statistics, schedule.
    pub options: Options,
    /// How its weights are drawn.
    pub normal: Normal,
    /// Seed of its weights.
    pub seed: u64,
}

impl Task {
    const fn new(name: &'static str, spec: Spec) -> Self {
        Self { name, spec, options: Options::new(POINTS), normal: Normal::IrwinHall, seed: 7 }
    }

    const fn full(mut self) -> Self {
        self.options.statistics = Statistics::Full;
        self
    }

    const fn forward(mut self) -> Self {
        self.options.derivative = Derivative::Forward;
        self
    }

    const fn blocks(mut self, resident: u32) -> Self {
        self.options.schedule = Schedule::Blocks { resident };
        self
    }

    const fn as241(mut self) -> Self {
        self.normal = Normal::As241;
        self
    }
}

const RESNET: Spec =
    Spec::feedforward(4, 8).with_family(Family::Resnet { alpha: 1.0, beta: 0.5 }).with_norm(Norm::Batch);
const HIGHWAY: Spec = Spec::feedforward(4, 8).with_family(Family::Highway { carry: 0.8, transform: 0.6 });
const LOOKS_LINEAR: Spec = Spec::feedforward(3, 6).with_family(Family::Crelu).with_init(Init::LooksLinear);

/// Each family, norm, schedule, derivative and way to draw weights once, small enough for 16 KiB of memory.
pub const SPECS: [Task; 7] = [
    Task::new("resnet-batch", RESNET),
    Task::new("resnet-batch-full", RESNET).full(),
    Task::new("feedforward-plain", Spec::feedforward(5, 12)).blocks(4),
    Task::new("feedforward-centre-recompute", Spec::feedforward(4, 8).with_norm(Norm::Centre)).blocks(4),
    Task::new("crelu-looks-linear", LOOKS_LINEAR),
    Task::new("highway-forward", HIGHWAY).forward(),
    Task::new("as241-orthogonal", Spec::feedforward(4, 8).with_init(Init::Orthogonal)).as241(),
];
