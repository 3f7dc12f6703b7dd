//! Runs over points on buffers of exactly the planned lengths: ReLUs, norms and joins on registers, tiles half full.
use shatterscope::contract::Digest;
use shatterscope::exec::Isa;
use shatterscope::exec::{Buffers, Run, Source};
use shatterscope::plan::{Plan, RunOptions, Schedule, Statistics};
use shatterscope::probe::Grid;
use shatterscope::spec::{Family, Norm, Spec};
use shatterscope::weights::Seeded;
use shatterscope::workers::Serial;
use shatterscope_bounds::available;

fn gradient<const R: usize, const T: usize>(spec: Spec, options: RunOptions) -> Digest {
    let plan = Plan::family(&spec, options.want()).unwrap();
    let lengths = plan.run(&options, T as u32).unwrap();
    let floats = |len: u64| vec![0.0f32; len as usize].into_boxed_slice();
    let (mut values, mut statistics) = (floats(lengths.values_len), floats(lengths.statistics_len));
    let mut panel = floats(spec.panel_len().max(3 * spec.width as u64));
    let (mut outputs, mut gradient) = (floats(lengths.outputs_len), floats(lengths.gradient_len));
    let mut tape = vec![0; lengths.tape_len as usize].into_boxed_slice();
    let buffers = Buffers {
        values: &mut values,
        tape: &mut tape,
        statistics: &mut statistics,
        scratch: &mut panel,
        gathered: &mut [],
    };
    let weights = Seeded::new(&spec, 1, 0).with_isa(options.isa);
    let (source, input) = (Source::Seeded(&weights), Grid::new(options.points).input());
    Run::<_, R, T>::new(&plan, source, &Serial, input, options, buffers, &mut outputs, &mut gradient)
        .and_then(|mut run| run.run())
        .unwrap();
    Digest::of(&gradient)
}

/// The same bits by every kernel, whatever the tile.
fn same(spec: Spec, options: RunOptions) {
    let expected = gradient::<1, 1>(spec, options);
    for isa in available() {
        let options = options.with_isa(isa);
        let equal = |digest: Digest| assert_eq!(digest, expected, "{isa:?}, {spec:?}, {options:?}");
        equal(gradient::<2, 16>(spec, options));
        // Miri takes a second for what the processor does in a microsecond.
        if !cfg!(miri) {
            equal(gradient::<5, 16>(spec, options));
            equal(gradient::<12, 32>(spec, options));
        }
    }
}

#[test]
fn gradients() {
    let (width, points) = if cfg!(miri) { (5, 3) } else { (13, 19) };
    let plain = Spec::feedforward(3, width);
    let resnet = plain.with_family(Family::Resnet { alpha: 1.0, beta: 0.5 }).with_norm(Norm::Batch);
    let options = RunOptions::new(points).with_isa(Isa::Portable);
    let blocks = options.with_schedule(Schedule::Blocks { resident: 16 });
    let full = options.with_statistics(Statistics::Full);
    same(plain, options);
    same(plain, blocks);
    same(plain.with_family(Family::Crelu), options);
    same(plain.with_norm(Norm::Centre), blocks);
    same(plain.with_norm(Norm::Centre), full);
    same(resnet, options);
    same(resnet, full);
    same(resnet, blocks.with_statistics(Statistics::Full));
}
