//! `exec::Run` on the paper's families has the bits of `network::Executor`, in every schedule.
use crate::common::{Case, How};
use proptest::prelude::*;
use shatterscope::exec::{Buffers, Run, Source};
use shatterscope::network::{
    Derivative, Family, Init, Norm, Options, Readout, Schedule, Serial, Spec, Statistics, Weights,
};
use shatterscope::plan::Plan;
use shatterscope::{Error, Refusal};

/// A run of a graph: outputs and derivative.
pub fn run<const R: usize, const T: usize>(case: &Case, how: How) -> Result<crate::common::Run, Error> {
    let options = Options { isa: how.isa, ..case.options(how.schedule) };
    let plan = Plan::family(&case.spec, options.want())?;
    let lengths = plan.run(&options, T as u32)?;
    let seeded = case.seeded(0).with_isa(how.isa);
    let network = shatterscope::network::Network::Family(case.spec);
    let need = crate::common::dense_layers(network).iter().map(|dense| seeded.panel_len(dense)).max().unwrap_or(1);
    let mut values = vec![f32::NAN; lengths.values_len as usize];
    let mut tape = vec![0xa5; lengths.tape_len as usize];
    let mut statistics = vec![f32::NAN; lengths.statistics_len as usize];
    let mut panel = vec![f32::NAN; need as usize + how.panel];
    let mut outputs = vec![f32::NAN; lengths.outputs_len as usize];
    let mut gradient = vec![f32::NAN; lengths.gradient_len as usize];
    let buffers = Buffers {
        values: &mut values,
        tape: &mut tape,
        statistics: &mut statistics,
        scratch: &mut panel,
        gathered: &mut [],
    };
    let input = case.grid.input();
    let mut run = Run::<_, R, T>::new(
        &plan,
        Source::Seeded(&seeded),
        &Serial,
        input,
        options,
        buffers,
        &mut outputs,
        &mut gradient,
    )?;
    while !run.step(how.budget)?.is_done() {}
    assert_eq!(run.multiply_adds(), lengths.multiply_adds, "{:?} {options:?}", case.spec);
    Ok(crate::common::Run { outputs, gradient })
}

fn any_case() -> impl Strategy<Value = (Case, Schedule, usize, u64)> {
    let family = prop_oneof![
        Just(Family::Feedforward),
        Just(Family::Resnet { alpha: 0.9, beta: 0.5 }),
        Just(Family::Highway { carry: 0.6, transform: 0.8 }),
        Just(Family::Crelu),
    ];
    let norm = prop_oneof![Just(Norm::None), Just(Norm::Centre), Just(Norm::Batch)];
    let init = prop_oneof![Just(Init::He), Just(Init::Glorot), Just(Init::Orthogonal), Just(Init::LooksLinear)];
    let readout = prop_oneof![Just(Readout::Relu), Just(Readout::Linear), Just(Readout::NormRelu)];
    let schedule =
        prop_oneof![Just(Schedule::WholeBatch), (0u32..30).prop_map(|resident| Schedule::Blocks { resident })];
    let work = (0usize..40, prop_oneof![Just(u64::MAX), 1u64..200]);
    let shape = (1u32..6, 1u32..20, 1u32..40);
    (family, norm, init, readout, shape, any::<(bool, bool)>(), any::<u64>(), schedule, work).prop_map(
        |(family, norm, init, readout, (depth, width, points), (full, forward), seed, schedule, (panel, budget))| {
            let spec = Spec {
                readout,
                bias_std: if seed.is_multiple_of(3) { 0.5 } else { 0.0 },
                ..Spec::feedforward(depth, width).with_family(family).with_norm(norm).with_init(init)
            };
            let case = Case {
                statistics: if full { Statistics::Full } else { Statistics::Detached },
                derivative: if forward { Derivative::Forward } else { Derivative::Reverse },
                seed,
                ..Case::new(spec, points)
            };
            (case, schedule, panel, budget)
        },
    )
}

fn compare<const R: usize, const T: usize>(case: &Case, how: How) -> Result<(), TestCaseError> {
    let old = crate::common::run::<R, T>(case, 0, how);
    let new = run::<R, T>(case, how);
    match (old, new) {
        (Ok(old), Ok(new)) => prop_assert_eq!(old.bits(), new.bits(), "{:?} {:?}", case, how),
        (Err(Error::Refused(Refusal::FullBatchNormRecompute | Refusal::ForwardFullRecompute)), Ok(new)) => {
            let whole = crate::common::run::<R, T>(case, 0, How { schedule: Schedule::WholeBatch, ..how }).unwrap();
            prop_assert_eq!(whole.bits(), new.bits(), "{:?} {:?}", case, how);
        }
        // A schedule may find another fault than the whole batch does.
        (Err(Error::Refused(Refusal::FullBatchNormRecompute | Refusal::ForwardFullRecompute)), Err(new)) => {
            prop_assert!(matches!(new, Error::NonFinite(_)), "{:?} {:?}: {:?}", case, how, new);
        }
        (old, new) => prop_assert_eq!(old.err(), new.err(), "{:?} {:?}", case, how),
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn runs_of_graphs_have_the_bits_of_runs_of_layers((case, schedule, panel, budget) in any_case()) {
        let how = How { schedule, panel, budget, ..How::default() };
        compare::<1, 1>(&case, how)?;
        compare::<2, 4>(&case, How { isa: shatterscope::kernel::Isa::detect(), ..how })?;
        compare::<4, 16>(&case, How { isa: shatterscope::kernel::Isa::detect(), ..how })?;
    }

    /// Numbers that leave the range of f32 are reported in the same layer of the same pass: large gains in the forward pass; in the backward pass
    /// large readouts behind small values, where the skip or the branch of a join overflows.
    #[test]
    fn overflows_are_named_alike(
        (case, schedule, panel, budget) in any_case(),
        (gain, readout, join) in (-2i32..40, 0i32..38, -2i32..6),
    ) {
        let ten = |exponent: i32| 10f32.powi(exponent);
        let family = match case.spec.family {
            Family::Resnet { .. } => Family::Resnet { alpha: ten(join), beta: if gain % 2 == 0 { 1.0 } else { 1e-3 } },
            family => family,
        };
        let spec = Spec { family, ..case.spec };
        let spec = if readout % 2 == 0 {
            Spec { gain: ten(gain), ..spec }
        } else {
            Spec { readout_std: ten(readout), first_weight_std: ten(-readout), first_bias_std: ten(-readout), ..spec }
        };
        let how = How { schedule, panel, budget, ..How::default() };
        compare::<2, 4>(&Case { spec, ..case }, how)?;
    }
}
