use shatterscope::exec::Isa;
use shatterscope::exec::{self, Buffers, Input, Source};
use shatterscope::plan::{Plan, RunLengths, RunOptions, Schedule};
use shatterscope::weights::Seeded;
use shatterscope::wire::Run;
use shatterscope::workers::Serial;
use shatterscope::{Error, InvalidSpec};

/// Runs of more work or memory than this are planned and not run.
const WORK: u64 = 1 << 16;

/// A plan visits every layer: a network of millions of them is no fault, but it takes a while.
pub const DEPTH: u32 = 256;

const TOO_LARGE: Error = Error::InvalidSpec(InvalidSpec::TooLarge);

/// The input is the postcard form of a [`Run`]. Its plan is made or refused at every tile width; where it is small, it runs
/// with buffers of exactly the planned lengths, full of NaN, and has the same bits as the naive loop: one row, one point,
/// the whole batch.
pub fn specs(data: &[u8]) {
    let Ok(run) = postcard::from_bytes::<Run>(data) else { return };
    if !affordable(&run) {
        return;
    }
    let naive = execute::<1, 1>(&run, run.options().with_schedule(Schedule::WholeBatch), u64::MAX, 0);
    let budget = run.report_every.max(1) as u64;
    let panel = run.ram as usize % 256;
    let options = run.options().with_isa(Isa::detect());
    let others = [
        execute::<2, 4>(&run, run.options(), budget, panel),
        execute::<1, 8>(&run, run.options(), u64::MAX, 0),
        execute::<4, 16>(&run, options, budget, panel),
    ];
    let recomputed = run.schedule != Schedule::WholeBatch;
    let sliced = run.count != run.points;
    for other in others {
        match (&naive, &other) {
            // One schedule may be too large to be counted where the other is not.
            (_, Err(TOO_LARGE)) | (Err(TOO_LARGE), _) if recomputed => {}
            // Which points beside the slice are looked at is the schedule's.
            (_, Err(Error::NonFinite(_))) | (Err(Error::NonFinite(_)), _) if recomputed && sliced => {}
            (_, Err(Error::TooShort { .. })) => panic!("the planned lengths do not do: {other:?} {run:?}"),
            _ => assert_eq!(naive, other, "{run:?}"),
        }
    }
}

/// Whether a run is soon done at every tile width. Its plans are made here, so that no spec is too odd to be planned.
pub fn affordable(run: &Run) -> bool {
    if run.spec.depth > DEPTH {
        return false;
    }
    [1, 4, 8, 16, 64].iter().all(|&tile| {
        [Schedule::WholeBatch, run.schedule].iter().all(|&schedule| {
            let options = run.options().with_schedule(schedule);
            let lengths = Plan::family(&run.spec, options.want()).and_then(|plan| plan.run(&options, tile));
            lengths.map_or(true, |lengths| small(run, &lengths))
        })
    })
}

fn small(run: &Run, lengths: &RunLengths) -> bool {
    let layers = run.spec.depth as u64 * run.spec.width as u64 * run.points as u64;
    // Orthogonal matrices cost their order times as much as they have entries.
    let order = run.spec.width as u64;
    [lengths.multiply_adds, layers, order.pow(3), lengths.values_len, lengths.tape_len, lengths.statistics_len]
        .iter()
        .all(|&work| work <= WORK)
}

/// Outputs and gradient, as bits.
type Bits = (Vec<u32>, Vec<u32>);

fn execute<const R: usize, const T: usize>(
    run: &Run,
    options: RunOptions,
    budget: u64,
    panel: usize,
) -> Result<Bits, Error> {
    let plan = Plan::family(&run.spec, options.want())?;
    let lengths = plan.run(&options, T as u32)?;
    let weights = Seeded::with(&run.spec, run.seed, run.run, run.normal, run.math);
    let source = Source::Seeded(&weights);
    let [mut values, mut statistics, mut panel, mut outputs, mut gradient] = [
        lengths.values_len,
        lengths.statistics_len,
        source.panel_len(&plan)? + panel as u64,
        lengths.outputs_len,
        lengths.gradient_len,
    ]
    .map(|len| vec![f32::NAN; len as usize]);
    let mut tape = vec![0xa5; lengths.tape_len as usize];
    let buffers = Buffers {
        values: &mut values,
        tape: &mut tape,
        statistics: &mut statistics,
        scratch: &mut panel,
        gathered: &mut [],
    };
    let points: Vec<f32> = match run.spec.inputs {
        1 => Vec::new(),
        inputs => (0..inputs * run.points).map(|i| run.from + i as f32 * run.step).collect(),
    };
    let grid = Input::Grid { from: run.from, step: run.step };
    let input = if run.spec.inputs == 1 { grid } else { Input::Points(&points) };
    let mut steps =
        exec::Run::<_, R, T>::new(&plan, source, &Serial, input, options, buffers, &mut outputs, &mut gradient)?;
    while !steps.step(budget)?.is_done() {}
    assert_eq!(steps.multiply_adds(), lengths.multiply_adds, "the plan counts what is done: {run:?}");
    let bits = |x: Vec<f32>| x.into_iter().map(f32::to_bits).collect::<Vec<_>>();
    Ok((bits(outputs), bits(gradient)))
}
