//! The memory and work of a spec's runs on this machine, before any of it is taken.
use super::{Engine, network_of};
use crate::spec::{Init, Normal, Spec};
use crate::weights::{dense_layers, weights_len};
use crate::{Result, limits};
use shatterscope::network::{Dense, Network, Options, Role};
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
        let layers = spec.layers_len().saturating_mul(LAYER_BYTES);
        limits::memory(layers, "the list of operations", LOWER)?;
        let layers = spec.layers();
        let network = network_of(spec, &layers);
        let options = self.options(spec);
        let beside = runs.min(self.threads as u64);
        let share = if runs >= self.threads as u64 { Share::Nothing } else { self.share(spec) };
        let (copies, count) = match share {
            Share::Nothing => (beside, spec.points),
            Share::Operations => (1, spec.points),
            Share::Points => (self.threads as u64, spec.points.div_ceil(self.threads as u32)),
        };
        let multiply_adds = network.plan(&options, 1)?.multiply_adds;
        let drawing = drawing(spec, &network);
        // Weights that are not kept are drawn anew in each pass, by each thread that has points of its own.
        let times = if weights_len(&network) <= self.keep_weights {
            1
        } else {
            PASSES * if share == Share::Points { self.threads as u64 } else { 1 }
        };
        let work = multiply_adds.saturating_add(drawing.saturating_mul(times)).saturating_mul(runs);
        limits::work(work, self.threads, self.long, "the run", LOWER)?;
        let each = network.plan(&Options { count, ..options }, TILE)?;
        let weights = weights_len(&network);
        let kept = if weights <= self.keep_weights { weights } else { 0 };
        let floats = [each.activations_len, each.statistics_len, each.normalised_len, PANEL];
        let floats = floats.into_iter().fold(0u64, u64::saturating_add);
        let buffers = floats.saturating_mul(4).saturating_add(each.tape_len).saturating_mul(copies);
        let drawn = kept.saturating_mul(4).saturating_mul(if share == Share::Nothing { beside } else { 1 });
        let points = u64::from(spec.points);
        let vectors = if spec.inputs > 1 { points * u64::from(spec.inputs) * 4 * beside } else { 0 };
        // Outputs and gradient of every run, which stay.
        let results = points * (1 + u64::from(spec.inputs)) * 4 + RUN_BYTES;
        let bytes = [buffers, drawn, vectors, results.saturating_mul(runs)];
        limits::memory(bytes.into_iter().fold(0, u64::saturating_add), "the run", LOWER)
    }
}

/// What drawing all weights once takes, in multiply-adds of the rate that `limits` assumes.
fn drawing(spec: &Spec, network: &Network) -> u64 {
    let each = |dense: &Dense| {
        let weights = u64::from(dense.fan_in) * u64::from(dense.fan_out);
        let price = match (dense.role, spec.init) {
            // A column of an orthogonal matrix is a product of as many reflections as the matrix has rows.
            (Role::Hidden, Init::Orthogonal | Init::LooksLinear) => ORTHOGONAL.saturating_mul(u64::from(dense.fan_out)),
            _ if spec.normal == Normal::As241 => AS241,
            _ => IRWIN_HALL,
        };
        weights.saturating_mul(price)
    };
    dense_layers(network).iter().map(each).fold(0, u64::saturating_add)
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
/// Bytes of an operation in a list.
const LAYER_BYTES: u64 = 64;
/// Bytes of a run beside its values: lengths, its digest, its entries in the record.
const RUN_BYTES: u64 = 256;
