//! Proof that `compare` catches a firmware whose numbers are wrong, and says where it begins.
use crate::emulated::{Board, with_fpu};
use crate::lint::without_lints;
use crate::mutants::Copy;
use crate::programs::program;
use crate::qemu::{LIMIT, compared};
use crate::step::Report;
use crate::tools::Tools;
use crate::tree::Tree;
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::process::Command;

/// A broken firmware, and what `compare` must say of it.
struct Wrong {
    name: &'static str,
    file: &'static str,
    from: &'static str,
    to: &'static str,
    expected: Expected,
}

enum Expected {
    /// The first difference: direction, layer, operation.
    Located(&'static str, u64, &'static str),
    /// The device does not get past its self-test.
    SelfTest,
    /// Not compared but taught: parameters differ after the first step.
    Step,
}

const WRONG: [Wrong; 5] = [
    Wrong {
        name: "a dense kernel that fuses",
        file: "src/kernel/cortex_m/mod.rs",
        from: r#"$("vadd.f32 s", $s, ", s", $s, ", s", $t, "\n",)+"#,
        to: r#"$("vfma.f32 s", $s, ", s", $w, ", s", $x, "\n",)+"#,
        expected: Expected::Located("forward", 1, "dense"),
    },
    Wrong {
        name: "a join that fuses, forward",
        file: "src/op/join.rs",
        from: "*f = (a * x) + (b * *f);",
        to: "*f = libm::fmaf(a, *x, b * *f);",
        expected: Expected::Located("forward", 2, "add"),
    },
    Wrong {
        name: "a join with a wrong bit, backward",
        file: "src/op/join.rs",
        from: "*g *= b;",
        to: "*g = f32::from_bits((b * *g).to_bits() ^ 1);",
        expected: Expected::Located("backward", 4, "add"),
    },
    Wrong {
        name: "nine rounds of Philox",
        file: "src/random/philox.rs",
        from: "round < 10",
        to: "round < 9",
        expected: Expected::SelfTest,
    },
    Wrong {
        name: "a descent that fuses",
        file: "src/kernel/cortex_m/descend.rs",
        from: r#"$("vmul.f32 s", $t, ", s17, s", $t, "\n",)+
            $("vsub.f32 s", $w, ", s", $w, ", s", $t, "\n",)+"#,
        to: r#"$("vfms.f32 s", $w, ", s17, s", $t, "\n",)+"#,
        expected: Expected::Step,
    },
];

/// A bit that a firmware turns in the second step of a training, if the training has its seed; and what `train` must say of it.
struct Turned {
    seed: u32,
    file: &'static str,
    from: &'static str,
    /// What is put before `from`, where `WRONG` is the seed of the training at hand.
    before: &'static str,
    told: &'static str,
}

