//! What the network sees of a byte of an image.
use crate::{Failure, Result};

/// From bytes, 0 to 255, to the numbers that a network was trained on.
#[derive(Clone, Debug, PartialEq)]
pub enum Scaling {
    /// Bytes as they are.
    None,
    /// `x / 255`
    Unit,
    /// `x / 127.5 - 1`
    Symmetric,
    /// `(x / 255 - mean) / std`, a number each channel or one for all.
    Standard {
        /// Subtracted.
        mean: Vec<f32>,
        /// Divided by.
        std: Vec<f32>,
    },
}

impl Scaling {
    /// `none`, `0..1`, `-1..1` or `mean=0.5,0.4,0.3,std=0.2,0.2,0.2`.
    ///
    /// # Errors
    /// Wrong use, with the forms that there are.
    pub fn parse(text: &str) -> Result<Self> {
        let wrong = || {
            Failure::usage(format!(
                "--scaling {text}: give 0..1, -1..1, none, or mean=0.485,0.456,0.406,std=0.229,0.224,0.225"
            ))
        };
        match text {
            "none" => return Ok(Self::None),
            "0..1" => return Ok(Self::Unit),
            "-1..1" => return Ok(Self::Symmetric),
            _ => {}
        }
        let (mean, std) = text.strip_prefix("mean=").and_then(|rest| rest.split_once("std=")).ok_or_else(wrong)?;
        let numbers = |text: &str| -> Result<Vec<f32>> {
            let all: Option<Vec<f32>> = text.trim_end_matches(',').split(',').map(|n| n.trim().parse().ok()).collect();
            all.filter(|all| all.iter().all(|x| x.is_finite())).ok_or_else(wrong)
        };
        let (mean, std) = (numbers(mean)?, numbers(std)?);
        if std.contains(&0.0) {
            return Err(Failure::usage(format!("--scaling {text}: a standard deviation of 0 cannot be divided by")));
        }
        Ok(Self::Standard { mean, std })
    }

    /// The number for a byte of a channel.
    ///
    /// # Errors
    /// Wrong use: means and deviations for another number of channels.
    pub fn check(&self, channels: usize) -> Result<()> {
        match self {
            Self::Standard { mean, std } if [mean, std].iter().any(|all| all.len() != 1 && all.len() != channels) => {
                Err(Failure::usage(format!(
                    "--scaling has {} means and {} deviations, the images {channels} channels: give one, or one each",
                    mean.len(),
                    std.len()
                )))
            }
            _ => Ok(()),
        }
    }

    /// The number for a byte of a channel that [`Scaling::check`] has seen.
    pub fn of(&self, byte: u8, channel: usize) -> f32 {
        let x = f32::from(byte);
        let at = |all: &[f32]| all.get(channel).or(all.first()).copied().unwrap_or(1.0);
        match self {
            Self::None => x,
            Self::Unit => x / 255.0,
            Self::Symmetric => x / 127.5 - 1.0,
            Self::Standard { mean, std } => (x / 255.0 - at(mean)) / at(std),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_read_and_others_are_refused() {
        assert_eq!(Scaling::parse("0..1").unwrap().of(255, 0), 1.0);
        assert_eq!(Scaling::parse("-1..1").unwrap().of(0, 0), -1.0);
        assert_eq!(Scaling::parse("none").unwrap().of(7, 0), 7.0);
        let standard = Scaling::parse("mean=0.5,0.25,std=0.5,0.5").unwrap();
        assert_eq!(standard.of(255, 1), 1.5);
        assert!(standard.check(2).is_ok() && standard.check(3).is_err());
        for wrong in ["", "1..2", "mean=0.5", "mean=a,std=1", "mean=0,std=0", "mean=inf,std=1"] {
            assert!(Scaling::parse(wrong).is_err(), "{wrong}");
        }
    }
}
