//! Models against the programs that make them: ONNX's newest tests of operators, and PyTorch's exporters. Both are Python packages.
use crate::step::Report;
use crate::tree::{Tree, output_of, succeed};
use anyhow::{Context, Result, bail};
use std::path::PathBuf;
use std::process::Command;

/// The last version of the package that has opset 22 as its newest.
const ONNX: [&str; 2] = ["onnx==1.17.0", "numpy==2.1.3"];
/// The versions that wrote the files in `host-tools/model/tests/torch`: other exporters write other nodes.
const TORCH: [&str; 4] = ["torch==2.15.0", "onnx==1.23.2", "onnxscript==0.7.2", "numpy==2.4.6"];

pub fn steps(tree: &Tree, report: &mut Report) {
    let name = "ONNX's tests of operators up to opset 22";
    match python(tree, "onnx", &ONNX) {
        Ok(python) => report.step(name, || newest(tree, &python)),
        Err(reason) => report.skip(name, &reason),
    }
    let name = "PyTorch writes the same models";
    match python(tree, "torch", &TORCH) {
        Ok(python) => report.step(name, || {
            succeed(
                Command::new(&python).args(["host-tools/model/tests/torch/make.py", "--check"]).current_dir(&tree.root),
            )
        }),
        Err(reason) => report.skip(name, &reason),
    }
}

/// Writes the tests that the package makes, and runs those of the list.
fn newest(tree: &Tree, python: &PathBuf) -> Result<()> {
    let folder = tree.target.join("models/onnx-tests");
    if folder.exists() {
        std::fs::remove_dir_all(&folder)?;
    }
    let said = output_of(
        Command::new(python).arg("host-tools/model/tests/node_tests.py").arg(&folder).current_dir(&tree.root),
    )?;
    print!("{said}");
    let count: usize = said.split(' ').next().unwrap_or_default().parse().context("node_tests.py says how many")?;
    if count < 1000 {
        bail!("node_tests.py wrote {count} tests, expected 1000 or more");
    }
    let mut test = tree.cargo("test --release -p shatterscope-model --test all -- --nocapture the_newest_tests");
    succeed(test.env("SHATTERSCOPE_ONNX_TESTS", &folder))
}

/// Python with these packages in an environment of its own, or why it is not to be had.
fn python(tree: &Tree, name: &str, packages: &[&str]) -> Result<PathBuf, String> {
    let venv = tree.target.join("models").join(name);
    let (python, installed) = (venv.join("bin/python3"), venv.join("installed.txt"));
    let wanted = packages.join("\n");
    if std::fs::read_to_string(&installed).is_ok_and(|have| have == wanted) {
        return Ok(python);
    }
    let install = || -> Result<()> {
        succeed(Command::new("python3").args(["-m", "venv"]).arg(&venv))?;
        succeed(Command::new(&python).args(["-m", "pip", "install", "--quiet"]).args(packages))?;
        Ok(std::fs::write(&installed, &wanted)?)
    };
    let all = packages.join(" ");
    install().map(|()| python.clone()).map_err(|error| {
        format!("it needs Python 3 with venv, and pip install {all}, in {}: {error:#}", venv.display())
    })
}
