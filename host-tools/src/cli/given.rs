//! Options that the user typed and that change nothing: each is refused with the reason.
use crate::device::Target;
use crate::spec::{Shown, Spec};
use crate::{Failure, Result};
use clap::ArgMatches;
use clap::parser::ValueSource;
use std::collections::BTreeSet;

/// The options of a command line, by the names of their fields, as opposed to those that have their defaults.
#[derive(Clone, Debug, Default)]
pub struct Given(BTreeSet<String>);

impl Given {
    /// Those of the innermost command.
    pub(super) fn of(matches: &ArgMatches) -> Self {
        let mut innermost = matches;
        while let Some((_, below)) = innermost.subcommand() {
            innermost = below;
        }
        let typed = |id: &&str| innermost.value_source(id) == Some(ValueSource::CommandLine);
        Self(innermost.ids().map(|id| id.as_str()).filter(typed).map(str::to_owned).collect())
    }

    /// Whether the user typed the option.
    pub(super) fn has(&self, field: &str) -> bool {
        self.0.contains(field)
    }

    /// Refuses options that have no effect where they are given, with what to do instead.
    ///
    /// # Errors
    /// Wrong use, of the first of them that was typed.
    pub(super) fn refuse(&self, fields: &[impl AsRef<str>], place: &str, instead: &str) -> Result<()> {
        let Some(field) = fields.iter().map(AsRef::as_ref).find(|field| self.has(field)) else { return Ok(()) };
        let option = match field {
            "stop_after" => "steps".to_owned(),
            field => field.replace('_', "-"),
        };
        let or = if instead.is_empty() { String::new() } else { format!(", or {instead}") };
        Err(Failure::usage(format!("--{option} has no effect {place}: leave it out{or}")))
    }

    /// [`Given::refuse`] under a condition.
    ///
    /// # Errors
    /// As there.
    pub(super) fn refuse_if(&self, idle: bool, fields: &[impl AsRef<str>], place: &str, instead: &str) -> Result<()> {
        if idle { self.refuse(fields, place, instead) } else { Ok(()) }
    }

    /// Refuses options of a network that change nothing in it.
    ///
    /// # Errors
    /// As [`Given::refuse`].
    pub(super) fn check_network(&self, spec: &Spec, shown: Shown) -> Result<()> {
        spec.idle(shown).iter().try_for_each(|idle| self.refuse(idle.fields, &idle.place, idle.instead))
    }

    /// Refuses options of the draws of a wide limit where it has none.
    ///
    /// # Errors
    /// As [`Given::refuse`].
    pub(super) fn check_draws(&self, spec: &Spec) -> Result<()> {
        let sampled = spec.norm_used() && spec.norm == crate::spec::Norm::Batch && spec.inputs == 1;
        self.refuse_if(
            !sampled,
            &["theory_draws", "theory_seed"],
            "where the limit is exact or unknown",
            "give --norm batch",
        )?;
        let full = spec.statistics == Some(crate::spec::Statistics::Full);
        self.refuse_if(
            full,
            &["theory_draws", "theory_seed"],
            "with --statistics full, which has no wide limit",
            "give --statistics detached",
        )
    }

    /// Refuses `options` of devices where none takes part, and those of emulators where none does.
    ///
    /// # Errors
    /// As [`Given::refuse`].
    pub(super) fn check_devices(&self, targets: &[Target], options: &[&str]) -> Result<()> {
        let there = || targets.iter().filter(|target| **target != Target::Host);
        self.refuse_if(there().next().is_none(), options, "without a device", "name one as a target")?;
        let built = there().any(|target| !matches!(target, Target::Serial { .. } | Target::Pipe(_)));
        self.refuse_if(!built, &["firmware"], "on a device that has its firmware already", "name an emulated board")?;
        let counted = there().any(|target| matches!(target, Target::Qemu(_)));
        self.refuse_if(!counted, &["no_count"], "without an emulator, which alone counts", "name an emulated board")
    }

    /// Refuses options of this machine's computing where it computes nothing.
    ///
    /// # Errors
    /// As [`Given::refuse`].
    pub(super) fn check_host(&self, targets: &[Target]) -> Result<()> {
        let here = targets.contains(&Target::Host);
        self.refuse_if(
            !here,
            &["threads", "isa", "long"],
            "where this machine computes nothing",
            "name the target host",
        )
    }
}

/// Options of runs on devices.
pub(super) const RUNS: [&str; 5] = ["timeout", "ram", "schedule", "firmware", "no_count"];
/// Options of trainings on devices.
pub(super) const TRAININGS: [&str; 4] = ["timeout", "ram", "firmware", "no_count"];
