use shatterscope::Error;
use shatterscope::kernel::Isa;
use shatterscope::network::{Buffers, Executor, Input, Network, Options, Plan, Schedule, Seeded, Serial};
use shatterscope::wire::Run;

/// Runs of more work or memory than this are planned and not run.
const WORK: u64 = 1 << 16;

/// A plan visits every layer: a network of millions of them is no fault, but it takes a while.
pub const DEPTH: u32 = 256;

/// The input is the postcard form of a [`Run`]. Its plan is made or refused at every tile width; where it is small, it runs
/// with buffers of exactly the planned lengths, full of NaN, and has the same bits as the naive loop: one row, one point,
/// the whole batch.
pub fn specs(data: &[u8]) {
    let Ok(run) = postcard::from_bytes::<Run>(data) else { return };
    if !affordable(&run) {
        return;
    }
    let naive = execute::<1, 1>(&run, Options { schedule: Schedule::WholeBatch, ..run.options() }, u64::MAX, 0);
    let budget = run.report_every.max(1) as u64;
    let panel = run.ram as usize % 256;
    let options = Options { isa: Isa::detect(), ..run.options() };
    let others = [
        execute::<2, 4>(&run, run.options(), budget, panel),
        execute::<1, 8>(&run, run.options(), u64::MAX, 0),
        execute::<4, 16>(&run, options, budget, panel),
    ];
    let recomputed = run.schedule != Schedule::WholeBatch;
    let sliced = run.count != run.points;
    for other in others {
        match (&naive, &other) {
            // A schedule may not know how, and then says so; the whole batch may as well be the one that does not fit.
            (_, Err(Error::Refused(_))) | (Err(Error::Refused(_)), _) if recomputed => {}
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
            let plan = Network::Family(run.spec).plan(&Options { schedule, ..run.options() }, tile);
            plan.map_or(true, |plan| small(run, &plan))
        })
    })
}

fn small(run: &Run, plan: &Plan) -> bool {
    let layers = run.spec.depth as u64 * run.spec.width as u64 * run.points as u64;
    // Orthogonal matrices cost their order times as much as they have entries.
    let order = run.spec.width as u64;
    [plan.multiply_adds, layers, order.pow(3), plan.activations_len, plan.tape_len, plan.statistics_len]
        .iter()
        .all(|&work| work <= WORK)
}

/// Outputs and gradient, as bits.
type Bits = (Vec<u32>, Vec<u32>);

fn execute<const R: usize, const T: usize>(
    run: &Run,
    options: Options,
    budget: u64,
    panel: usize,
) -> Result<Bits, Error> {
    let network = Network::Family(run.spec);
    let plan = network.plan(&options, T as u32)?;
    let of = |len: u64| vec![f32::NAN; len as usize];
    let (mut activations, mut statistics, mut normalised) =
        (of(plan.activations_len), of(plan.statistics_len), of(plan.normalised_len));
    let (mut outputs, mut gradient) = (of(plan.outputs_len), of(plan.gradient_len));
    let (mut tape, mut panel) = (vec![0xa5; plan.tape_len as usize], of(plan.panel_len + panel as u64));
    let buffers = Buffers {
        activations: &mut activations,
        tape: &mut tape,
        statistics: &mut statistics,
        normalised: &mut normalised,
        panel: &mut panel,
    };
    let weights = Seeded::with(&run.spec, run.seed, run.run, run.normal, run.math);
    let input = Input::Grid { from: run.from, step: run.step };
    let mut executor =
        Executor::<_, _, R, T>::new(network, &weights, &Serial, input, options, buffers, &mut outputs, &mut gradient)?;
    while !executor.step(budget)?.is_done() {}
    assert_eq!(executor.multiply_adds(), plan.multiply_adds, "the plan counts what is done: {run:?}");
    let bits = |x: Vec<f32>| x.into_iter().map(f32::to_bits).collect::<Vec<_>>();
    Ok((bits(outputs), bits(gradient)))
}
