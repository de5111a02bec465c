//! Running other programs.

use std::borrow::BorrowMut;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::summary::Tally;

/// Runs a program that is one check by itself: it passes or fails.
pub(crate) fn check(mut command: impl BorrowMut<Command>) -> Result<Tally> {
    let command = command.borrow_mut();
    let status = command.status().with_context(|| format!("cannot start {}", name(command)))?;
    Ok(if status.success() { Tally::ONE_PASSED } else { Tally::ONE_FAILED })
}

/// Runs a program whose success is only a step on the way.
pub(crate) fn run(mut command: impl BorrowMut<Command>) -> Result<()> {
    let command = command.borrow_mut();
    let status = command.status().with_context(|| format!("cannot start {}", name(command)))?;
    if !status.success() {
        bail!("{} failed ({status})", name(command));
    }
    Ok(())
}

/// Runs a test runner, shows what it prints and adds up the counts found in its lines.
pub(crate) fn count(mut command: impl BorrowMut<Command>, counts: fn(&str) -> Tally) -> Result<Tally> {
    let command = command.borrow_mut();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start {}", name(command)))?;
    let output = child.stdout.take().context("the output is piped")?;

    let mut tally = Tally::default();
    for line in BufReader::new(output).lines() {
        let line = line?;
        println!("{line}");
        tally += counts(&line);
    }

    // A runner that did not get as far as its tests has no failed test to show for it.
    if !child.wait()?.success() && tally.failed == 0 {
        tally += Tally::ONE_FAILED;
    }
    Ok(tally)
}

/// Whether a program is there and answers this question.
pub(crate) fn works(mut command: impl BorrowMut<Command>) -> bool {
    let command = command.borrow_mut();
    command.stdin(Stdio::null()).output().is_ok_and(|output| output.status.success())
}

/// What a program prints, without the line end.
pub(crate) fn output(mut command: impl BorrowMut<Command>) -> Result<String> {
    let command = command.borrow_mut();
    let output = command.output().with_context(|| format!("cannot start {}", name(command)))?;
    if !output.status.success() {
        bail!("{} failed ({})", name(command), output.status);
    }
    Ok(String::from_utf8(output.stdout)?.trim_end().to_owned())
}

fn name(command: &Command) -> String {
    command.get_program().to_string_lossy().into_owned()
}
