//! The memory and work of a spec's runs on this machine, before any of it is taken.
use super::Engine;
use crate::spec::{Init, Normal, Spec};
use crate::weights::{dense_layers, drawing_len, weights_len};
use crate::{Result, limits};
use shatterscope::internals::weights::{Dense, Role};
use shatterscope::plan::Plan;
use shatterscope_engine::Share;

/// What a user lowers to need less.
const LOWER: &str = "--width, --depth, --points or --runs";

impl Engine {
    /// Refuses runs that this machine has no memory for, or that take too long.
    ///
    /// # Errors
    /// What is needed and what there is; whatever the core refuses.
    pub fn check(&self, spec: &Spec) -> Result<()> {
        spec.check()?;
        let runs = u64::from(spec.runs);
        let network = spec.network();
        let options = self.options(spec);
        let plan = Plan::family(&network, options.want())?;
        let beside = runs.min(self.threads as u64);
        let share = if runs >= self.threads as u64 { Share::Nothing } else { self.share(spec) };
        let (copies, count) = match share {
            Share::Nothing => (beside, spec.points),
            Share::Operations => (1, spec.points),
            Share::Points => (self.threads as u64, spec.points.div_ceil(self.threads as u32)),
        };
        let multiply_adds = plan.run(&options, 1)?.multiply_adds;
        let drawing = dense_layers(&network)?.map(|dense| drawing(spec, &dense)).fold(0, u64::saturating_add);
        let weights = weights_len(&network)?;
        // Weights that are not kept are drawn anew in each pass, by each thread that has points of its own.
        let times = if weights <= self.keep_weights {
            1
        } else {
            PASSES * if share == Share::Points { self.threads as u64 } else { 1 }
        };
        let work = multiply_adds.saturating_add(drawing.saturating_mul(times)).saturating_mul(runs);
        limits::work(work, self.threads, self.long, "the run", LOWER)?;
        let each = plan.run(&options.with_slice(options.first, count), TILE)?;
        let kept = if weights <= self.keep_weights { weights } else { 0 };
        let floats = [each.values_len, each.statistics_len, PANEL];
        let floats = floats.into_iter().fold(0u64, u64::saturating_add);
        let buffers = floats.saturating_mul(4).saturating_add(each.tape_len).saturating_mul(copies);
        let drawn = kept.saturating_mul(4).saturating_mul(if share == Share::Nothing { beside } else { 1 });
        let drawers = if kept > 0 { u64::from(spec.depth).saturating_mul(beside).min(self.threads as u64) } else { 0 };
        let drawn = drawn.saturating_add(drawing_len(&network).saturating_mul(4).saturating_mul(drawers));
        let points = u64::from(spec.points);
        let vectors = if spec.inputs > 1 { points * u64::from(spec.inputs) * 4 * beside } else { 0 };
        // Outputs and gradient of every run, which stay.
        let results = points * (1 + u64::from(spec.inputs)) * 4 + RUN_BYTES;
        let bytes = [buffers, drawn, vectors, results.saturating_mul(runs)];
        limits::memory(bytes.into_iter().fold(0, u64::saturating_add), "the run", LOWER)
    }
}

/// What drawing the weights of a layer once takes, in multiply-adds of the rate that `limits` assumes.
fn drawing(spec: &Spec, dense: &Dense) -> u64 {
    let weights = u64::from(dense.fan_in) * u64::from(dense.fan_out);
    let price = match (dense.role, spec.init) {
        // A column of an orthogonal matrix is a product of as many reflections as the matrix has rows.
        (Role::Hidden, Init::Orthogonal | Init::LooksLinear) => ORTHOGONAL.saturating_mul(u64::from(dense.fan_out)),
        _ if spec.normal == Normal::As241 => AS241,
        _ => IRWIN_HALL,
    };
    weights.saturating_mul(price)
}

/// Passes of a run, forward and backward.
const PASSES: u64 = 2;
/// Multiply-adds for a weight, where a thread does 2e10 in a second; measured with AVX-512 at widths of 8192 and 16384: 3.1 ns.
const IRWIN_HALL: u64 = 64;
/// The same for the inverse of the normal distribution: 26 ns.
const AS241: u64 = 512;
/// The same for a weight of an orthogonal matrix, for each of its rows: 4.2 ns at widths of 1024 and 2048.
const ORTHOGONAL: u64 = 84;
/// The widest register tile.
const TILE: u32 = 32;
/// f32 elements of a panel of weights.
const PANEL: u64 = 1 << 20;
/// Bytes of a run beside its values: lengths, its digest, its entries in the record.
const RUN_BYTES: u64 = 256;
