//! What the parser of the command line refuses, in one line as everything else.
use crate::{Failure, text};
use clap::error::{ContextKind, ContextValue, ErrorKind};

/// The failure of words that are not understood; None for help and the version, which are printed as they are.
pub(super) fn failure(error: &clap::Error) -> Option<Failure> {
    use ErrorKind::{DisplayHelp, DisplayHelpOnMissingArgumentOrSubcommand, DisplayVersion};
    if matches!(error.kind(), DisplayHelp | DisplayHelpOnMissingArgumentOrSubcommand | DisplayVersion) {
        return None;
    }
    Some(Failure::usage(value(error).unwrap_or_else(|| first_paragraphs(error))))
}

/// A value that an option does not take: the option, the value, and which values it takes.
fn value(error: &clap::Error) -> Option<String> {
    let string = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text),
        _ => None,
    };
    let (argument, value) = (string(ContextKind::InvalidArg)?, string(ContextKind::InvalidValue)?);
    // `--depth <DEPTH>`
    let option = argument.split(" <").next().unwrap_or(argument);
    let must = match (error.kind(), error.get(ContextKind::ValidValue)) {
        (ErrorKind::InvalidValue, _) if value.is_empty() => return Some(format!("{option}: give a value")),
        (ErrorKind::InvalidValue, Some(ContextValue::Strings(all))) => format!("must be one of {}", all.join(", ")),
        (ErrorKind::ValueValidation, _) => reason(&std::error::Error::source(error)?.to_string()),
        _ => return None,
    };
    Some(format!("{option} {}: {must}", text::visible(value)))
}

/// What the parser of a value says, as it is said elsewhere.
fn reason(said: &str) -> String {
    // `0 is not in 1..=65536`
    if let Some((least, most)) = said.rsplit_once(" is not in ").and_then(|(_, range)| range.split_once("..")) {
        return match most.strip_prefix('=').unwrap_or(most) {
            "" => format!("must be at least {least}"),
            most => format!("must be from {least} to {most}"),
        };
    }
    match said {
        "invalid digit found in string" | "cannot parse integer from empty string" => {
            "must be a whole number, not negative".to_owned()
        }
        "number too large to fit in target type" => "is too large".to_owned(),
        "invalid float literal" | "cannot parse float from empty string" | "not a number" => {
            "must be a number".to_owned()
        }
        other => other.to_owned(),
    }
}

/// The parser's own words, without the usage and the advice that follow them.
fn first_paragraphs(error: &clap::Error) -> String {
    let rendered = error.render().to_string();
    let lines =
        rendered.lines().take_while(|line| !line.starts_with("Usage:") && !line.starts_with("For more information"));
    let lines: Vec<&str> = lines.map(str::trim).filter(|line| !line.is_empty()).collect();
    let all = lines.join(" ").replace(" tip: ", "; ");
    format!("{}; --help lists what there is", all.strip_prefix("error: ").unwrap_or(&all))
}
