use crate::error::{Error, InvalidSpec};
use crate::exec::Input;
use crate::math::is_finite;

/// Whether the grid holds its right end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Endpoint {
    /// step = (to - from) / points
    #[default]
    Exclusive,
    /// step = (to - from) / (points - 1)
    Inclusive,
}

/// The points x_i = from + i * step at which a network is probed.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Grid {
    /// Number of points, M.
    pub points: u32,
    /// Left end.
    pub from: f32,
    /// Right end.
    pub to: f32,
    /// Whether the right end is a point.
    pub endpoint: Endpoint,
}

impl Grid {
    /// The paper's interval [-2, 2) with this many points.
    pub const fn new(points: u32) -> Self {
        Self { points, from: -2.0, to: 2.0, endpoint: Endpoint::Exclusive }
    }

    /// Distance of neighbouring points; 0 for one inclusive point.
    pub const fn step(&self) -> f32 {
        let intervals = match self.endpoint {
            Endpoint::Exclusive => self.points,
            Endpoint::Inclusive => self.points.saturating_sub(1),
        };
        if intervals == 0 { 0.0 } else { (self.to - self.from) / intervals as f32 }
    }

    /// Point i.
    pub const fn point(&self, i: u32) -> f32 {
        self.from + i as f32 * self.step()
    }

    /// The grid as the input of an executor.
    pub const fn input(&self) -> Input<'static> {
        Input::Grid { from: self.from, step: self.step() }
    }

    /// Refuses grids with ends or a length that are not finite, or without points.
    ///
    /// # Errors
    /// [`Error::InvalidSpec`].
    pub const fn check(&self) -> Result<(), Error> {
        if self.points == 0 || self.points > 1 << 24 {
            Err(Error::InvalidSpec(InvalidSpec::Points))
        } else if !is_finite(self.from) || !is_finite(self.to) || !is_finite(self.to - self.from) {
            Err(Error::InvalidSpec(InvalidSpec::Grid))
        } else {
            Ok(())
        }
    }
}
