use crate::{POINTS, WIDTH, time};
use shatterscope::contract::Digest;
use shatterscope::exec::Isa;
use shatterscope::exec::{Buffers, Run, Source};
use shatterscope::internals::weights::Block;
use shatterscope::plan::{Plan, RunOptions};
use shatterscope::probe::Grid;
use shatterscope::spec::{Norm, Spec};
use shatterscope::weights::Seeded;
use shatterscope::workers::Serial;
use std::hint::black_box;

/// The gradient of networks of 24 layers of 200 units at 256 points; the digest is the gradient's.
pub fn gradients<const R: usize, const T: usize>(isa: Isa) {
    for (name, norm) in [("plain", Norm::None), ("centred", Norm::Centre), ("batch norm", Norm::Batch)] {
        gradient::<R, T>(isa, name, Spec::feedforward(24, WIDTH as u32).with_norm(norm));
    }
}

fn gradient<const R: usize, const T: usize>(isa: Isa, name: &str, spec: Spec) {
    let options = RunOptions::new(POINTS as u32).with_isa(isa);
    let plan = Plan::family(&spec, options.want()).expect("the spec can be planned");
    let lengths = plan.run(&options, T as u32).expect("the spec runs");
    let mut values = vec![0.0; lengths.values_len as usize];
    let mut tape = vec![0; lengths.tape_len as usize];
    let mut statistics = vec![0.0; lengths.statistics_len as usize];
    let mut scratch = vec![0.0; WIDTH * WIDTH];
    let mut outputs = vec![0.0; lengths.outputs_len as usize];
    let mut gradient = vec![0.0; lengths.gradient_len as usize];
    let seeded = Seeded::new(&spec, 1, 0).with_isa(isa);
    let parameters = drawn(&plan, &seeded);
    for (source, how) in [(Source::Stored(&parameters), "given"), (Source::Seeded(&seeded), "drawn")] {
        time(&format!("gradient of 24 x 200, {name}, weights {how}"), || {
            let buffers = Buffers {
                values: &mut values,
                tape: &mut tape,
                statistics: &mut statistics,
                scratch: &mut scratch,
                gathered: &mut [],
            };
            let input = Grid::new(POINTS as u32).input();
            Run::<_, R, T>::new(
                &plan,
                black_box(source),
                &Serial,
                input,
                options,
                buffers,
                &mut outputs,
                &mut gradient,
            )
            .and_then(|mut run| run.run())
            .expect("the spec runs");
            Digest::of(&gradient)
        });
    }
}

/// All parameters, in the order of [`Source::Stored`].
fn drawn(plan: &Plan, seeded: &Seeded) -> Vec<f32> {
    let graph = plan.graph();
    let mut parameters = Vec::new();
    for dense in (0..graph.len() as u32).filter_map(|i| seeded.dense_of(graph, i)) {
        let block = Block { transposed: false, rows: 0..dense.fan_out, columns: 0..dense.fan_in };
        let at = parameters.len();
        parameters.resize(at + block.len(), 0.0);
        seeded.fill::<1>(&dense, &block, &mut parameters[at..]);
        let biases = if dense.bias { dense.fan_out } else { 0 };
        parameters.extend((0..biases).map(|row| seeded.bias(&dense, row)));
    }
    parameters
}
