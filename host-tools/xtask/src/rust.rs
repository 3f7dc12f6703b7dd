use crate::boards;
use crate::programs::{TESTS, test_boards};
use crate::step::Report;
use crate::tools::{self, Tools};
use crate::tree::{Tree, succeed};
use anyhow::bail;

/// Format of all three workspaces; lints and documentation of what runs here. The peers' lints take minutes: `--long`.
pub fn style(tree: &Tree, report: &mut Report) {
    format(tree, report);
    report.step("lints", || {
        succeed(&mut tree.cargo("clippy --quiet --workspace --all-targets -- -D warnings"))?;
        // Programs that plain `cargo test` does not build, and so `--all-targets` does not see.
        succeed(&mut tree.cargo("clippy --quiet --workspace --test boards --test goldens -- -D warnings"))
    });
    report.step("documentation", || {
        succeed(
            tree.cargo("doc --quiet --workspace --no-deps --features shatterscope/flash")
                .env("RUSTDOCFLAGS", "-D warnings"),
        )?;
        let firmware = "doc --quiet --no-deps -p shatterscope-firmware";
        succeed(tree.cargo_of_boards(".", firmware).env("RUSTDOCFLAGS", "-D warnings"))
    });
}

/// The format of all three workspaces.
pub fn format(tree: &Tree, report: &mut Report) {
    report.step("format", || {
        succeed(&mut tree.cargo("fmt --all --check"))?;
        succeed(&mut tree.cargo_of_boards(".", "fmt --all --check"))?;
        succeed(tree.cargo("fmt --check").current_dir(tree.root.join("benches/peers")))
    });
}

/// The tests of the host, and the golden tests at every optimisation level.
pub fn tests(tree: &Tree, report: &mut Report, tools: &Tools) {
    if let Err(reason) = tools.onnx_tests() {
        report.skip("ONNX's backend tests", &reason);
    }
    let models = tree.root.join("../shared/data/mlperf-tiny");
    if std::env::var_os("SHATTERSCOPE_MODELS").is_none() && !models.is_dir() {
        println!(
            "xtask: the networks of MLPerf Tiny are not tested: clone mlcommons/tiny and set SHATTERSCOPE_MODELS to its models"
        );
    }
    report.step("tests", || succeed(&mut tree.cargo(&format!("{TESTS} --no-fail-fast"))));
    for profile in ["opt0", "opts", "opt3"] {
        report.step(format!("goldens at {profile}"), || {
            let words = "test --quiet -p shatterscope-goldens --test goldens --features tiles --profile";
            succeed(&mut tree.cargo(&format!("{words} {profile}")))
        });
    }
}

/// The tests of the core and of the tool, and the goldens as an optimising compiler computes them.
pub fn quick(tree: &Tree, report: &mut Report) {
    report.step("tests of the core and the tool", || {
        succeed(
            &mut tree.cargo("test -p shatterscope -p shatterscope-engine -p shatterscope-import -p shatterscope-model -p shatterscope-layers -p shatterscope-host --features shatterscope/flash --no-fail-fast"),
        )
    });
    report.step("goldens at opt3", || {
        succeed(&mut tree.cargo("test --quiet -p shatterscope-goldens --test goldens --profile opt3"))
    });
}

/// The figures as a user draws them, and their page in a browser.
pub fn report(tree: &Tree, report: &mut Report, tools: &Tools) {
    if let Err(reason) = tools.browser() {
        report.skip("report in a browser", &reason);
        return;
    }
    report.step("report in a browser", || test_boards(tree, "browser::"));
}

/// The core on every target, with and without logs. For chips it is built with logs: `boards.rs`.
pub fn targets(tree: &Tree, report: &mut Report, tools: &Tools) {
    const NAME: &str = "core on every target";
    let targets = tools::targets();
    if let Some(reason) = targets.iter().find_map(|target| tools.target(target).err()) {
        report.skip(NAME, &reason);
        return;
    }
    report.step(NAME, || {
        // In the release profile, whose lock no other lane holds.
        let check = |targets: &[&str], features: &str| {
            let targets: String = targets.iter().map(|target| format!(" --target {target}")).collect();
            succeed(&mut tree.cargo(&format!("check --quiet --release -p shatterscope --lib{features}{targets}")))
        };
        check(&targets, "")?;
        let others: Vec<_> =
            targets.iter().copied().filter(|target| !boards::targets().any(|one| one == *target)).collect();
        check(&others, " --features defmt,flash,wire")
    });
}

/// Sets of the core's features that a program asks for.
const FEATURES: [&str; 14] = [
    "",
    "conv",
    "models",
    "int8",
    "norm",
    "train",
    "probe",
    "conv,models",
    "conv,int8",
    "conv,norm",
    "conv,train",
    "micromath,probe",
    "flash",
    "serde,wire",
];

/// The core with some of its features, and as a package.
pub fn features(tree: &Tree, report: &mut Report) {
    report.step("features", || {
        for features in FEATURES {
            let mut lint = tree.cargo("clippy --quiet -p shatterscope --lib --no-default-features --features");
            succeed(lint.arg(features).args(["--", "-D", "warnings"]))?;
        }
        // What is left out is refused by name, and the rest works.
        for features in [
            "alone",
            "alone,conv",
            "alone,norm,train",
            "alone,int8",
            "alone,conv,int8,micromath,models,norm,probe,train",
        ] {
            let mut test = tree.cargo("test --quiet -p shatterscope-features --no-default-features --features");
            succeed(test.arg(features))?;
        }
        Ok(())
    });
    report.step("package", || succeed(&mut tree.cargo("package --quiet --allow-dirty -p shatterscope")));
}

/// The tests that are ignored for their length, and the benchmarks' build.
pub fn long_tests(tree: &Tree, report: &mut Report) {
    report.step("long tests", || {
        succeed(&mut tree.cargo(
            "test --workspace --release --no-fail-fast -- --ignored --skip drawn_trainings --skip drawn_operators",
        ))
    });
    report.step("the first command of README.md", || {
        let out = tree.target.join("first");
        succeed(tree.cargo("run --release -- figures --quiet --out").arg(&out))?;
        match out.join("index.html").is_file() {
            true => Ok(()),
            false => bail!("{} has no index.html", out.display()),
        }
    });
    report.step("benchmarks build", || {
        succeed(&mut tree.cargo("bench --workspace --no-run"))?;
        let mut peers = tree.cargo("clippy --quiet --features ours --all-targets -- -D warnings");
        peers.current_dir(tree.root.join("benches/peers")).env("CARGO_TARGET_DIR", tree.target.join("peers/build"));
        succeed(&mut peers)
    });
}
