use crate::emulated::BOARDS;
use crate::step::Report;
use crate::tools::{TARGETS, Tools};
use crate::tree::{Tree, succeed};
use std::collections::BTreeSet;

const WASM: &str = "wasm32-unknown-unknown";

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

/// Lints of what runs on emulated boards: one call of cargo for each target.
pub fn firmware_lints(tree: &Tree, report: &mut Report, tools: &Tools) {
    let targets: BTreeSet<_> = BOARDS.iter().map(|board| board.target).collect();
    for target in targets {
        let step = format!("lints on {target}");
        if let Err(reason) = tools.target(target) {
            report.skip(step, &reason);
            continue;
        }
        report.step(step, || {
            let boards = BOARDS.iter().filter(|board| board.target == target);
            let bins: String = boards.map(|board| format!(" --bin {}", board.name)).collect();
            let words = format!(
                "clippy --quiet --release --target {target} -p qemu-boards -p shatterscope-firmware \
                 -p shatterscope-platform -p no-panic -p kernel-check -p kernels --lib --bin no-panic \
                 --bin kernel-check --bin kernels{bins} -- -D warnings"
            );
            succeed(&mut tree.cargo_of_boards("qemu", &words))
        });
    }
    match tools.target(WASM) {
        Ok(()) => report.step("lints of wasm", || {
            let words = format!("clippy --quiet --release --target {WASM} -- -D warnings");
            succeed(&mut tree.cargo_of_boards("wasm", &words))
        }),
        Err(reason) => report.skip("lints of wasm", &reason),
    }
}

/// The tests of the host, and the golden tests at every optimisation level.
pub fn tests(tree: &Tree, report: &mut Report) {
    // Those of `bounds` run under AddressSanitizer, a step of their own.
    let words = "test --workspace --exclude shatterscope-bounds --features shatterscope/flash --no-fail-fast";
    report.step("tests", || succeed(&mut tree.cargo(words)));
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
            &mut tree.cargo("test -p shatterscope -p shatterscope-engine -p shatterscope-host --features shatterscope/flash --no-fail-fast"),
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
    report.step("report in a browser", || {
        succeed(
            &mut tree
                .cargo("test --quiet --release -p shatterscope-host --test boards -- --ignored --nocapture browser::"),
        )
    });
}

/// The core on every target, with and without logs.
pub fn targets(tree: &Tree, report: &mut Report, tools: &Tools) {
    const NAME: &str = "core on every target";
    if let Some(reason) = TARGETS.iter().find_map(|target| tools.target(target).err()) {
        report.skip(NAME, &reason);
        return;
    }
    report.step(NAME, || {
        let targets: String = TARGETS.iter().map(|target| format!(" --target {target}")).collect();
        // In the release profile, whose macros the tool's build has compiled already, and whose lock no other lane holds.
        let check = format!("check --quiet --release -p shatterscope --lib{targets}");
        succeed(&mut tree.cargo(&check))?;
        succeed(&mut tree.cargo(&format!("{check} --features defmt,flash,wire")))
    });
}

/// The tests that are ignored for their length, and the benchmarks' build.
pub fn long_tests(tree: &Tree, report: &mut Report) {
    report.step("long tests", || {
        succeed(&mut tree.cargo("test --workspace --release --no-fail-fast -- --ignored --skip drawn_trainings"))
    });
    report.step("benchmarks build", || {
        succeed(&mut tree.cargo("bench --workspace --no-run"))?;
        let mut peers = tree.cargo("clippy --quiet --features ours --all-targets -- -D warnings");
        peers.current_dir(tree.root.join("benches/peers")).env("CARGO_TARGET_DIR", tree.target.join("peers/build"));
        succeed(&mut peers)
    });
}
