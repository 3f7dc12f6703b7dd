//! Operations against their formulas in f64.
use super::examples::all;
use super::machine::{Planned, Room, load, values};
use super::workers::Order;
use shatterscope::exec::Isa;
use shatterscope::exec::{Executor, Mode, Options};
use shatterscope::graph::Image;
use shatterscope::graph::{Builder, Function, Node, Op, Shape};
use shatterscope::internals::op::{GroupNorm, group_norm_forward};
use shatterscope::plan::Want;
use shatterscope::{Error, NonFinite, Pass};

/// Distance in units of the last place of the true value.
fn ulps(ours: f32, truth: f64) -> f64 {
    let near = (truth.abs() as f32).max(f32::MIN_POSITIVE);
    (f64::from(ours) - truth).abs() / f64::from(f32::from_bits(near.to_bits() + 1) - near)
}

/// The formula, and the most that a value may be off: of ELU, whose difference from 1 cancels, no limit but 1e-7.
fn formula(op: &Op, x: f64) -> Option<(f64, f64)> {
    match *op {
        Op::Sigmoid => Some((1.0 / (1.0 + (-x).exp()), 2.5)),
        Op::Elu { alpha } => Some((if x > 0.0 { x } else { f64::from(alpha) * x.exp_m1() }, f64::INFINITY)),
        Op::Function { function, a, b } => Some(function_of(function, f64::from(a), f64::from(b), x)),
        _ => None,
    }
}

/// The same of the functions of models: 0.51 ULP where they are rounded once, and no limit where a sum of binary32 cancels.
fn function_of(function: Function, a: f64, b: f64, x: f64) -> (f64, f64) {
    const ONCE: f64 = 0.501;
    let bound = |x: f64, low: f64, high: f64| x.max(low).min(high);
    match function {
        Function::Tanh => (libm::tanh(x), ONCE),
        Function::LeakyRelu => (if x > 0.0 { x } else { a * x }, 0.5),
        Function::Clip => (bound(x, a, b), 0.0),
        Function::Selu => (b * if x > 0.0 { x } else { a * libm::expm1(x) }, 2.0),
        Function::HardSigmoid => (bound((a * x) + b, 0.0, 1.0), f64::INFINITY),
        Function::HardSwish => (x * bound(x + 3.0, 0.0, 6.0) / 6.0, f64::INFINITY),
        Function::Silu => (x / (1.0 + libm::exp(-a * x)), ONCE),
        Function::Gelu => (x * 0.5 * libm::erfc(-x * core::f64::consts::FRAC_1_SQRT_2), ONCE),
        Function::GeluTanh => {
            let v = (2.0 / core::f64::consts::PI).sqrt() * (x + 0.044715 * x * x * x);
            (x / (1.0 + libm::exp(-2.0 * v)), ONCE)
        }
        Function::Softplus => (x.max(0.0) + libm::log1p(libm::exp(-x.abs())), ONCE),
        Function::Softsign => (x / (1.0 + x.abs()), 1.5),
        Function::Abs => (x.abs(), 0.0),
        Function::Exp => (libm::exp(x), ONCE),
        Function::Log => (libm::log(x), ONCE),
        Function::Erf => (libm::erf(x), ONCE),
        Function::Sqrt => (x.sqrt(), 0.5),
        Function::Reciprocal => (1.0 / x, 0.5),
        Function::Power => (libm::pow(x, a), if a.fract() == 0.0 { 2.0 } else { ONCE }),
        Function::Affine => ((a * x) + b, f64::INFINITY),
    }
}

