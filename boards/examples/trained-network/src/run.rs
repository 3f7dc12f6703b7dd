//! Inference on the digits that the network was not trained on, one at a time.
use super::network::{INV, MEAN, NODES, PARAMETERS, RUNNING, SCRATCH_LEN, SLOTS, VALUES_LEN};
use shatterscope::Error;
use shatterscope::contract::Digest;
use shatterscope::exec::Isa;
use shatterscope::exec::{Buffers, Executor, Mode, Options};
use shatterscope::graph::Graph;
use shatterscope::plan::{Plan, Want};
use shatterscope::train::correct_count;
use shatterscope::workers::Serial;
use shatterscope_digits::{CLASSES, COUNT, TRAIN, digit};

/// How many digits are recognised, and the digest of all outputs.
pub fn run() -> Result<(u32, Digest), Error> {
    // Checked once; the weights stay in flash.
    let graph = Graph::new(&NODES)?;
    let plan = Plan::new(&graph, Want::Output, &SLOTS)?;
    let (mut values, mut scratch) = ([0.0; VALUES_LEN], [0.0; SCRATCH_LEN]);
    let buffers = Buffers::of_outputs(&mut values, &mut scratch);
    let options = Options::new(1).with_isa(Isa::detect());
    let mut executor = Executor::<_, 4, 1>::new(&plan, &Serial, options, buffers)?;
    let output = NODES.len() as u32 - 1;
    let (mut correct, mut digest) = (0, Digest::new());
    for digit in (TRAIN..COUNT).filter_map(digit) {
        let mut batch = executor.begin(1)?;
        if let Some((inputs, _)) = batch.input(0) {
            for (input, pixel) in inputs.iter_mut().zip(digit.pixels) {
                *input = (f32::from(pixel) - MEAN[0]) * INV[0];
            }
        }
        let outputs = batch.forward(&PARAMETERS, Mode::Inference { running: &RUNNING })?.run()?;
        let (classes, _) = outputs.output(output).unwrap_or_default();
        correct += correct_count(classes, (CLASSES, 1), &[digit.label.into()])?;
        classes.iter().for_each(|x| digest.push(*x));
    }
    Ok((correct, digest))
}
