//! `cargo xtask bench`: measures, and prints each figure beside what is required of it, as lines of Markdown tables.
//! Traffic stays on this machine, and each part ends by itself within some minutes.

use std::fmt::Display;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::str::FromStr;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use crate::{child, tools};

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Launch,
    Streams,
    FirstFrame,
    Room,
    Build,
}

impl Part {
    const ALL: [Self; 5] = [Self::Launch, Self::Streams, Self::FirstFrame, Self::Room, Self::Build];

    fn name(self) -> &'static str {
        match self {
            Self::Launch => "launch",
            Self::Streams => "streams",
            Self::FirstFrame => "first-frame",
            Self::Room => "room",
            Self::Build => "build",
        }
    }

    fn title(self) -> &'static str {
        match self {
            Self::Launch => "A launch",
            Self::Streams => "Waiting event streams",
            Self::FirstFrame => "The first picture",
            Self::Room => "The room: visits of two at 1 Mbit/s",
            Self::Build => "Build and start",
        }
    }
}

impl FromStr for Part {
    type Err = anyhow::Error;

    fn from_str(name: &str) -> Result<Self> {
        let names = Self::ALL.map(Self::name).join(", ");
        let found = Self::ALL.into_iter().find(|part| part.name() == name);
        found.with_context(|| format!("no benchmark is called {name}; there are {names}"))
    }
}

/// Which parts to run, and how thoroughly.
pub(crate) struct Selection {
    parts: Vec<Part>,
    quick: bool,
}

impl Selection {
    /// Reads `[--only PART,...] [--quick]`; `None` where it says something else.
    pub(crate) fn read(options: &[&str]) -> Result<Option<Self>> {
        let (quick, options) = match options {
            [rest @ .., "--quick"] | ["--quick", rest @ ..] => (true, rest),
            _ => (false, options),
        };
        let parts = match options {
            [] => Part::ALL.to_vec(),
            ["--only", names] => names.split(',').map(str::parse).collect::<Result<_>>()?,
            _ => return Ok(None),
        };
        Ok(Some(Self { parts, quick }))
    }

    /// The full count, or a smaller one that shows that all works.
    fn count(&self, full: u32, quick: u32) -> String {
        if self.quick { quick } else { full }.to_string()
    }
}

/// Measures, and fails if something could not be measured or is not as required.
pub(crate) fn run(selection: &Selection) -> Result<ExitCode> {
    build_release()?;
    describe_machine()?;
    let mut missed = Vec::new();
    for part in &selection.parts {
        println!("\n### {}\n", part.title());
        if let Err(error) = measure(*part, selection) {
            println!("\n{}: {error:#}", part.name());
            missed.push(part.name());
        }
    }
    if missed.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    println!("\nNot as required: {}", missed.join(", "));
    Ok(ExitCode::FAILURE)
}

fn measure(part: Part, selection: &Selection) -> Result<()> {
    match part {
        Part::Launch => {
            table_head();
            let own = child::run(bench("launch").args(["--launches", &selection.count(2000, 200)]));
            let whole = child::run(node("memory.mjs", &release("anteroom"))?.arg(selection.count(100, 20)));
            own.and(whole)
        }
        Part::Streams => {
            table_head();
            let (streams, admissions) = (selection.count(10_000, 1000), selection.count(500, 50));
            child::run(bench("streams").args(["--streams", &streams, "--admissions", &admissions]))
        }
        Part::FirstFrame => {
            table_head();
            let mut script = node("first-frame.mjs", &release("anteroom"))?;
            child::run(script.env("CHROMIUM", tools::chromium()?).arg(selection.count(20, 5)))
        }
        Part::Room => {
            // It prints a table of its own.
            println!("```text");
            let seconds = selection.count(10, 3);
            let outcome = child::run(Command::new(release("examples/room_load")).args([
                "--rooms",
                "1,10,30",
                "--seconds",
                &seconds,
            ]));
            println!("```");
            outcome
        }
        Part::Build => {
            table_head();
            if !selection.quick {
                cold_build()?;
            }
            child::run(
                node("start.mjs", &release("anteroom"))?.args(["release build", &selection.count(5, 1)]),
            )
        }
    }
}