/// In each pass at an element drawn by hand: a LeNet with batch norm on two examples, in one tile.
const TURNED: [Turned; 9] = [
    Turned {
        seed: 101,
        file: "src/exec/conv.rs",
        from: "!last || all_finite(isa, y)",
        before: "super::turn(101, i == 1 && last && tile == 0, y, 7 * T + 1);",
        told: "forward, node 0.conv, unit 7 of point 1:",
    },
    Turned {
        seed: 102,
        file: "src/exec/norm/forward.rs",
        from: "!all_finite(isa, y)",
        before: "crate::exec::turn(102, node.address == 2, y, 27 * T);",
        told: "forward, node 1.batch-norm, unit 27 of point 0:",
    },
    Turned {
        seed: 103,
        file: "src/exec/dense.rs",
        from: "all_finite(isa, y.as_flattened())",
        before: "super::turn(103, node.address == 12, y.as_flattened_mut(), 9 * T + 1);",
        told: "forward, node 11.dense, unit 9 of point 1:",
    },
    Turned {
        seed: 104,
        file: "src/exec/dense.rs",
        from: "all_finite(isa, to)",
        before: "super::turn(104, node.address == 12, to, 7 * T + 1);",
        told: "backward, node 10.relu, unit 7 of point 1:",
    },
    Turned {
        seed: 105,
        file: "src/exec/conv.rs",
        from: "!last || all_finite(isa, to)",
        before: "super::turn(105, node.address == 5 && last, to, 5 * T);",
        told: "backward, node 3.max-pool, unit 5 of point 0:",
    },
    Turned {
        seed: 106,
        file: "src/exec/norm/backward.rs",
        from: "!all_finite(isa, to)",
        before: "crate::exec::turn(106, node.address == 6, to, T + 1);",
        told: "backward, node 4.conv, unit 1 of point 1:",
    },
    Turned {
        seed: 107,
        file: "src/exec/dense.rs",
        from: "let at_once = rows_at_once(workers, rows.len());",
        before: "super::add(107, node.address == 12 && rows.start == 0, gradient, 4);",
        told: "update, node 11.dense, parameter 4:",
    },
    Turned {
        seed: 108,
        file: "src/exec/conv.rs",
        from: "let (weights, biases) = invariant!(gradient.split_at_mut_checked(rows.len() * each));",
        before: "super::add(108, node.address == 5 && rows.start == 0, gradient, 3);",
        told: "update, node 4.conv, parameter 3:",
    },
    Turned {
        seed: 109,
        file: "src/exec/norm/backward.rs",
        from: "let (gammas, betas) = invariant!(gradient.split_at_mut_checked(channels));",
        before: "crate::exec::add(109, node.address == 6, gradient, 2);",
        told: "update, node 5.batch-norm, parameter 2:",
    },
];

/// The seed of the training at hand, in its second step; a bit that is turned, high enough to reach a parameter; and a number that is added to.
const WRONG_SEED: &str = "
static WRONG: core::sync::atomic::AtomicU32 = core::sync::atomic::AtomicU32::new(0);

fn is_wrong(seed: u32) -> bool {
    WRONG.load(core::sync::atomic::Ordering::Relaxed) == seed
}

fn turn(seed: u32, here: bool, x: &mut [f32], at: usize) {
    if let (true, true, Some(x)) = (is_wrong(seed), here, x.get_mut(at)) {
        *x = f32::from_bits(x.to_bits() ^ 0x1_0000);
    }
}

fn add(seed: u32, here: bool, x: &mut [f32], at: usize) {
    if let (true, true, Some(x)) = (is_wrong(seed), here, x.get_mut(at)) {
        *x += 1.0;
    }
}
";

/// Builds each, compares it with this machine, and wants the difference found in its place.
pub fn steps(tree: &Tree, report: &mut Report, tools: &Tools) {
    let Some(board) = with_fpu() else { return };
    for wrong in &WRONG {
        let name = format!("wrong firmware: {}", wrong.name);
        match tools.target(&board.target).and_then(|()| tools.emulators()) {
            Ok(()) => report.step(name, || check(tree, board, wrong)),
            Err(reason) => report.skip(name, &reason),
        }
    }
    let name = "wrong firmware: a bit in each pass of a training".to_owned();
    match tools.target(&board.target).and_then(|()| tools.emulators()) {
        Ok(()) => report.step(name, || turned(tree, board)),
        Err(reason) => report.skip(name, &reason),
    }
}

