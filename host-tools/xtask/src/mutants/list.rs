//! The list of mutants: each breaks the contract in one place.

/// One textual substitution that breaks the contract.
pub struct Mutant {
    /// What is broken.
    pub name: &'static str,
    pub file: &'static str,
    /// A statement or an expression that occurs exactly once in the file; otherwise the mutant is stale, and the step fails.
    pub from: &'static str,
    /// The broken replacement. `CHOSEN` in it is the condition that this mutant is awake; without `CHOSEN`, the choice is written around it.
    to: &'static str,
    /// Profiles under which the break must be found. A compiler that optimises may hide a rounding or make one; what is
    /// another algorithm altogether needs no second look.
    pub profiles: &'static [&'static str],
}

impl Mutant {
    /// The text that is true until its mutant is chosen, and broken from then on.
    pub fn asleep(&self, chosen: &str) -> String {
        let Self { from, to, .. } = self;
        if to.contains("CHOSEN") {
            to.replace("CHOSEN", chosen)
        } else if from.ends_with(';') {
            format!("if {chosen} {{ {to} }} else {{ {from} }}")
        } else {
            format!("(if {chosen} {{ {to} }} else {{ {from} }})")
        }
    }
}

const BOTH: &[&str] = &["opt0", "opt3"];
const OPT3: &[&str] = &["opt3"];
/// An x86-64 that optimises happens to take its zero from the right side: no test there can tell max from a comparison.
const OPT0: &[&str] = &["opt0"];

pub const MUTANTS: [Mutant; 21] = [
    Mutant {
        name: "dense chains by fused multiply-add",
        file: "src/kernel/portable.rs",
        from: "*sum += w * x;",
        to: "*sum = libm::fmaf(w, x, *sum);",
        profiles: BOTH,
    },
    Mutant {
        name: "dense chains in descending order",
        file: "src/kernel/portable.rs",
        from: "in w.iter().zip(x) {",
        to: "in {
        let mut pairs = w.iter().zip(x);
        core::iter::from_fn(move || if CHOSEN { pairs.next_back() } else { pairs.next() })
    } {",
        profiles: OPT3,
    },
    Mutant {
        name: "dense chains on registers without their bias",
        file: "src/kernel/tile.rs",
        from: "sums[r][v] = lanes.load(&y[r], at + v);",
        to: "sums[r][v] = lanes.splat(0.0);",
        profiles: OPT3,
    },
    Mutant {
        name: "half the rounds of Philox on registers",
        file: "src/kernel/draw/mod.rs",
        from: "0..2",
        to: "0..1",
        profiles: OPT3,
    },
    Mutant {
        name: "convolutions by fused multiply-add",
        file: "src/op/conv.rs",
        from: "*y += w * x;",
        to: "*y = libm::fmaf(*w, *x, *y);",
        profiles: OPT3,
    },
    Mutant {
        name: "join by fused multiply-add",
        file: "src/op/join.rs",
        from: "*f = (a * x) + (b * *f);",
        to: "*f = libm::fmaf(a, *x, b * *f);",
        profiles: BOTH,
    },
    Mutant {
        name: "relu by max, x first",
        file: "src/op/relu.rs",
        from: "if x > 0.0 { x } else { 0.0 }",
        to: "x.max(0.0)",
        profiles: OPT0,
    },
    Mutant {
        name: "relu passes the gradient at zero",
        file: "src/op/relu.rs",
        from: "u8::from(*x > 0.0)",
        to: "u8::from(*x >= 0.0)",
        profiles: BOTH,
    },
    Mutant {
        name: "eight lanes in RED16",
        file: "src/contract/red16.rs",
        from: "self.lanes[p % 16] += term;",
        to: "self.lanes[p % 8] += term;",
        profiles: OPT3,
    },
    Mutant {
        name: "RED16 folded from left to right",
        file: "src/contract/red16.rs",
        from: "        lanes[0]\n",
        to: "self.lanes.iter().fold(0.0, |sum, lane| sum + lane)",
        profiles: OPT3,
    },
    Mutant {
        name: "logarithm of the platform",
        file: "src/math/mod.rs",
        from: "ln::ln(x)",
        to: "extern crate std; std::primitive::f32::ln(x)",
        profiles: BOTH,
    },
    Mutant {
        name: "exponential of the platform",
        file: "src/math/mod.rs",
        from: "exp::exp(x)",
        to: "extern crate std; std::primitive::f32::exp(x)",
        profiles: OPT3,
    },
    Mutant {
        name: "Adam by fused multiply-add",
        file: "src/train/optimiser/rule.rs",
        from: "(beta1 * *m) + (rest1 * g)",
        to: "libm::fmaf(beta1, *m, rest1 * g)",
        profiles: BOTH,
    },
    Mutant {
        name: "shuffles that refuse no word",
        file: "src/train/order.rs",
        from: "product as u32 >= uneven",
        to: "product as u32 >= uneven || uneven > 0",
        profiles: OPT3,
    },
    Mutant {
        name: "variance in one pass",
        file: "src/kernel/channel.rs",
        from: "(x - by) * (x - by)",
        to: "x * x - by * by",
        profiles: BOTH,
    },
    Mutant {
        name: "batch norm multiplied out",
        file: "src/kernel/units.rs",
        from: "if SCALE { lanes.mul(shifted, scale) } else { shifted }",
        to: "if SHIFT && SCALE { lanes.sub(lanes.mul(x, scale), lanes.mul(shift, scale)) } else if SCALE { lanes.mul(shifted, scale) } else { shifted }",
        profiles: OPT3,
    },
    Mutant {
        name: "root of the inverse for the inverse of the root",
        file: "src/op/batch_norm.rs",
        from: "1.0 / math.sqrt(variance + eps)",
        to: "math.sqrt(1.0 / (variance + eps))",
        profiles: OPT3,
    },
    Mutant {
        name: "nine rounds of Philox",
        file: "src/random/philox.rs",
        from: "round < 10",
        to: "round < 9",
        profiles: OPT3,
    },
    Mutant {
        name: "signs of the orthogonal matrix",
        file: "src/weights/orthogonal.rs",
        from: "(x > 0.0) == (k.wrapping_add(1) == self.order)",
        to: "x > 0.0",
        profiles: OPT3,
    },
    Mutant {
        name: "grid by fused multiply-add",
        file: "src/exec/points/ends.rs",
        from: "from + (first + p) as f32 * step",
        to: "libm::fmaf((first + p) as f32, step, from)",
        profiles: BOTH,
    },
    Mutant {
        name: "scales of a resnet's join",
        file: "src/spec.rs",
        from: "Some((alpha, alpha * beta))",
        to: "Some((alpha, beta))",
        profiles: OPT3,
    },
];
