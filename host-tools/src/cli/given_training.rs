//! Options of a training that change nothing in it.
use super::given::Given;
use crate::data::Dataset;
use crate::train::{Activation, Kind, Optimiser, Schedule, Skips, Spec};
use crate::{Failure, Result};

impl Given {
    /// Refuses options of a network that learns, and of its steps, that change nothing.
    ///
    /// # Errors
    /// Wrong use: the option, why it has no effect, and what gives it one.
    pub(crate) fn check_training(&self, spec: &Spec, data: &Dataset) -> Result<()> {
        let net = &spec.net;
        self.refuse_if(
            net.activation != Activation::Prelu,
            &["slope"],
            "without learnable slopes",
            "give --activation prelu",
        )?;
        net.check_skips()?;
        // What an earlier version began goes on as it was begun.
        if !self.has("resume") {
            net.check_skips_differ()?;
            if spec.factor > 1.0 && self.has("factor") {
                return Err(Failure::usage(format!(
                    "--factor {}: must be above 0 and below 1, because the learning rate is multiplied by it where it falls",
                    spec.factor
                )));
            }
        }
        let scaled = matches!(net.skips, Skips::Resnet | Skips::Bottleneck);
        self.refuse_if(!scaled, &["beta"], "without resnet skips", "give --skips resnet or bottleneck")?;
        self.refuse_if(
            net.kind != Kind::Convnet,
            &["dropout"],
            "on this net, which drops no units",
            "give --net convnet",
        )?;
        self.refuse_if(
            net.kind == Kind::Lenet,
            &["depth"],
            "on lenet, whose depth is fixed",
            "give --net dense, convnet or stack",
        )?;

        let momentum = matches!(spec.optimiser, Optimiser::Momentum | Optimiser::Nesterov);
        let instead = "give --optimiser momentum or nesterov";
        self.refuse_if(!momentum, &["momentum"], "with this optimiser", instead)?;
        self.refuse_if(
            spec.optimiser != Optimiser::Adam,
            &["betas", "eps"],
            "with this optimiser",
            "give --optimiser adam",
        )?;
        self.refuse_if(spec.decay == 0.0, &["decoupled"], "without weight decay", "give --decay")?;
        // Its first epoch has the whole rate.
        self.refuse_if(spec.warm_up == 1, &["warm_up"], "over one epoch", "give 2 epochs or more")?;

        let (steps, plateau) = (spec.schedule == Schedule::Steps, spec.schedule == Schedule::Plateau);
        self.refuse_if(!steps, &["at"], "with this schedule", "give --schedule steps")?;
        self.refuse_if(
            !steps && !plateau,
            &["factor"],
            "while the rate never falls",
            "give --schedule steps or plateau",
        )?;
        self.refuse_if(!plateau, &["patience", "threshold", "drops"], "with this schedule", "give --schedule plateau")?;
        let late = steps && spec.steps.first().is_some_and(|&first| first >= spec.epochs);
        self.refuse_if(late, &["at"], "at epochs past the last", "give an earlier epoch or more --epochs")?;
        self.refuse_if(spec.factor == 1.0, &["factor"], "at 1, which leaves the rate as it is", "give less")?;
        // A first epoch always improves on nothing; the rate then waits longer than the patience, and falls in the state that a checkpoint keeps.
        let impatient = spec.epochs < spec.patience.saturating_add(2);
        let least = format!("give --epochs {} or more, or less --patience", spec.patience.saturating_add(2));
        self.refuse_if(plateau && spec.drops == 0, &["schedule", "drops"], "with --drops 0", "give 1 or more")?;
        self.refuse_if(plateau && impatient, &["schedule", "patience"], "in so few epochs", &least)?;

        let square = data.image.width > 1;
        self.refuse_if(spec.flip && !square, &["flip"], "on images of one column", "")
    }
}