/// From nothing to the program, as `cargo build` on a fresh machine, and again after a change; then starts what was
/// built. The packages are fetched before.
fn cold_build() -> Result<()> {
    child::run(Command::new("cargo").args(["fetch", "--locked", "--quiet"]))?;
    let fresh = Fresh::new(tools::target_dir().join("bench-cold"));
    note("Cold `cargo build` (packages fetched)", build_in(&fresh.0)?);
    note("`cargo build` with nothing changed", build_in(&fresh.0)?);
    child::run(Command::new("touch").arg("crates/web/src/lib.rs"))?;
    note("`cargo build` after a change of `crates/web/src/lib.rs`", build_in(&fresh.0)?);
    child::run(node("start.mjs", &fresh.0.join("debug/anteroom"))?.args(["dev build", "5"]))
}

/// A target folder that is empty at first and gone afterwards.
struct Fresh(PathBuf);

impl Fresh {
    fn new(folder: PathBuf) -> Self {
        let fresh = Self(folder);
        // A run that was killed has left its own.
        fresh.remove();
        fresh
    }

    fn remove(&self) {
        // One that is not there need not go.
        let _ = fs::remove_dir_all(&self.0);
    }
}

impl Drop for Fresh {
    fn drop(&mut self) {
        self.remove();
    }
}

/// How long a build takes, and how much CPU time: the latter is the same on a busy machine.
fn build_in(target: &Path) -> Result<String> {
    let (start, before) = (Instant::now(), cpu_of_children()?);
    child::run(Command::new("cargo").args(["build", "--locked", "--quiet"]).env("CARGO_TARGET_DIR", target))?;
    let cpu = cpu_of_children()?.saturating_sub(before);
    Ok(format!("{:.1} s ({:.0} s of CPU)", start.elapsed().as_secs_f64(), cpu.as_secs_f64()))
}

/// CPU time of the processes that we started and waited for, and of theirs (proc(5): fields 16 and 17 of `stat`, in
/// clock ticks, of which Linux has 100 a second).
fn cpu_of_children() -> Result<Duration> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    let (_, after_name) = stat.rsplit_once(')').context("stat has no name")?;
    let mut fields = after_name.split_whitespace().skip(13);
    let mut ticks = || -> Result<u64> { Ok(fields.next().context("stat is short")?.parse()?) };
    Ok(Duration::from_millis((ticks()? + ticks()?) * 10))
}

/// Builds all that is measured together, so that Cargo chooses features once.
fn build_release() -> Result<()> {
    child::run(Command::new("cargo").args(["build", "--release", "--bins", "--example", "room_load"]).args([
        "--package",
        "anteroom",
        "--package",
        "bench",
        "--package",
        "media",
    ]))
}

fn describe_machine() -> Result<()> {
    let cpus = fs::read_to_string("/proc/cpuinfo").context("the figures come from Linux's /proc")?;
    let value = |line: &str| line.split_once(':').map_or("", |(_, value)| value.trim()).to_owned();
    let model = cpus.lines().find(|line| line.starts_with("model name")).map_or_else(String::new, value);
    let count = cpus.lines().filter(|line| line.starts_with("processor")).count();
    let memory = fs::read_to_string("/proc/meminfo")?;
    let memory = memory.lines().next().map_or_else(String::new, value);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease")?;
    let rustc = child::output(Command::new("rustc").arg("--version"))?;
    let commit =
        child::output(Command::new("git").args(["rev-parse", "--short", "HEAD"])).unwrap_or_default();
    println!("{count} × {model}, {memory}, Linux {}, {rustc}, commit {commit}", kernel.trim());
    Ok(())
}

/// The Rust benchmarks, allowed as many files as the system lets us have.
fn bench(what: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", r#"ulimit -n "$(ulimit -Hn)" && exec "$@""#, "sh"]).arg(release("bench")).arg(what);
    command
}

/// A script of `tests/bench` that drives this build of the program.
fn node(script: &str, program: &Path) -> Result<Command> {
    tools::node_packages()?;
    let mut command = Command::new("node");
    let program = fs::canonicalize(program).with_context(|| format!("{} is missing", program.display()))?;
    command.arg(Path::new("tests/bench").join(script)).env("ANTEROOM_BIN", program);
    Ok(command)
}

fn release(file: &str) -> PathBuf {
    tools::target_dir().join("release").join(file)
}

fn table_head() {
    println!("| what | required | measured | |\n|---|---|---|---|");
}

fn note(what: impl Display, measured: impl Display) {
    println!("| {what} | – | {measured} | |");
}
