//! Everything that a contributor or CI runs: `cargo xtask test` and what it needs.

mod bench;
mod child;
mod postgres;
mod steps;
mod summary;
mod tools;

use std::env;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};

use postgres::Postgres;
use steps::{Selection, Step};

const USAGE: &str = "\
Usage: cargo xtask COMMAND

  test [--fast] [--only STEP,...]  run every check, or those named: fmt lint deny rust browser survival
                                   conformance;
                                   --fast: fmt, lint and rust, with storage tests on SQLite only
  bench [--only PART,...] [--quick]
                                   measure all, or those named: launch streams first-frame room build, in a
                                   release build; --quick: less often and without a cold build,
                                   to see that it works
  postgres -- COMMAND...           run a command beside a throw-away PostgreSQL; its address is in
                                   ANTEROOM_TEST_DATABASE_URL";

fn main() -> ExitCode {
    run().unwrap_or_else(|error| {
        eprintln!("xtask: {error:#}");
        ExitCode::FAILURE
    })
}

fn run() -> Result<ExitCode> {
    let root = workspace_root()?;
    env::set_current_dir(&root).with_context(|| format!("cannot enter {}", root.display()))?;

    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["test", options @ ..] => Ok(steps::run(&selection(options)?)),
        ["bench", options @ ..] => bench::run(&benchmarks(options)?),
        ["postgres", "--", program, rest @ ..] => beside_postgres(program, rest),
        ["help" | "--help" | "-h"] => {
            println!("{USAGE}");
            Ok(ExitCode::SUCCESS)
        }
        _ => bail!("not understood\n\n{USAGE}"),
    }
}

/// Cargo says where this package lies; the workspace is one above it.
fn workspace_root() -> Result<PathBuf> {
    let package = env::var_os("CARGO_MANIFEST_DIR").context("start me as `cargo xtask`")?;
    let package = PathBuf::from(package);
    Ok(package.parent().context("the package has no workspace above it")?.to_owned())
}

fn selection(options: &[&str]) -> Result<Selection> {
    match options {
        [] => Ok(Selection::all()),
        ["--fast"] => Ok(Selection::fast()),
        ["--only", names] => {
            let steps: Result<Vec<Step>> = names.split(',').map(str::parse).collect();
            Ok(Selection::only(steps?))
        }
        _ => bail!("not understood: {}\n\n{USAGE}", options.join(" ")),
    }
}

fn benchmarks(options: &[&str]) -> Result<bench::Selection> {
    let selection = bench::Selection::read(options)?;
    selection.with_context(|| format!("not understood: {}\n\n{USAGE}", options.join(" ")))
}

fn beside_postgres(program: &str, arguments: &[&str]) -> Result<ExitCode> {
    let postgres = Postgres::start()?;
    let status = Command::new(program)
        .args(arguments)
        .env(postgres::URL_VARIABLE, postgres.url())
        .status()
        .with_context(|| format!("cannot start {program}"))?;
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
}
