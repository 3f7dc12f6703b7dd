//! `exec::Run` on the paper's families: the bits of the plain loops of `shatterscope::op`, and the layers of faults as docs/numerics.md,
//! section 8, defines them, in every schedule.
use crate::buffers::any_network;
use crate::common::{Case, How, draw, parameters, run_with};
use crate::trainer::machine::{Mode, values};
use crate::trainer::tangents::tangents;
use crate::trainer::walk::{self, Walk, turned};
use proptest::prelude::*;
use shatterscope::exec::Isa;
use shatterscope::exec::{Input, Source};
use shatterscope::graph::Graph;
use shatterscope::plan::{Derivative, Schedule, Statistics};
use shatterscope::spec::{Family, Spec};
use shatterscope::{Error, NonFinite, Pass};

/// Outputs and derivative by the definition, or the layer of a value that is not finite.
fn defined(case: &Case, stored: &[f32], inputs: &[f32]) -> Result<crate::common::Run, Error> {
    let graph = Graph::family(&case.spec)?;
    let nodes: Vec<_> = (0..graph.len() as u32).map(|i| graph.node(i).unwrap()).collect();
    let points = case.grid.points as usize;
    let of = walk::Case {
        points,
        mode: Mode::Probing,
        parameters: stored.to_vec(),
        running: Vec::new(),
        inputs: vec![inputs.to_vec()],
        seeds: vec![(nodes.len() as u32 - 1, vec![1.0; points])],
        nodes,
    };
    let full = case.statistics == Statistics::Full;
    let found = |pass, layer: Option<u32>| match layer {
        Some(layer) => Err(Error::NonFinite(NonFinite { pass, layer })),
        None => Ok(()),
    };
    let (walk, gradient) = match case.derivative {
        Derivative::Reverse => {
            let (walk, _) = Walk::both(&of, !full);
            found(Pass::Forward, walk.faults[0])?;
            found(Pass::Backward, walk.faults[1])?;
            let gradient = walk.gradients[0].clone().unwrap();
            (walk, gradient)
        }
        Derivative::Forward => {
            let (walk, spans) = Walk::values(&of, !full);
            let (mut all, fault) = tangents(&of, &walk, &spans, &[vec![1.0; inputs.len()]], full);
            found(Pass::Forward, [walk.faults[0], fault].into_iter().flatten().min())?;
            (walk, all.pop().unwrap())
        }
    };
    Ok(crate::common::Run {
        outputs: walk.values.last().unwrap().clone(),
        gradient: turned(&gradient, gradient.len() / points),
    })
}

fn any_case() -> impl Strategy<Value = (Case, Schedule, usize, u64)> {
    let schedule =
        prop_oneof![Just(Schedule::WholeBatch), (0u32..50).prop_map(|resident| Schedule::Blocks { resident })];
    let work = (0usize..40, prop_oneof![Just(u64::MAX), 1u64..200]);
    let shape = (1u32..6, 1u32..20, 1u32..40, prop_oneof![3 => Just(1u32), 1 => 2u32..5]);
    (any_network(), shape, any::<(bool, bool)>(), any::<u64>(), schedule, work).prop_map(
        |(
            (family, norm, init, readout),
            (depth, width, points, inputs),
            (full, forward),
            seed,
            schedule,
            (panel, budget),
        )| {
            let spec = Spec {
                readout,
                inputs,
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

/// All runs of a case: weights drawn and stored, tiles and panels of all sizes.
fn compare(case: &Case, how: How) -> Result<(), TestCaseError> {
    let refused = case.spec.check();
    if let Err(refused) = refused {
        let run = crate::common::run::<1, 1>(case, 0, how);
        prop_assert_eq!(run.err(), Some(refused));
        return Ok(());
    }
    let (inputs, points) = (case.spec.inputs as usize, case.grid.points as usize);
    let several = values(inputs * points, case.seed as usize % 1000);
    let grid: Vec<f32> = (0..case.grid.points).map(|i| case.grid.point(i)).collect();
    let (input, inputs) = if inputs == 1 { (case.grid.input(), &grid) } else { (Input::Points(&several), &several) };
    let stored = parameters(&draw(&case.spec, &case.seeded(0)));
    let expected = defined(case, &stored, inputs).map(|run| run.bits());
    let all = |isa: Isa| {
        let how = How { isa, ..how };
        let options = case.options(how.schedule).with_isa(isa);
        let seeded = case.seeded(0).with_isa(isa);
        let (drawn, stored) = (Source::Seeded(&seeded), Source::Stored(&stored));
        [
            run_with::<1, 1>(&case.spec, drawn, input, options, how, None),
            run_with::<2, 4>(&case.spec, drawn, input, options, how, None),
            run_with::<4, 16>(&case.spec, drawn, input, options, how, None),
            run_with::<3, 8>(&case.spec, stored, input, options, how, None),
        ]
    };
    let isas = [Isa::Portable, Isa::detect()];
    for (i, run) in isas.into_iter().flat_map(all).enumerate() {
        prop_assert_eq!(run.map(|run| run.bits()), expected.clone(), "run {}: {:?} {:?}", i, case, how);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn runs_have_the_bits_of_the_plain_loops((case, schedule, panel, budget) in any_case()) {
        compare(&case, How { schedule, panel, budget, ..How::default() })?;
    }

    /// Numbers that leave the range of f32 are reported in the same layer of the same pass: large gains in the forward pass; in the backward pass
    /// large readouts behind small values, where the skip or the branch of a join overflows.
    #[test]
    fn overflows_are_named_as_defined(
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
            let first = ten(-readout);
            Spec {
                gain: ten(gain.rem_euclid(8)),
                readout_std: ten(readout),
                first_weight_std: first,
                first_bias_std: first,
                ..spec
            }
        };
        compare(&Case { spec, ..case }, How { schedule, panel, budget, ..How::default() })?;
    }
}
