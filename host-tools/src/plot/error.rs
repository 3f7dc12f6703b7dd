use crate::files::FileError;
use std::fmt;

/// Why a figure was not drawn or not written.
#[derive(Debug)]
pub enum PlotError {
    /// The figure cannot be drawn as it is described: NaN, infinity, lengths that do not fit.
    Refused {
        /// Name of the figure.
        figure: String,
        /// Title of the panel; empty where it is the figure itself.
        panel: String,
        /// What is wrong.
        why: String,
    },
    /// The drawing or its encoding failed.
    Draw(String),
    /// The file system refused.
    File(FileError),
}

impl PlotError {
    pub(super) fn draw(error: impl fmt::Display) -> Self {
        Self::Draw(error.to_string())
    }
}

impl From<FileError> for PlotError {
    fn from(error: FileError) -> Self {
        Self::File(error)
    }
}

impl fmt::Display for PlotError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused { figure, panel, why } if panel.is_empty() => write!(f, "{figure}: {why}"),
            Self::Refused { figure, panel, why } => write!(f, "{figure}, panel \"{panel}\": {why}"),
            Self::Draw(why) => write!(f, "cannot draw: {why}"),
            Self::File(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for PlotError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::File(FileError { error, .. }) => Some(error),
            _ => None,
        }
    }
}

impl From<PlotError> for crate::Failure {
    fn from(error: PlotError) -> Self {
        match error {
            PlotError::File(error) => error.into(),
            error => Self::failed(error.to_string()),
        }
    }
}
