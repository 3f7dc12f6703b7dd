//! `export`: a run as tensors, for NumPy and PyTorch to check.
use super::{print, print_json};
use crate::cli::Common;
use crate::engine::Engine;
use crate::files::{claim, write_all};
use crate::limits::{MOST_RUNS, at_most};
use crate::spec::Spec;
use crate::tensors::Bundle;
use crate::weights::Drawn;
use crate::{Failure, Result};
use serde_json::json;
use std::path::Path;

/// The files of an export.
pub const FILES: [&str; 2] = ["run.safetensors", "run.npz"];

/// Writes run `run` of a spec to `out/run.safetensors` and `out/run.npz`.
///
/// # Errors
/// Several inputs; a run that meets NaN or infinity; files that cannot be written.
pub fn run(spec: &Spec, run: u32, out: &Path, engine: &Engine, common: &Common) -> Result<()> {
    at_most("--run", run, MOST_RUNS - 1, "for runs are counted from 0, and a spec has at most 2^20")?;
    spec.one_input("export")?;
    let _ours = claim(out, &FILES)?;
    engine.check(&Spec { runs: 1, ..spec.clone() })?;
    let drawn = Drawn::draw(&spec.network(), &spec.seeded(run))?;
    let runs =
        engine.stored(spec, &drawn)?.map_err(|fault| Failure::from(shatterscope::Error::NonFinite(fault.fault)))?;
    let mut bundle = Bundle::parameters(&drawn);
    let grid = spec.grid();
    let points = spec.points as usize;
    for result in runs {
        bundle.add("grid".into(), vec![points], (0..spec.points).map(|i| grid.point(i)).collect());
        bundle.add("outputs".into(), vec![points], result.outputs);
        bundle.add("gradient".into(), vec![points], result.gradient);
        let text = serde_json::to_string(&Spec { runs: 1, ..spec.clone() });
        bundle.spec = Some(text.map_err(|error| Failure::failed(format!("cannot write the spec: {error}")))?);
        let [safetensors, npz] = FILES.map(str::to_owned);
        let paths = write_all(out, &[(safetensors, bundle.to_safetensors()?), (npz, bundle.to_npz()?)])?;
        let paths: Vec<_> = paths.iter().map(|path| path.display().to_string()).collect();
        if common.json {
            let digest = result.digest.to_string();
            print_json(&json!({ "spec": spec, "run": run, "digest": digest, "files": paths }))?;
        } else if !common.quiet {
            print(&format!("{}\ndigest of the gradient {}\n", paths.join("\n"), result.digest))?;
        }
    }
    Ok(())
}
