//! Proof that the golden tests notice a broken contract: in a copy of the tree, one place at a time is broken.

use crate::step::Report;
use crate::tree::{Tree, output_of, run_for};
use anyhow::{Context, Result, bail};
use std::collections::BTreeSet;
use std::fs;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

/// One textual substitution that breaks the contract.
struct Mutant {
    /// What is broken.
    name: &'static str,
    file: &'static str,
    /// Stands in the file exactly once: a mutant that has gone stale fails.
    from: &'static str,
    to: &'static str,
    /// Profiles under which the break must be found. A compiler that optimises may hide a rounding or make one; what is
    /// another algorithm altogether needs no second look.
    profiles: &'static [&'static str],
}

const BOTH: &[&str] = &["opt0", "opt3"];
const OPT3: &[&str] = &["opt3"];
/// An x86-64 that optimises happens to take its zero from the right side: no test there can tell max from a comparison.
const OPT0: &[&str] = &["opt0"];

const MUTANTS: [Mutant; 21] = [
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
        to: "in w.iter().zip(x).rev() {",
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
        from: "for _ in 0..2 {",
        to: "for _ in 0..1 {",
        profiles: OPT3,
    },
    Mutant {
        name: "convolutions by fused multiply-add",
        file: "src/layer/conv.rs",
        from: "*y += w * x;",
        to: "*y = libm::fmaf(*w, *x, *y);",
        profiles: OPT3,
    },
    Mutant {
        name: "join by fused multiply-add",
        file: "src/layer/join.rs",
        from: "*f = (a * x) + (b * *f);",
        to: "*f = libm::fmaf(a, *x, b * *f);",
        profiles: BOTH,
    },
    Mutant {
        name: "relu by max, x first",
        file: "src/layer/relu.rs",
        from: "if x > 0.0 { x } else { 0.0 }",
        to: "x.max(0.0)",
        profiles: OPT0,
    },
    Mutant {
        name: "relu passes the gradient at zero",
        file: "src/layer/relu.rs",
        from: "u8::from(*x > 0.0)",
        to: "u8::from(*x >= 0.0)",
        profiles: BOTH,
    },
    Mutant {
        name: "eight lanes in RED16",
        file: "src/kernel/red16.rs",
        from: "self.lanes[p % 16] += term;",
        to: "self.lanes[p % 8] += term;",
        profiles: OPT3,
    },
    Mutant {
        name: "RED16 folded from left to right",
        file: "src/kernel/red16.rs",
        from: "        lanes[0]\n",
        to: "        self.lanes.iter().fold(0.0, |sum, lane| sum + lane)\n",
        profiles: OPT3,
    },
    Mutant {
        name: "logarithm of the platform",
        file: "src/math.rs",
        from: "Math::Libm => libm::logf(x),",
        to: "Math::Libm => {\n                extern crate std;\n                std::primitive::f32::ln(x)\n            }",
        profiles: BOTH,
    },
    Mutant {
        name: "exponential of the platform",
        file: "src/math.rs",
        from: "Math::Libm => libm::expf(x),",
        to: "Math::Libm => {\n                extern crate std;\n                std::primitive::f32::exp(x)\n            }",
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
        file: "src/layer/batch_norm.rs",
        from: "self.mean::<T>(|z| (z - mean) * (z - mean))",
        to: "(self.mean::<T>(|z| z * z) - mean * mean)",
        profiles: BOTH,
    },
    Mutant {
        name: "batch norm multiplied out",
        file: "src/kernel/units.rs",
        from: "if SCALE { lanes.mul(shifted, scale) }",
        to: "if SHIFT && SCALE { lanes.sub(lanes.mul(x, scale), lanes.mul(shift, scale)) } else if SCALE { lanes.mul(shifted, scale) }",
        profiles: OPT3,
    },
    Mutant {
        name: "root of the inverse for the inverse of the root",
        file: "src/layer/batch_norm.rs",
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
        file: "src/network/orthogonal.rs",
        from: "if (x > 0.0) == (k.wrapping_add(1) == self.order)",
        to: "if x > 0.0",
        profiles: OPT3,
    },
    Mutant {
        name: "grid by fused multiply-add",
        file: "src/network/executor/forward.rs",
        from: "from + p as f32 * step",
        to: "libm::fmaf(p as f32, step, from)",
        profiles: BOTH,
    },
    Mutant {
        name: "scales of a resnet's join",
        file: "src/network/spec.rs",
        from: "Some((alpha, alpha * beta))",
        to: "Some((alpha, beta))",
        profiles: OPT3,
    },
];

/// The longest that the golden tests may run.
const LIMIT: Duration = Duration::from_secs(900);

/// Folders of the copies, of which each breaks a mutant at a time: a compiler hardly keeps two processors at work on one.
const COPIES: [&str; 2] = ["mutants", "mutants-too"];