/// One firmware with all bits; each training turns the one of its seed.
fn turned(tree: &Tree, board: &Board) -> Result<()> {
    let copy = Copy::make(tree, "wrong")?;
    for Turned { file, from, before, .. } in &TURNED {
        copy.replace(file, from, &format!("{before}\n{from}"))?;
    }
    copy.replace(
        "src/exec/conv.rs",
        "finite = self.memory.across(from, to, |_, x, y| {",
        "finite = self.memory.across(from, to, |tile, x, y| {",
    )?;
    copy.replace("src/exec/mod.rs", "mod sink;\n", &format!("mod sink;\n{WRONG_SEED}"))?;
    copy.replace(
        "src/exec/run.rs",
        "let plan = self.memory.plan;\n",
        "let plan = self.memory.plan;
        if let Mode::Training { seed, step, .. } = &mode {
            super::WRONG.store(if *step == 1 { *seed as u32 } else { 0 }, core::sync::atomic::Ordering::Relaxed);
        }\n",
    )?;
    for seed in std::iter::once(1).chain(TURNED.iter().map(|turned| turned.seed)) {
        let words = format!(
            "train --quiet --no-count --target qemu:{} --net lenet --width 2 --batch-norm --batch 2 --steps 2 --seed {seed} --firmware",
            board.name
        );
        let mut command = program(tree, &words);
        let output = firmware_of(&copy, &mut command).output()?;
        let said = String::from_utf8_lossy(&output.stderr);
        let told = TURNED.iter().find(|turned| turned.seed == seed).map(|turned| turned.told);
        match told {
            Some(told) if !said.contains(&format!("step 2: the first difference: {told}")) => {
                bail!("seed {seed}: not \"{told}\": {said}");
            }
            None if !output.status.success() => bail!("without a wrong bit: {said}"),
            _ => println!("{}", said.trim_end()),
        }
    }
    Ok(())
}

fn check(tree: &Tree, board: &Board, wrong: &Wrong) -> Result<()> {
    let copy = Copy::make(tree, "wrong")?;
    if let Expected::Step = wrong.expected {
        return check_steps(tree, board, wrong, &copy);
    }
    let words = format!(
        "compare --json --quiet --no-count --family resnet --beta 0.7 --alpha 0.9 --depth 4 --width 12 --points 20 \
                 --runs 2 --targets host,qemu:{} --firmware",
        board.name
    );
    let (told, equal) = copy.broken(wrong.file, wrong.from, wrong.to, || {
        compared(firmware_of(&copy, &mut program(tree, &words)), LIMIT)
    })??;
    if equal {
        bail!("`compare` finds no difference");
    }
    let first = &told["first_difference"];
    match wrong.expected {
        Expected::SelfTest => {
            let error = told["targets"][1]["error"].as_str().unwrap_or_default();
            if !error.contains("self-test") {
                bail!("not a failed self-test: {error}");
            }
            println!("{error}");
        }
        Expected::Located(direction, layer, operation) => {
            let found = (first["direction"].as_str(), first["layer"].as_u64(), first["operation"].as_str());
            if found != (Some(direction), Some(layer), Some(operation)) || !apart(first) {
                bail!("expected {direction}, layer {layer}, {operation}; found {first}");
            }
            println!("{first}");
        }
        Expected::Step => {}
    }
    Ok(())
}

/// The last word of a command. What firmware depends on is taken from the builds of the tree, whose target folder the command has; the
/// copy's own packages have other names there, by their folder.
fn firmware_of<'a>(copy: &Copy, command: &'a mut Command) -> &'a mut Command {
    without_lints(command).arg(&copy.root)
}

/// The training ends after its first step, which it names.
fn check_steps(tree: &Tree, board: &Board, wrong: &Wrong, copy: &Copy) -> Result<()> {
    let words = format!("train --quiet --no-count --target qemu:{} --batch 1 --steps 3 --firmware", board.name);
    let mut command = program(tree, &words);
    firmware_of(copy, &mut command);
    let output = copy.broken(wrong.file, wrong.from, wrong.to, || command.output())??;
    let said = String::from_utf8_lossy(&output.stderr);
    if output.status.success() || !said.contains("step 1: the first difference: update, node 4.dense, ") {
        bail!("`train` ended with {}: {said}", output.status);
    }
    println!("{}", said.trim_end());
    Ok(())
}

/// Both bit patterns are there, they differ, and the distance is that of a rounding.
fn apart(first: &Value) -> bool {
    let bits = |key: &str| first[key].as_str().and_then(|text| u32::from_str_radix(text, 16).ok()).context("bits");
    match (bits("host_bits"), bits("device_bits"), first["ulp"].as_u64()) {
        (Ok(here), Ok(there), Some(1..=64)) => here != there,
        _ => false,
    }
}
