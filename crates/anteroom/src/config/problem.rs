//! What is wrong with a configuration, where, and what would be right.

use std::{
    cell::RefCell,
    fmt,
    path::{Path, PathBuf},
};

/// Where a key or value stands.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    /// In the file; both count from 1, columns in characters.
    File {
        /// Line.
        line: usize,
        /// Column.
        column: usize,
    },
    /// In this environment variable.
    Variable(String),
}

impl Place {
    /// The beginning of the file, for what is missing from it.
    pub(super) const START: Self = Self::File { line: 1, column: 1 };
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    /// Where.
    pub(super) place: Place,
    /// What, beginning with the key.
    pub(super) what: String,
    /// What would be right.
    pub(super) right: String,
}

/// Everything that was found wrong so far. Readers go on after a problem, so
/// that people see all of them at once.
#[derive(Debug, Default)]
pub(super) struct Problems(RefCell<Vec<Problem>>);

impl Problems {
    pub(super) fn add(&self, problem: Problem) {
        self.0.borrow_mut().push(problem);
    }

    pub(super) fn into_sorted(self) -> Vec<Problem> {
        let mut problems = self.0.into_inner();
        problems.sort_by(|one, other| one.place.cmp(&other.place));
        problems
    }
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    /// The file cannot be read.
    #[error("the configuration file {} cannot be read: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// It can be read and is wrong.
    #[error("{}", told(path, problems))]
    Wrong {
        /// Which.
        path: PathBuf,
        /// What is wrong, in the order of the file.
        problems: Vec<Problem>,
    },
}

fn told(path: &Path, problems: &[Problem]) -> String {
    let told = problems.iter().map(|Problem { place, what, right }| {
        let place: &dyn fmt::Display = match place {
            Place::File { line, column } => &format!("{}:{line}:{column}", path.display()),
            Place::Variable(name) => name,
        };
        format!("{place}: {what}\n    right would be: {right}")
    });
    told.collect::<Vec<_>>().join("\n")
}

/// The one of these that somebody who wrote `given` most likely meant.
pub(super) fn nearest<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let given = given.to_ascii_lowercase();
    let likeness = |name: &str| strsim::normalized_damerau_levenshtein(&given, &name.to_ascii_lowercase());
    known
        .into_iter()
        .map(|name| (likeness(name), name))
        .filter(|(likeness, _)| *likeness >= 0.6)
        .max_by(|one, other| one.0.total_cmp(&other.0))
        .map(|(_, name)| name)
}
