//! Counting checks and telling the result.

use std::ops::{Add, AddAssign};
use std::time::Duration;

use crate::steps::Step;

/// How many checks passed, failed and were left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) passed: u32,
    pub(crate) failed: u32,
    pub(crate) skipped: u32,
}

impl Tally {
    pub(crate) const ONE_PASSED: Self = Self { passed: 1, failed: 0, skipped: 0 };
    pub(crate) const ONE_FAILED: Self = Self { passed: 0, failed: 1, skipped: 0 };
    pub(crate) const ONE_SKIPPED: Self = Self { passed: 0, failed: 0, skipped: 1 };
}

impl Add for Tally {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            passed: self.passed + other.passed,
            failed: self.failed + other.failed,
            skipped: self.skipped + other.skipped,
        }
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

/// The counts in one line of `cargo test`: `test result: ok. 3 passed; 0 failed; 1 ignored; ...`.
pub(crate) fn cargo_counts(line: &str) -> Tally {
    let Some((_, counts)) = line.strip_prefix("test result: ").and_then(|rest| rest.split_once(". ")) else {
        return Tally::default();
    };
    let mut tally = Tally::default();
    for part in counts.split("; ") {
        let Some((count, what)) = part.split_once(' ') else { continue };
        let count = count.parse().unwrap_or(0);
        match what {
            "passed" => tally.passed = count,
            "failed" => tally.failed = count,
            "ignored" => tally.skipped = count,
            _ => {}
        }
    }
    tally
}

/// The counts in one line of `node --test`, which gives each its own: `ℹ pass 3`.
pub(crate) fn node_counts(line: &str) -> Tally {
    let Some((what, count)) = line.strip_prefix("ℹ ").and_then(|rest| rest.split_once(' ')) else {
        return Tally::default();
    };
    let count = count.parse().unwrap_or(0);
    match what {
        "pass" => Tally { passed: count, ..Tally::default() },
        "fail" | "cancelled" => Tally { failed: count, ..Tally::default() },
        "skipped" | "todo" => Tally { skipped: count, ..Tally::default() },
        _ => Tally::default(),
    }
}

/// What became of one step.
pub(crate) struct Outcome {
    pub(crate) step: Step,
    pub(crate) took: Duration,
    pub(crate) tally: Tally,
}

/// Prints a line for each step and, last, the sum in the form that CI reads.
pub(crate) fn print(outcomes: &[Outcome]) -> Tally {
    println!("\n{:<14}{:>8}{:>9}{:>9}{:>9}", "step", "time", "passed", "failed", "skipped");
    let mut sum = Tally::default();
    for Outcome { step, took, tally } in outcomes {
        let name = step.to_string();
        let seconds = format!("{:.1} s", took.as_secs_f64());
        println!("{name:<14}{seconds:>8}{:>9}{:>9}{:>9}", tally.passed, tally.failed, tally.skipped);
        sum += *tally;
    }
    println!("\n{} passed, {} failed, {} skipped", sum.passed, sum.failed, sum.skipped);
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cargo_test_gives_its_counts_in_one_line() {
        let line = "test result: FAILED. 12 passed; 2 failed; 1 ignored; 0 measured; 0 filtered out";
        assert_eq!(cargo_counts(line), Tally { passed: 12, failed: 2, skipped: 1 });
        assert_eq!(cargo_counts("test visit::two_arrivals ... ok"), Tally::default());
    }

    #[test]
    fn node_gives_each_count_a_line() {
        let lines = ["✔ a visit (2 ms)", "ℹ tests 6", "ℹ pass 3", "ℹ fail 1", "ℹ cancelled 1", "ℹ skipped 1"];
        let sum = lines.into_iter().map(node_counts).fold(Tally::default(), Add::add);
        assert_eq!(sum, Tally { passed: 3, failed: 2, skipped: 1 });
    }
}
