use shatterscope_host::Failure;

/// A refusal says something, on one line as the tool prints it, and nothing in it acts on a terminal.
pub fn refused(error: &Failure) {
    let shown = shatterscope_host::text::line(&error.message);
    assert!(!shown.trim().is_empty() && !shown.chars().any(char::is_control), "{error:?}");
}
