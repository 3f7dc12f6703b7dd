//! The core on buffers that stand ready, with the desktop engine's schedule.
use shatterscope::kernel::Isa;
use shatterscope::network::{Buffers, Executor, Network, Options, Schedule, Serial, Stored};
use shatterscope::probe::Grid;

pub struct Core<'a, const R: usize, const T: usize> {
    network: Network<'a>,
    stored: Stored<'a>,
    options: Options,
    grid: Grid,
    activations: Vec<f32>,
    tape: Vec<u8>,
    panel: Vec<f32>,
    outputs: Vec<f32>,
    pub gradient: Vec<f32>,
    pub multiply_adds: u64,
}

impl<'a, const R: usize, const T: usize> Core<'a, R, T> {
    pub fn new(network: Network<'a>, stored: Stored<'a>, grid: Grid, isa: Isa) -> Result<Self, shatterscope::Error> {
        let options = Options { isa, schedule: Schedule::Blocks { resident: 256 }, ..Options::new(grid.points) };
        let plan = network.plan(&options, T as u32)?;
        Ok(Self {
            network,
            stored,
            options,
            grid,
            activations: vec![0.0; plan.activations_len as usize + 16],
            tape: vec![0; plan.tape_len as usize],
            panel: vec![0.0; 1 << 20],
            outputs: vec![0.0; plan.outputs_len as usize],
            gradient: vec![0.0; plan.gradient_len as usize],
            multiply_adds: plan.multiply_adds,
        })
    }

    pub fn run(&mut self) {
        let first = self.activations.as_ptr().align_offset(64);
        let buffers = Buffers {
            activations: &mut self.activations[first..],
            tape: &mut self.tape,
            statistics: &mut [],
            normalised: &mut [],
            panel: &mut self.panel,
        };
        let (input, outputs, gradient) = (self.grid.input(), &mut self.outputs, &mut self.gradient);
        Executor::<_, _, R, T>::new(
            self.network,
            &self.stored,
            &Serial,
            input,
            self.options,
            buffers,
            outputs,
            gradient,
        )
        .and_then(|mut executor| executor.run())
        .expect("a plain network of this size is finite");
    }
}
