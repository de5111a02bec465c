//! Anteroom: the room before the video visit.
//!
//! This is the composition root. It reads the configuration, opens what the
//! other crates need, wires them and runs them until it is told to stop.

mod admin;
mod check;
mod cli;
mod compose;
mod config;
mod demo;
mod keys;
#[cfg(test)]
mod links_tests;
mod master_key;
mod outgoing;
mod private;
mod records;
mod registration;
mod serve;
mod simulated_ehr;
mod stop;
mod telemetry;
#[cfg(test)]
mod test_browser;

use std::process::ExitCode;

use clap::Parser;

use crate::cli::{Cli, Command};

fn main() -> ExitCode {
    let cli = Cli::parse();
    let outcome = telemetry::start_logging(&cli.log).and_then(|()| run(cli.command));
    match outcome {
        Ok(code) => code,
        Err(error) => {
            eprintln!("anteroom: {error:#}");
            ExitCode::FAILURE
        }
    }
}

#[tokio::main]
async fn run(command: Command) -> anyhow::Result<ExitCode> {
    outgoing::choose_cryptography();
    match command {
        Command::Serve(options) => serve::run(&options.config).await?,
        Command::Demo(options) => demo::run(&options).await?,
        Command::Sandbox(options) => simulated_ehr::run(&options).await?,
        Command::Check(options) => return check::run(&options.config).await,
        Command::Keys(command) => keys::run(&command)?,
        Command::Admin(command) => admin::run(&command).await?,
        Command::Audit(command) => records::audit(&command).await?,
        Command::Purge(options) => records::purge(&options).await?,
        Command::Registration(options) => registration::run(&options.config)?,
    }
    Ok(ExitCode::SUCCESS)
}
