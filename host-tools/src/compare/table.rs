use super::{Comparison, Told};

/// A table for people: target, digest, time, instructions, peak of the stack, verdict.
pub fn table(comparison: &Comparison) -> String {
    let Comparison { spec, targets, .. } = comparison;
    let name = comparison.name.as_ref().map(|name| format!("{name}: ")).unwrap_or_default();
    let mut text =
        format!("{name}{}, {} points, {} runs, {}\n", spec.describe(), spec.points, spec.runs, spec.contract());
    let wide = targets.iter().map(|told| told.name.len()).max().unwrap_or(0).max(6);
    text += &format!(
        "{:wide$}  {:32} {:>9} {:>14} {:>7}  verdict\n",
        "target", "digest", "seconds", "instructions", "stack"
    );
    for (i, told) in targets.iter().enumerate() {
        let or = |value: Option<String>| value.unwrap_or("-".to_owned());
        text += &format!(
            "{:wide$}  {:32} {:>9} {:>14} {:>7}  {}\n",
            told.name,
            or(told.digest.clone()),
            or(told.seconds.map(|seconds| format!("{seconds:.3}"))),
            or(told.instructions.map(|count| count.to_string())),
            or(told.stack_bytes.map(|bytes| bytes.to_string())),
            verdict(i, told, &targets[0]),
        );
    }
    if let Some(difference) = &comparison.first_difference {
        text += &format!("first difference, {}: {}\n", difference.target, sentence(difference));
    }
    text
}

pub(super) fn sentence(difference: &super::Difference) -> String {
    let super::Difference { run, direction, layer, operation, unit, point, host_bits, device_bits, .. } = difference;
    if let Some([here, there]) = &difference.outcomes {
        return format!("run {run}: here {here}; there {there}");
    }
    let ulp = difference.ulp.map_or("NaN".to_owned(), |ulp| format!("{ulp} ulp apart"));
    format!(
        "run {run}, {direction}, layer {layer} ({operation}), unit {unit}, point {point}: {host_bits} here, {device_bits} there, {ulp}"
    )
}

pub(super) fn verdict(i: usize, told: &Told, reference: &Told) -> String {
    match (&told.error, &told.non_finite) {
        (Some(error), _) => format!("FAILED: {error}"),
        (None, None) if i == 0 => "reference".to_owned(),
        (None, Some(fault)) if i == 0 => format!("reference: no result, {} layer {}", fault.pass, fault.layer),
        _ if same(told, reference) => "equal".to_owned(),
        _ => "DIFFERENT".to_owned(),
    }
}

/// Whether two targets came to the same end.
pub(super) fn same(a: &Told, b: &Told) -> bool {
    let fault = |told: &Told| told.non_finite.as_ref().map(|at| (at.run, at.pass, at.layer));
    a.error.is_none()
        && b.error.is_none()
        && a.digest == b.digest
        && a.outputs_digest == b.outputs_digest
        && fault(a) == fault(b)
}
