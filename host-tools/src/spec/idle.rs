//! Fields of a spec that change nothing in its network: given by hand, they are a mistake.
use super::{Family, Norm, Overrides, Readout, Spec};
use crate::{Failure, Result};
use serde_json::Value;

/// What a command shows of a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// Moments of gradients in the infinite-width limit.
    Limit,
    /// Gradients of networks.
    Gradients,
    /// Outputs too, or the spec itself.
    All,
}

/// Fields that have no effect: where, and what gives them one.
pub struct Idle {
    /// Names as in [`Overrides`].
    pub fields: &'static [&'static str],
    /// The end of "has no effect".
    pub place: String,
    /// What else to do.
    pub instead: &'static str,
}

impl Spec {
    /// The fields that have no effect in this network.
    pub fn idle(&self, shown: Shown) -> Vec<Idle> {
        let residual = matches!(self.family, Family::Resnet | Family::Highway);
        let one = self.depth == 1;
        let linear = self.family == Family::Crelu && self.init == super::Init::LooksLinear && !one;
        let depth = "give --depth 2 or more";
        let rules: [(bool, &[&str], &str, &str); 10] = [
            (one, &["init", "gain", "bias_std"], "at --depth 1, which has no hidden matrix", depth),
            (
                one && residual,
                &["family", "alpha", "beta", "carry", "transform"],
                "at --depth 1, which has no block",
                depth,
            ),
            (
                one && self.family == Family::Crelu && self.readout == Readout::Linear,
                &["family"],
                "at --depth 1 with --readout linear, which has no ReLU",
                depth,
            ),
            (
                self.norm != Norm::None && !self.norm_used(),
                &["norm", "statistics"],
                "at --depth 1 with a readout without a norm",
                "give --depth 2 or more, or --readout norm-relu",
            ),
            (!(self.norm == Norm::Batch && self.norm_used()), &["eps"], "without batch norm", "give --norm batch"),
            (
                self.inputs > 1,
                &["from", "to", "endpoint"],
                "with --inputs above 1, which has no grid",
                "give --inputs 1",
            ),
            (
                self.inputs == 1 && self.points == 1,
                &["to", "endpoint"],
                "with --points 1: the point is --from",
                "give --points 2 or more",
            ),
            (
                linear && shown != Shown::All,
                &["first_bias_std", "bias_std", "readout"],
                "on the gradient of a looks-linear network, which is linear",
                "give another --init",
            ),
            (
                // Without a bias, the gradient is zero where the input is.
                linear && (shown == Shown::Limit || (shown == Shown::Gradients && self.first_bias_std != 0.0)),
                &["from", "to", "endpoint"],
                "on the gradient of a looks-linear network, which is the same everywhere",
                "give another --init",
            ),
            (
                shown == Shown::Limit && self.points == 1 && self.norm == Norm::None,
                &["from", "bias_std", "first_bias_std"],
                "on the limit at --points 1, which is the mean square alone",
                "give --points 2 or more",
            ),
        ];
        let idle = |(applies, fields, place, instead): (bool, &'static [&'static str], &str, &'static str)| {
            applies.then(|| Idle { fields, place: place.to_owned(), instead })
        };
        rules.into_iter().filter_map(idle).collect()
    }
}

impl Overrides {
    /// Refuses fields of a file that differ from their defaults and have no effect, neither in the file's own network nor in `spec`,
    /// which other options may have made of it.
    ///
    /// # Errors
    /// Wrong use: the field and the reason.
    pub fn check_idle(&self, spec: &Spec) -> Result<()> {
        let own = self.clone().resolve().ok();
        let defaults = serde_json::to_value(Overrides::from(&Overrides::default().resolve()?)).unwrap_or_default();
        let fields = serde_json::to_value(self).unwrap_or_default();
        for Idle { fields: idle, place, .. } in spec.idle(Shown::All) {
            let differs = |field: &&&str| fields[**field] != Value::Null && fields[**field] != defaults[**field];
            let moves = |field: &&str| {
                own.as_ref().is_some_and(|own| !own.idle(Shown::All).iter().any(|idle| idle.fields.contains(field)))
            };
            if let Some(field) = idle.iter().filter(differs).find(|field| !moves(field)) {
                return Err(Failure::usage(format!("the spec's field {field} has no effect {place}: leave it out")));
            }
        }
        Ok(())
    }
}
