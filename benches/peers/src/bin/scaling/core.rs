//! The core on buffers that stand ready, with the desktop engine's schedule.
use shatterscope::exec::Isa;
use shatterscope::exec::{Buffers, Run, Source};
use shatterscope::plan::{Plan, RunOptions, Schedule};
use shatterscope::probe::Grid;
use shatterscope::workers::Serial;

pub struct Core<'a, const R: usize, const T: usize> {
    plan: &'a Plan<'a>,
    parameters: &'a [f32],
    options: RunOptions,
    grid: Grid,
    values: Vec<f32>,
    tape: Vec<u8>,
    panel: Vec<f32>,
    outputs: Vec<f32>,
    pub gradient: Vec<f32>,
    pub multiply_adds: u64,
}

impl<'a, const R: usize, const T: usize> Core<'a, R, T> {
    pub fn new(plan: &'a Plan<'a>, parameters: &'a [f32], grid: Grid, isa: Isa) -> Result<Self, shatterscope::Error> {
        let options = RunOptions::new(grid.points).with_isa(isa).with_schedule(Schedule::Blocks { resident: 256 });
        let lengths = plan.run(&options, T as u32)?;
        Ok(Self {
            plan,
            parameters,
            options,
            grid,
            values: vec![0.0; lengths.values_len as usize + 16],
            tape: vec![0; lengths.tape_len as usize],
            panel: vec![0.0; 1 << 20],
            outputs: vec![0.0; lengths.outputs_len as usize],
            gradient: vec![0.0; lengths.gradient_len as usize],
            multiply_adds: lengths.multiply_adds,
        })
    }

    pub fn run(&mut self) {
        let first = self.values.as_ptr().align_offset(64);
        let buffers =
            Buffers { tape: &mut self.tape, ..Buffers::of_outputs(&mut self.values[first..], &mut self.panel) };
        let (source, input) = (Source::Stored(self.parameters), self.grid.input());
        let (outputs, gradient) = (&mut self.outputs, &mut self.gradient);
        Run::<_, R, T>::new(self.plan, source, &Serial, input, self.options, buffers, outputs, gradient)
            .and_then(|mut run| run.run())
            .expect("a plain network of this size is finite");
    }
}
