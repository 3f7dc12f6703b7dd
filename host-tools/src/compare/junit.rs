use super::Comparison;
use super::table::{same, sentence, verdict};
use crate::{Failure, Result, text};
use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};
use std::time::Duration;

/// A JUnit report: a suite for each spec, a case for each target.
///
/// # Errors
/// None in practice.
pub fn junit(comparisons: &[Comparison]) -> Result<String> {
    let mut report = Report::new("shatterscope compare");
    for comparison in comparisons {
        let mut suite = TestSuite::new(comparison.name.as_deref().unwrap_or("spec"));
        for (i, told) in comparison.targets.iter().enumerate() {
            let status = if same(told, &comparison.targets[0]) {
                TestCaseStatus::success()
            } else {
                let kind = if told.error.is_some() { NonSuccessKind::Error } else { NonSuccessKind::Failure };
                let mut status = TestCaseStatus::non_success(kind);
                let located = comparison.first_difference.as_ref().filter(|first| first.target == told.name);
                let message = located.map_or_else(|| verdict(i, told, &comparison.targets[0]), sentence);
                status.set_message(text::line(&message));
                status
            };
            let mut case = TestCase::new(text::visible(&told.name), status);
            case.set_classname(comparison.contract);
            case.set_time(Duration::from_secs_f64(told.seconds.unwrap_or(0.0)));
            suite.add_test_case(case);
        }
        report.add_test_suite(suite);
    }
    report.to_string().map_err(|error| Failure::failed(format!("cannot write JUnit: {error}")))
}
