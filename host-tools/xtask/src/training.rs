//! Training on emulated boards: the program holds the digest of the weights to this machine's after every step, and ends with an error
//! where they differ.
use crate::emulated::emulated;
use crate::programs::program;
use crate::qemu::LIMIT;
use crate::step::Report;
use crate::tree::{Tree, run_for, text_of};
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::thread;

/// Boards beside each other (none named: all with a megabyte for runs), and the words of one training for all of them.
struct Lesson {
    name: &'static str,
    boards: &'static [&'static str],
    words: &'static str,
    steps: u64,
}

const LESSONS: [Lesson; 5] = [
    Lesson {
        name: "64-32-32-10 learns digits on every core",
        boards: &[],
        words: "--depth 2 --width 32 --batch 1 --rate 0.01",
        steps: 300,
    },
    Lesson {
        name: "64-8-10 learns digits in 16 KB",
        boards: &["microbit"],
        words: "--depth 1 --width 8 --batch 1 --rate 0.02",
        steps: 300,
    },
    Lesson {
        name: "a convnet of LeNet's size learns",
        boards: &["mps2-an386", "mps2-an500", "mps2-an505"],
        words: "--net lenet --width 24 --batch 1 --rate 0.01",
        steps: 40,
    },
    Lesson {
        name: "Adam with batch norm and skips, batches of 20",
        boards: &["mps2-an386", "mps2-an385", "riscv64gc"],
        words: "--depth 3 --width 20 --batch-norm --skips resnet --batch 20 --optimiser adam --rate 0.003",
        steps: 20,
    },
    Lesson {
        name: "momentum in 16 KB, batches of 5",
        boards: &["microbit"],
        words: "--depth 1 --width 8 --batch 5 --optimiser momentum --decay 1e-4",
        steps: 40,
    },
];

pub fn steps(tree: &Tree, report: &mut Report) {
    for lesson in &LESSONS {
        report.step(format!("devices: {}", lesson.name), || taught(tree, lesson));
    }
}

/// As many steps as were asked for on every board, and one digest in the end.
fn taught(tree: &Tree, lesson: &Lesson) -> Result<()> {
    let boards: Vec<&str> = match lesson.boards {
        [] => emulated().filter(|board| board.arena >= 1 << 20).map(|board| &*board.name).collect(),
        named => named.to_vec(),
    };
    let all: Result<Vec<_>> = thread::scope(|scope| {
        let beside: Vec<_> = boards.iter().map(|board| scope.spawn(move || told(tree, lesson, board))).collect();
        beside.into_iter().map(|one| one.join().map_err(|_| anyhow::anyhow!("a thread panicked"))?).collect()
    });
    let all = all?;
    for (board, told) in boards.iter().zip(&all) {
        let device = &told["device"];
        if device["steps"].as_u64() != Some(lesson.steps) || told["digest"] != all[0]["digest"] {
            bail!("{board}: {} steps, parameters {}; expected {}", device["steps"], told["digest"], all[0]["digest"]);
        }
        println!("{board}: {} instructions a step, {} B of arena", device["instructions"], device["arena_bytes"]);
    }
    println!("{}", all[0]["digest"]);
    Ok(())
}

fn told(tree: &Tree, lesson: &Lesson, board: &str) -> Result<Value> {
    let Lesson { words, steps, .. } = lesson;
    let mut command = program(tree, &format!("train --json --quiet --target qemu:{board} --steps {steps} {words}"));
    let text = text_of(&command);
    println!("$ {text}");
    let (status, said) = run_for(&mut command, LIMIT)?;
    if !status.success() {
        bail!("`{text}` ended with {status}");
    }
    serde_json::from_str(&said).context("`train` did not print one JSON document")
}
