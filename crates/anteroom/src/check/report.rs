//! One line for each thing that was tried: what was seen, what to do.

use std::{error::Error, fmt::Display, process::ExitCode};

/// How a thing is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    /// As it should be.
    Good,
    /// Perhaps not as it should be.
    Warning,
    /// Not as it should be.
    Problem,
}

impl Mark {
    fn word(self) -> &'static str {
        match self {
            Self::Good => "ok",
            Self::Warning => "warning",
            Self::Problem => "problem",
        }
    }
}

/// Prints as it goes: asking an EHR takes seconds.
#[derive(Debug, Default)]
pub(super) struct Report {
    warnings: usize,
    problems: usize,
}

impl Report {
    pub(super) fn good(&mut self, subject: &str, seen: impl Display) {
        self.line(Mark::Good, subject, seen, None);
    }

    pub(super) fn warning(&mut self, subject: &str, seen: impl Display, todo: &str) {
        self.line(Mark::Warning, subject, seen, Some(todo));
    }

    pub(super) fn problem(&mut self, subject: &str, seen: impl Display, todo: &str) {
        self.line(Mark::Problem, subject, seen, Some(todo));
    }

    pub(super) fn line(&mut self, mark: Mark, subject: &str, seen: impl Display, todo: Option<&str>) {
        match mark {
            Mark::Good => {}
            Mark::Warning => self.warnings += 1,
            Mark::Problem => self.problems += 1,
        }
        println!("{}", told(mark, subject, &seen.to_string(), todo));
    }

    pub(super) fn conclude(self) -> ExitCode {
        let Self { warnings, problems } = self;
        println!("\nproblems: {problems}, warnings: {warnings}");
        if problems == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

fn told(mark: Mark, subject: &str, seen: &str, todo: Option<&str>) -> String {
    let indent = format!("\n{:9}", "");
    let first = format!("{:9}{subject}: {}", mark.word(), seen.replace('\n', &indent));
    match todo {
        Some(todo) => format!("{first}{indent}to do: {todo}"),
        None => first,
    }
}

/// An error with everything that led to it.
pub(super) fn with_causes(error: &dyn Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| (*cause).source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_seen_comes_first_then_what_to_do() {
        let line = told(Mark::Problem, "lamna: discovery", "no connection\nto it", Some("call them"));
        insta::assert_snapshot!(line, @r"
        problem  lamna: discovery: no connection
                 to it
                 to do: call them
        ");
    }
}
