//! Proof that `compare` catches a firmware whose numbers are wrong, and says where it begins.
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
        file: "src/layer/join.rs",
        from: "*f = (a * x) + (b * *f);",
        to: "*f = libm::fmaf(a, *x, b * *f);",
        expected: Expected::Located("forward", 2, "join"),
    },
    Wrong {
        name: "a join that fuses, backward",
        file: "src/layer/join.rs",
        from: "*f += a * g;",
        to: "*f = libm::fmaf(a, *g, *f);",
        expected: Expected::Located("backward", 3, "fork"),
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

/// Builds each, compares it with this machine, and wants the difference found in its place.
pub fn steps(tree: &Tree, report: &mut Report, tools: &Tools) {
    const BOARD: &str = "thumbv7em-none-eabihf";
    for wrong in &WRONG {
        let name = format!("wrong firmware: {}", wrong.name);
        match tools.target(BOARD).and_then(|()| tools.emulators()) {
            Ok(()) => report.step(name, || check(tree, wrong)),
            Err(reason) => report.skip(name, &reason),
        }
    }
}

fn check(tree: &Tree, wrong: &Wrong) -> Result<()> {
    let copy = Copy::make(tree, "wrong")?;
    if let Expected::Step = wrong.expected {
        return check_steps(tree, wrong, &copy);
    }
    let words = "compare --json --quiet --no-count --family resnet --beta 0.7 --alpha 0.9 --depth 4 --width 12 --points 20 \
                 --runs 2 --targets host,qemu:mps2-an386 --firmware";
    let (told, equal) = copy.broken(wrong.file, wrong.from, wrong.to, || {
        compared(firmware_of(&copy, &mut program(tree, words)), LIMIT)
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
fn check_steps(tree: &Tree, wrong: &Wrong, copy: &Copy) -> Result<()> {
    let mut command = program(tree, "train --quiet --no-count --target qemu:mps2-an386 --batch 1 --steps 3 --firmware");
    firmware_of(copy, &mut command);
    let output = copy.broken(wrong.file, wrong.from, wrong.to, || command.output())??;
    let said = String::from_utf8_lossy(&output.stderr);
    if output.status.success() || !said.contains("step 1: the first difference: parameters") {
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
