//! How many lines of the importer its tests and the inputs of the fuzz targets reach.
use crate::tree::{Tree, output_of, run_for, succeed, text_of};
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// The least share of lines, of all files together.
const LEAST: f64 = 0.9;

/// What is measured: folders and files.
const MEASURED: [&str; 3] = ["host-tools/import/src", "host-tools/model/src/native.rs", "host-tools/model/src/lower"];

/// Test programs: package, target, and the tests that are run.
const PROGRAMS: [(&str, &str, &str); 3] =
    [("shatterscope-import", "all", ""), ("shatterscope-model", "all", ""), ("shatterscope-fuzz", "corpus", "models_")];

/// The longest that the tests of one program may take: a program that counts is slower.
const LIMIT: Duration = Duration::from_secs(3600);

/// LLVM's programs that read what the compiler's programs count.
pub struct Programs {
    profdata: PathBuf,
    cov: PathBuf,
}

impl Programs {
    /// Those of the toolchain, which are installed if they can be; or why there are none. Others do not read this compiler's format.
    pub fn provide() -> Result<Self, String> {
        let found = || -> Result<Option<Self>> {
            let sysroot = output_of(Command::new("rustc").args(["--print", "sysroot"]))?;
            let version = output_of(Command::new("rustc").arg("-vV"))?;
            let host = version.lines().find_map(|line| line.strip_prefix("host: ")).context("rustc names its host")?;
            let folder = Path::new(sysroot.trim()).join("lib/rustlib").join(host).join("bin");
            let [profdata, cov] = ["llvm-profdata", "llvm-cov"].map(|name| folder.join(name));
            Ok((profdata.is_file() && cov.is_file()).then_some(Self { profdata, cov }))
        };
        let missing = |error: String| format!("{error}; install them: rustup component add llvm-tools");
        match found() {
            Ok(Some(programs)) => return Ok(programs),
            Ok(None) => {}
            Err(error) => return Err(missing(format!("{error:#}"))),
        }
        succeed(Command::new("rustup").args(["component", "add", "llvm-tools"]))
            .map_err(|error| missing(format!("{error:#}")))?;
        match found() {
            Ok(Some(programs)) => Ok(programs),
            _ => Err(missing("llvm-profdata and llvm-cov are not in the toolchain".to_owned())),
        }
    }
}

/// Lines of a file, and those that were reached.
struct Lines {
    file: String,
    all: u64,
    reached: u64,
}

/// Runs the tests, prints the share of lines that they reach in each file, and fails where it is less than nine tenths of all.
pub fn measure(tree: &Tree, programs: &Programs) -> Result<()> {
    let folder = tree.target.join("coverage");
    let counts = folder.join("counts");
    if counts.exists() {
        std::fs::remove_dir_all(&counts)?;
    }
    std::fs::create_dir_all(&counts)?;
    let mut tests = Vec::new();
    for (package, target, filter) in PROGRAMS {
        let program = build(tree, &folder, package, target)?;
        let mut command = Command::new(&program);
        // Tests find their files beside the package, as under cargo.
        command.current_dir(tree.root.join(if package == "shatterscope-fuzz" { "fuzz" } else { "host-tools" }));
        command.env("LLVM_PROFILE_FILE", counts.join(format!("{package}-%p.profraw"))).arg(filter);
        println!("$ {}", text_of(&command));
        let (status, said) = run_for(&mut command, LIMIT)?;
        if !status.success() {
            bail!("the tests of {package} failed: {status}\n{said}");
        }
        if said.contains("running 0 tests") {
            bail!("no test of {package} has a name with {filter:?}");
        }
        tests.push(program);
    }
    let merged = folder.join("merged.profdata");
    let raw = std::fs::read_dir(&counts)?.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    succeed(Command::new(&programs.profdata).args(["merge", "-sparse"]).args(&raw).arg("-o").arg(&merged))?;
    let all = exported(tree, programs, &merged, &tests)?;
    judge(&all)
}

/// A test program that counts.
fn build(tree: &Tree, folder: &Path, package: &str, target: &str) -> Result<PathBuf> {
    let words = format!("test --quiet --no-run --message-format=json-render-diagnostics -p {package} --test {target}");
    let mut command = tree.cargo(&words);
    // A folder and an incremental state of its own: every crate has other flags.
    command.env("CARGO_TARGET_DIR", folder).env("CARGO_INCREMENTAL", "0").env("RUSTFLAGS", "-Cinstrument-coverage");
    // Build scripts and macros count, too, and are not measured.
    command.env("LLVM_PROFILE_FILE", folder.join("build.profraw"));
    println!("$ {}", text_of(&command));
    let messages = output_of(&mut command)?;
    let mut program = messages.lines().filter_map(|line| {
        let message: Value = serde_json::from_str(line).ok()?;
        let own = message["target"]["name"] == target && message["profile"]["test"] == true;
        message["executable"].as_str().filter(|_| own).map(PathBuf::from)
    });
    program.next_back().with_context(|| format!("cargo names no program for the test {target} of {package}"))
}

/// The lines of all files that are measured.
fn exported(tree: &Tree, programs: &Programs, merged: &Path, tests: &[PathBuf]) -> Result<Vec<Lines>> {
    let mut command = Command::new(&programs.cov);
    command.args(["export", "-summary-only", "-format=text", "-instr-profile"]).arg(merged);
    for (i, program) in tests.iter().enumerate() {
        if i > 0 {
            command.arg("-object");
        }
        command.arg(program);
    }
    command.arg("-sources").args(MEASURED.map(|path| tree.root.join(path)));
    let report: Value = serde_json::from_str(&output_of(&mut command)?).context("llvm-cov prints one JSON document")?;
    let files = report["data"][0]["files"].as_array().context("llvm-cov lists files")?;
    let root = format!("{}/", tree.root.canonicalize()?.display());
    let mut all = Vec::new();
    for file in files {
        let lines = &file["summary"]["lines"];
        let name = file["filename"].as_str().context("files have names")?;
        all.push(Lines {
            file: name.strip_prefix(&root).unwrap_or(name).to_owned(),
            all: lines["count"].as_u64().context("lines are counted")?,
            reached: lines["covered"].as_u64().context("lines are counted")?,
        });
    }
    all.sort_by(|a, b| a.file.cmp(&b.file));
    // A file that no program has would be left out of the share.
    let there: BTreeSet<&str> = all.iter().map(|lines| lines.file.as_str()).collect();
    let native = "host-tools/model/src/native.rs";
    if !there.contains(native) || !there.iter().any(|file| file.starts_with("host-tools/import/src/onnx/")) {
        bail!("llvm-cov has no lines of {native} or of host-tools/import/src: found {there:?}");
    }
    Ok(all)
}

fn share(reached: u64, all: u64) -> f64 {
    reached as f64 / all.max(1) as f64
}

fn judge(files: &[Lines]) -> Result<()> {
    for Lines { file, all, reached } in files {
        println!("{:6.1}%  {reached:5} of {all:5}  {file}", 100.0 * share(*reached, *all));
    }
    let (all, reached) = files.iter().fold((0, 0), |(all, reached), lines| (all + lines.all, reached + lines.reached));
    let of_all = share(reached, all);
    println!("{:6.1}%  {reached:5} of {all:5}  all", 100.0 * of_all);
    if of_all < LEAST {
        bail!(
            "tests and fuzz inputs reach {:.1}% of the importer's lines, expected {:.0}%: add tests, or inputs with `cargo xtask fuzz --keep`",
            100.0 * of_all,
            100.0 * LEAST
        );
    }
    Ok(())
}
