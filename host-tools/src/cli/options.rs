//! Options that several commands share.
use super::{Common, Given};
use crate::device::{Counting, Settings};
use crate::engine::{Engine, Isa};
use crate::preset::{Preset, find};
use crate::spec::{Overrides, Shown, Spec};
use crate::theory::Draws;
use crate::{Failure, Result};
use clap::Args;
use shatterscope::plan::Schedule;
use std::path::PathBuf;
use std::time::Duration;

/// Where to compute; none of it changes a bit.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Computing (changes no bit)")]
pub struct Computing {
    /// Threads [default: all]
    #[arg(long)]
    pub threads: Option<usize>,
    /// Force a kernel
    #[arg(long, value_enum, default_value_t)]
    pub isa: Isa,
    /// Allow runs of more than 1e14 multiply-adds, which take longer than minutes
    #[arg(long)]
    pub long: bool,
}

impl Computing {
    pub(super) fn engine(&self, common: &Common) -> Result<Engine> {
        Ok(Engine { long: self.long, ..Engine::new(self.threads, self.isa, common.quiet)? })
    }
}

/// The network options, with a preset or a file under them.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Network")]
pub struct Network {
    /// Start from a preset; other options change it
    #[arg(long, conflicts_with = "spec")]
    pub preset: Option<String>,
    /// Start from a TOML file as `spec` prints it; other options change it
    #[arg(long, value_name = "FILE.toml")]
    pub spec: Option<PathBuf>,
    /// Single fields
    #[command(flatten)]
    pub overrides: Overrides,
}

impl Network {
    pub(super) fn preset(&self) -> Result<Option<Preset>> {
        match &self.preset {
            None => Ok(None),
            Some(name) => match find(name) {
                None => Err(Failure::usage(format!("no preset {name}: `shatterscope preset list` has them"))),
                preset => Ok(preset),
            },
        }
    }

    /// Options over preset or file; those that were typed and have no effect are refused.
    pub(super) fn resolve(&self, given: &Given, shown: Shown) -> Result<Spec> {
        self.resolve_over(None, given, shown)
    }

    /// Options over preset or file over `base`.
    pub(super) fn resolve_over(&self, base: Option<Overrides>, given: &Given, shown: Shown) -> Result<Spec> {
        let under = match (&self.spec, self.preset()?) {
            (Some(path), _) => Spec::overrides_from_file(path)?,
            (None, Some(preset)) => preset.overrides,
            (None, None) => base.unwrap_or_default(),
        };
        let spec = self.overrides.clone().over(under.clone()).resolve()?;
        given.check_network(&spec, shown)?;
        if self.preset.is_none() {
            under.check_idle(&spec)?;
        }
        Ok(spec)
    }
}

/// How devices are reached and used.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Devices (changes no bit)")]
pub struct Devices {
    /// Repository that firmware is built from [default: around the working directory]
    #[arg(long, value_name = "DIR")]
    pub firmware: Option<PathBuf>,
    /// Seconds that a device has to answer a request; progress that it reports starts them anew
    #[arg(long, default_value_t = 60.0)]
    pub timeout: f64,
    /// Order of work on devices: whole-batch, or blocks:N with N points resident [default: what costs least]
    #[arg(long, value_name = "SCHEDULE")]
    pub schedule: Option<String>,
    /// Bytes of memory that the whole firmware may use, K and M allowed [default: all]
    #[arg(long, value_name = "BYTES")]
    pub ram: Option<String>,
    /// Do not count instructions under the emulator
    #[arg(long)]
    pub no_count: bool,
}

impl Devices {
    /// The settings that these options mean.
    ///
    /// # Errors
    /// Wrong use: a schedule, size or time that is not understood.
    pub fn settings(&self) -> Result<Settings> {
        let schedule = match self.schedule.as_deref() {
            None => None,
            Some("whole-batch") => Some(Schedule::WholeBatch),
            Some(text) => match text.strip_prefix("blocks:").and_then(|n| n.parse().ok()) {
                Some(resident @ 1..) => Some(Schedule::Blocks { resident }),
                _ => {
                    return Err(Failure::usage(format!(
                        "--schedule {text}: whole-batch, or blocks:N with N at least 1"
                    )));
                }
            },
        };
        let ram = match &self.ram {
            None => 0,
            Some(text) => {
                bytes(text).ok_or_else(|| Failure::usage(format!("--ram {text}: give bytes, or 128K or 1M")))?
            }
        };
        if !(self.timeout > 0.0 && self.timeout < 1e6) {
            return Err(Failure::usage(format!("--timeout {}: give seconds above 0", self.timeout)));
        }
        let count = if self.no_count { Counting::Off } else { Counting::Instructions };
        let timeout = Duration::from_secs_f64(self.timeout);
        Ok(Settings { firmware: self.firmware.clone(), timeout, schedule, ram, count, models: false })
    }
}

/// A number of bytes above 0, with K or M.
fn bytes(text: &str) -> Option<u32> {
    let (digits, unit) = match text.strip_suffix(['K', 'k']) {
        Some(digits) => (digits, 1 << 10),
        None => text.strip_suffix(['M', 'm']).map_or((text, 1), |digits| (digits, 1 << 20)),
    };
    digits.parse::<u32>().ok()?.checked_mul(unit).filter(|bytes| *bytes > 0)
}

/// How batch norm is averaged in the wide limit; all else is exact.
#[derive(Clone, Copy, Debug, Args)]
#[command(next_help_heading = "Theory")]
pub struct Sampling {
    /// Units a layer that batch norm is averaged over, in 8 groups, whose spread is the error [default: 20000; probe: 4000]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(256..=10_000_000))]
    pub theory_draws: Option<u32>,
    /// Seed of these units [default: 1]
    #[arg(long, value_name = "SEED")]
    pub theory_seed: Option<u64>,
}

impl Sampling {
    pub(super) fn draws(&self, default: Draws) -> Draws {
        let Draws { count, seed, groups } = default;
        Draws { count: self.theory_draws.unwrap_or(count), seed: self.theory_seed.unwrap_or(seed), groups }
    }
}
