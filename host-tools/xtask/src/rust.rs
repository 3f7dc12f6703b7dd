use crate::emulated::{BOARDS, Board};
use crate::step::Report;
use crate::tools::{TARGETS, Tools};
use crate::tree::{Tree, succeed};

const WASM: &str = "wasm32-unknown-unknown";

/// Format, lints and documentation of both workspaces; of the peers' the format alone, for it takes minutes to build.
pub fn style(tree: &Tree, report: &mut Report, tools: &Tools) {
    report.step("format", || {
        succeed(&mut tree.cargo("fmt --all --check"))?;
        succeed(&mut tree.cargo_of_boards(".", "fmt --all --check"))?;
        succeed(tree.cargo("fmt --check").current_dir(tree.root.join("benches/peers")))
    });
    report.step("lints", || succeed(&mut tree.cargo("clippy --quiet --workspace --all-targets -- -D warnings")));
    for Board { name, target, .. } in BOARDS {
        let step = format!("lints of {name}");
        if let Err(reason) = tools.target(target) {
            report.skip(step, &reason);
            continue;
        }
        report.step(step, || {
            let lint = |what: &str| {
                let words = format!("clippy --quiet --release --target {target} {what} -- -D warnings");
                succeed(&mut tree.cargo_of_boards("qemu", &words))
            };
            lint(&format!("-p qemu-boards --bin {name}"))?;
            lint("-p shatterscope-firmware -p shatterscope-platform -p no-panic -p kernel-check -p kernels")
        });
    }
    match tools.target(WASM) {
        Ok(()) => report.step("lints of wasm", || {
            let words = format!("clippy --quiet --release --target {WASM} -- -D warnings");
            succeed(&mut tree.cargo_of_boards("wasm", &words))
        }),
        Err(reason) => report.skip("lints of wasm", &reason),
    }
    report.step("documentation", || {
        succeed(
            tree.cargo("doc --quiet --workspace --no-deps --features shatterscope/flash")
                .env("RUSTDOCFLAGS", "-D warnings"),
        )?;
        let firmware = "doc --quiet --no-deps -p shatterscope-firmware";
        succeed(tree.cargo_of_boards(".", firmware).env("RUSTDOCFLAGS", "-D warnings"))
    });
}

/// The tests of the host, and the golden tests at every optimisation level.
pub fn tests(tree: &Tree, report: &mut Report) {
    report.step("tests", || succeed(&mut tree.cargo("test --workspace --features shatterscope/flash --no-fail-fast")));
    for profile in ["opt0", "opts", "opt3"] {
        report.step(format!("goldens at {profile}"), || {
            let words = "test --quiet -p shatterscope-goldens --test goldens --features tiles --profile";
            succeed(&mut tree.cargo(&format!("{words} {profile}")))
        });
    }
}

/// The figures as a user draws them, and their page in a browser.
pub fn report(tree: &Tree, report: &mut Report, tools: &Tools) {
    if let Err(reason) = tools.browser() {
        report.skip("report in a browser", &reason);
        return;
    }
    report.step("report in a browser", || {
        succeed(
            &mut tree
                .cargo("test --quiet --release -p shatterscope-host --test all -- --ignored --nocapture browser::"),
        )
    });
}

/// The core on every target, with and without logs.
pub fn targets(tree: &Tree, report: &mut Report, tools: &Tools) {
    for target in TARGETS {
        let name = format!("core on {target}");
        if let Err(reason) = tools.target(target) {
            report.skip(name, &reason);
            continue;
        }
        report.step(name, || {
            let check = format!("check --quiet -p shatterscope --lib --target {target}");
            succeed(&mut tree.cargo(&check))?;
            succeed(&mut tree.cargo(&format!("{check} --features defmt,flash,wire")))
        });
    }
}

/// The tests that are ignored for their length, and the benchmarks' build.
pub fn long_tests(tree: &Tree, report: &mut Report) {
    report.step("long tests", || succeed(&mut tree.cargo("test --workspace --release --no-fail-fast -- --ignored")));
    report.step("benchmarks build", || {
        succeed(&mut tree.cargo("bench --workspace --no-run"))?;
        let mut peers = tree.cargo("clippy --quiet --features ours --all-targets -- -D warnings");
        peers.current_dir(tree.root.join("benches/peers")).env("CARGO_TARGET_DIR", tree.target.join("peers/build"));
        succeed(&mut peers)
    });
}