#[test]
fn functions_of_single_elements_are_near_their_formulas() {
    for entry in all() {
        let Some(elements) = entry.op.elements() else { continue };
        let (mut worst, mut absolute) = (0f64, 0f64);
        // All exponents from 2^-30 to 2^7, of either sign.
        for bits in (0x3080_0000u32..0x4300_0000).step_by(0x1fff) {
            for x in [f32::from_bits(bits), -f32::from_bits(bits)] {
                let mut y = [x];
                elements.value(&mut y);
                let (truth, most) = formula(&entry.op, f64::from(x)).expect("a formula of each operation");
                // Roots, logarithms and powers of negative numbers; exponentials that are too large.
                if truth.is_nan() || truth.abs() > f64::from(f32::MAX) {
                    assert!(!y[0].is_finite(), "{:?} of {x}: {} instead of {truth}", entry.op, y[0]);
                    continue;
                }
                let off = ulps(y[0], truth);
                assert!(off <= most, "{:?} of {x}: {} is {off} ULP from {truth}", entry.op, y[0]);
                worst = worst.max(off);
                // Of what has no limit: as large as 1 at most.
                if x < 0.0 && truth.abs() < 1.0 {
                    absolute = absolute.max((f64::from(y[0]) - truth).abs());
                }
            }
        }
        println!("{:?}: {worst:.4} ULP, {absolute:.1e} below zero", entry.op);
        // Sums of two products of numbers up to 1.
        let most = if let Op::Function { .. } = entry.op { 2.5e-7 } else { 1e-7 };
        assert!(absolute < most, "{:?}: {absolute}", entry.op);
    }
}

#[test]
fn group_norm_is_near_its_formula() {
    let input = Image { channels: 6, height: 3, width: 2 };
    for groups in [1, 2, 3, 6] {
        let norm = GroupNorm { input, groups, eps: 1e-5 };
        let (x, gamma, beta) = (values(36, 1), values(6, 2), values(6, 3));
        let mut y = vec![0.0; 36];
        group_norm_forward(&norm, (&gamma, &beta), 1, &x, &mut y);
        let units = 36 / groups as usize;
        for (k, ours) in y.iter().enumerate() {
            let of = &x[k / units * units..(k / units + 1) * units];
            let n = units as f64;
            let mean = of.iter().map(|x| f64::from(*x)).sum::<f64>() / n;
            let variance = of.iter().map(|x| (f64::from(*x) - mean).powi(2)).sum::<f64>() / n;
            let xhat = (f64::from(x[k]) - mean) / (variance + f64::from(norm.eps)).sqrt();
            let truth = xhat * f64::from(gamma[k / 6]) + f64::from(beta[k / 6]);
            assert!((f64::from(*ours) - truth).abs() < 1e-6, "{groups} groups, unit {k}: {ours}, {truth}");
        }
    }
}

/// The deviation of an infinite variance would be finite, and hide it.
#[test]
fn a_variance_that_overflows_is_a_fault_of_the_group_norm() {
    let mut nodes = [Node::EMPTY; 2];
    let mut g = Builder::new(&mut nodes);
    let x = g.input(Shape::vector(4));
    g.layer(7);
    let y = g.group_norm(x, 2, 1e-5);
    g.finish(&[y]).unwrap();
    for want in [Want::Output, Want::Gradients] {
        let planned = Planned::of(nodes.to_vec(), want).unwrap();
        let plan = planned.plan();
        let mut room = Room::new::<4>(&plan, 3, 0, 1);
        let options = Options::new(3).with_isa(Isa::detect());
        let mut executor = Executor::<_, 4, 4>::new(&plan, &Order::InTurn, options, room.buffers()).unwrap();
        let mut begun = executor.begin(3).unwrap();
        let mut inputs = vec![1.0; 12];
        // Of one group at one point: d * d is infinite, and so is the variance alone.
        (inputs[6], inputs[7]) = (1e30, -1e30);
        load(&mut begun, 0, (0, 3), &inputs);
        let mode = Mode::Inference { running: &[] };
        let told = begun.forward(&[1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0], mode).unwrap().run().err();
        assert_eq!(told, Some(Error::NonFinite(NonFinite { pass: Pass::Forward, layer: 7 })), "{want:?}");
    }
}