/// The copies as they are must pass, and each mutant must fail.
pub fn steps(tree: &Tree, report: &mut Report) {
    report.step("mutants", || all(tree));
}

fn all(tree: &Tree) -> Result<()> {
    let copies: Vec<Copy> = thread::scope(|scope| {
        let made = COPIES.map(|folder| scope.spawn(|| sound(tree, folder)));
        made.into_iter().map(|copy| copy.join().unwrap_or_else(|panic| resume_unwind(panic))).collect::<Result<_>>()
    })?;
    let (next, (said, heard)) = (AtomicUsize::new(0), mpsc::channel());
    let mut missed = Vec::new();
    thread::scope(|scope| {
        for copy in &copies {
            let (next, said) = (&next, said.clone());
            scope.spawn(move || {
                while let Some(mutant) = MUTANTS.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let start = Instant::now();
                    let noticed = copy.must_notice(tree, mutant);
                    // The receiver reads until every sender is gone.
                    let _ = said.send((mutant.name, start.elapsed().as_secs_f64(), noticed));
                }
            });
        }
        drop(said);
        for (name, seconds, noticed) in heard {
            match noticed {
                Ok(()) => println!("noticed in {seconds:.1} s: {name}"),
                Err(error) => missed.push(format!("{name}: {error:#}")),
            }
        }
    });
    if missed.is_empty() { Ok(()) } else { bail!("{} mutants\n{}", missed.len(), missed.join("\n")) }
}

/// A copy whose golden tests pass.
fn sound(tree: &Tree, folder: &str) -> Result<Copy> {
    let copy = Copy::make(tree, folder)?;
    for profile in BOTH {
        if !copy.passes(tree, profile)? {
            bail!("the golden tests fail at {profile} without any mutant");
        }
    }
    Ok(copy)
}

/// The tree without history and builds, and a build of its own.
pub struct Copy {
    pub root: PathBuf,
    pub build: PathBuf,
}

impl Copy {
    pub fn make(tree: &Tree, folder: &str) -> Result<Self> {
        let folder = tree.target.join(folder);
        let (root, build) = (folder.join("tree"), folder.join("build"));
        let mut list = Command::new("git");
        list.args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]).current_dir(&tree.root);
        let listed = output_of(&mut list)?;
        let mut kept = BTreeSet::new();
        for name in listed.split('\0').filter(|name| tree.root.join(name).is_file()) {
            kept.insert(root.join(name));
            // What has not changed keeps its time, so that cargo does not build it again.
            let (data, to) = (fs::read(tree.root.join(name))?, root.join(name));
            if fs::read(&to).ok().as_ref() != Some(&data) {
                fs::create_dir_all(to.parent().context("a file stands in a folder")?)?;
                fs::write(&to, data)?;
            }
        }
        remove_others(&root, &kept)?;
        Ok(Self { root, build })
    }

    /// Whether the golden tests pass. That they compile is a condition: a mutant that does not is no mutant.
    fn passes(&self, tree: &Tree, profile: &str) -> Result<bool> {
        let cargo = |arguments: &str| {
            let words = "test --quiet -p shatterscope-goldens --test goldens --profile";
            let mut command = tree.cargo(&format!("{words} {profile} {arguments}"));
            // Incremental: only what a mutant touches is compiled again.
            command.current_dir(&self.root).env("CARGO_TARGET_DIR", &self.build).env("CARGO_INCREMENTAL", "1");
            command
        };
        output_of(&mut cargo("--no-run"))?;
        Ok(run_for(cargo("").stderr(Stdio::null()), LIMIT)?.0.success())
    }

    /// Breaks one place, does `work`, and mends it. The text to replace stands in the file exactly once.
    pub fn broken<T>(&self, file: &str, from: &str, to: &str, work: impl FnOnce() -> T) -> Result<T> {
        let path = self.root.join(file);
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {file}"))?;
        let count = text.matches(from).count();
        if count != 1 {
            bail!("stale mutant: `{from}` stands in {file} {count} times");
        }
        fs::write(&path, text.replace(from, to))?;
        let done = work();
        fs::write(&path, text)?;
        Ok(done)
    }

    fn must_notice(&self, tree: &Tree, mutant: &Mutant) -> Result<()> {
        let passed: Vec<_> = self.broken(mutant.file, mutant.from, mutant.to, || {
            mutant.profiles.iter().map(|profile| self.passes(tree, profile)).collect()
        })?;
        for (profile, passed) in mutant.profiles.iter().zip(passed) {
            if passed? {
                bail!("the golden tests do not notice at {profile}");
            }
        }
        Ok(())
    }
}

fn remove_others(folder: &Path, kept: &BTreeSet<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            // Empty folders disturb nobody.
            remove_others(&path, kept)?;
        } else if !kept.contains(&path) {
            fs::remove_file(&path)?;
        }
    }
    Ok(())
}
