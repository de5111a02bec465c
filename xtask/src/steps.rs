//! The steps of `cargo xtask test`, in the order in which a mistake is cheapest to find.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::str::FromStr;
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};

use crate::postgres::{self, Postgres};
use crate::summary::{self, Outcome, Tally};
use crate::{child, tools};

/// One kind of check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Format,
    Lint,
    Deny,
    Rust,
    Browser,
    Survival,
    Conformance,
}

impl Step {
    const ALL: [Self; 7] =
        [Self::Format, Self::Lint, Self::Deny, Self::Rust, Self::Browser, Self::Survival, Self::Conformance];

    fn name(self) -> &'static str {
        match self {
            Self::Format => "fmt",
            Self::Lint => "lint",
            Self::Deny => "deny",
            Self::Rust => "rust",
            Self::Browser => "browser",
            Self::Survival => "survival",
            Self::Conformance => "conformance",
        }
    }

    fn explanation(self) -> &'static str {
        match self {
            Self::Format => "the source is formatted",
            Self::Lint => "clippy has nothing to say",
            Self::Deny => "the dependencies are those that we allow",
            Self::Rust => "unit and integration tests",
            Self::Browser => "the whole path of a visit in real browsers",
            Self::Survival => "several nodes, and processes that are killed",
            Self::Conformance => "against servers and validators that others wrote",
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Step {
    type Err = anyhow::Error;

    fn from_str(name: &str) -> Result<Self> {
        let names = Self::ALL.map(Self::name).join(", ");
        let found = Self::ALL.into_iter().find(|step| step.name() == name);
        found.with_context(|| format!("no step is called {name}; there are {names}"))
    }
}

/// Which steps to run, and how thoroughly.
pub(crate) struct Selection {
    steps: Vec<Step>,
    databases: Databases,
}

#[derive(Clone, Copy)]
enum Databases {
    Both,
    SqliteOnly,
}

impl Selection {
    /// What CI runs.
    pub(crate) fn all() -> Self {
        Self::only(Step::ALL.to_vec())
    }

    /// What takes seconds once everything is compiled.
    pub(crate) fn fast() -> Self {
        Self { steps: vec![Step::Format, Step::Lint, Step::Rust], databases: Databases::SqliteOnly }
    }

    /// These steps, whole.
    pub(crate) fn only(steps: Vec<Step>) -> Self {
        Self { steps, databases: Databases::Both }
    }
}

/// Runs every selected step, also after one has failed, and sums up.
pub(crate) fn run(selection: &Selection) -> ExitCode {
    let mut bench = Bench { databases: selection.databases, postgres: None };
    let mut outcomes = Vec::new();
    for &step in &selection.steps {
        println!("\n== {step}: {}", step.explanation());
        let start = Instant::now();
        let tally = bench.run(step).unwrap_or_else(|error| {
            println!("{step}: {error:#}");
            Tally::ONE_FAILED
        });
        outcomes.push(Outcome { step, took: start.elapsed(), tally });
    }
    drop(bench);
    let sum = summary::print(&outcomes);
    if sum.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// What the steps share.
struct Bench {
    databases: Databases,
    postgres: Option<Postgres>,
}

impl Bench {
    fn run(&mut self, step: Step) -> Result<Tally> {
        match step {
            Step::Format => format(),
            Step::Lint => lint(),
            Step::Deny => deny(),
            Step::Rust => self.rust(),
            Step::Browser => self.browser(),
            Step::Survival => self.survival(),
            Step::Conformance => self.conformance(),
        }
    }

    fn rust(&mut self) -> Result<Tally> {
        build()?;
        let mut tests = cargo(["test", "--workspace", "--no-fail-fast"]);
        tests.env_remove(postgres::URL_VARIABLE);
        if let Some(url) = self.database_url()? {
            tests.env(postgres::URL_VARIABLE, url);
        }
        child::count(&mut tests, summary::cargo_counts)
    }

    fn browser(&mut self) -> Result<Tally> {
        build()?;
        let chromium = tools::chromium()?;
        let mut tests = self.node_tests(&["crates/web/assets/tests", "tests/e2e"])?;
        child::count(tests.env("CHROMIUM", chromium), summary::node_counts)
    }

    fn survival(&mut self) -> Result<Tally> {
        build()?;
        let guests = tools::target_dir().join("debug/examples/room_guests");
        let (chromium, postgres) = (tools::chromium()?, tools::postgres()?);
        let mut tests = self.node_tests(&["tests/survival"])?;
        tests.env("CHROMIUM", chromium).env("ANTEROOM_TEST_POSTGRES_BIN", postgres);
        child::count(tests.env("ANTEROOM_ROOM_GUESTS", fs::canonicalize(guests)?), summary::node_counts)
    }

    fn conformance(&mut self) -> Result<Tally> {
        build()?;
        let python = tools::python_packages()?;
        let mut tests = self.node_tests(&["tests/conformance"])?;
        child::count(tests.env("PYTHONPATH", fs::canonicalize(python)?), summary::node_counts)
    }

    /// Node's test runner on the tests in these folders, one file after the other: each drives whole programs, and
    /// expects them to answer in time.
    fn node_tests(&mut self, folders: &[&str]) -> Result<Command> {
        tools::node_packages()?;
        let mut node = Command::new("node");
        node.args(["--test", "--test-reporter=spec", "--test-concurrency=1"]);
        for folder in folders {
            node.args(test_files(folder)?);
        }
        node.env("ANTEROOM_BIN", fs::canonicalize(tools::target_dir().join("debug/anteroom"))?);
        if let Some(url) = self.database_url()? {
            node.env(postgres::URL_VARIABLE, url);
        }
        Ok(node)
    }

    /// The address of the throw-away server, started when first asked for.
    fn database_url(&mut self) -> Result<Option<String>> {
        match self.databases {
            Databases::SqliteOnly => Ok(None),
            Databases::Both => {
                let running = match self.postgres.take() {
                    Some(running) => running,
                    None => Postgres::start()?,
                };
                Ok(Some(self.postgres.insert(running).url()))
            }
        }
    }
}

fn format() -> Result<Tally> {
    if !child::works(cargo(["fmt", "--version"])) {
        println!("skipped: rustfmt is missing, `rustup component add rustfmt` brings it");
        return Ok(Tally::ONE_SKIPPED);
    }
    child::check(cargo(["fmt", "--all", "--check"]))
}

fn lint() -> Result<Tally> {
    if !child::works(cargo(["clippy", "--version"])) {
        println!("skipped: clippy is missing, `rustup component add clippy` brings it");
        return Ok(Tally::ONE_SKIPPED);
    }
    child::check(cargo(["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))
}

fn deny() -> Result<Tally> {
    child::check(Command::new(tools::cargo_deny()?).args(["check", "bans", "licenses", "sources"]))
}

/// Builds the program and the tests together: Cargo would choose other features for the program alone, and compile
/// half of the tree twice.
fn build() -> Result<()> {
    child::run(cargo(["build", "--workspace", "--bins", "--tests", "--examples"]))
}

fn cargo<const N: usize>(arguments: [&str; N]) -> Command {
    let mut cargo = Command::new("cargo");
    cargo.args(arguments);
    cargo
}

fn test_files(folder: &str) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| format!("cannot read {folder}"))?;
    let paths: Result<Vec<PathBuf>, _> = entries.map(|entry| entry.map(|entry| entry.path())).collect();
    let mut files = paths.with_context(|| format!("cannot read {folder}"))?;
    files.retain(|path| is_test(path));
    files.sort();
    ensure!(!files.is_empty(), "no test in {folder}");
    Ok(files)
}

fn is_test(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.ends_with(".test.mjs") || name.ends_with(".test.js")
}
