//! What a launch costs, and what a waiting room full of event streams costs.
//! Run by `cargo xtask bench`, which builds it as the program is built.

mod ehr;
mod figure;
mod house;
mod launches;
mod process;
mod streams;

use std::{path::PathBuf, process::ExitCode};

use anyhow::Result;
use clap::{Parser, Subcommand};

/// Measures Anteroom and prints its figures as lines of a table.
#[derive(Parser)]
struct Options {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// CPU time, memory and requests of launches.
    Launch {
        /// How many launches are measured.
        #[arg(long, default_value_t = 2000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
        launches: u32,
    },
    /// Memory and swiftness of event streams.
    Streams {
        /// How many patients wait.
        #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(10..=15_000))]
        streams: u32,
        /// How many of them are let in.
        #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=10_000))]
        admissions: u32,
    },
    /// Serves the streams: started by `streams`, ends with its standard input.
    #[command(hide = true)]
    Serve {
        /// Where the database is.
        dir: PathBuf,
    },
}

fn main() -> Result<ExitCode> {
    // As in production, except that nobody reads the lines.
    tracing_subscriber::fmt().json().with_writer(std::io::sink).init();
    match Options::parse().what {
        // One thread for handlers, so that the database's threads can be told from it.
        What::Launch { launches } => runtime(1)?.block_on(launches::measure(launches)),
        What::Streams { streams, admissions } => runtime(2)?.block_on(streams::measure(streams, admissions)),
        What::Serve { dir } => runtime(2)?.block_on(streams::serve(&dir)),
    }
}

fn runtime(threads: usize) -> Result<tokio::runtime::Runtime> {
    let mut builder = match threads {
        1 => tokio::runtime::Builder::new_current_thread(),
        _ => tokio::runtime::Builder::new_multi_thread(),
    };
    Ok(builder.worker_threads(threads).enable_all().build()?)
}
