//! Logs and figures of this process.

use std::io::{self, IsTerminal};

use anyhow::Context;
use clap::{Args, ValueEnum};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::{EnvFilter, Layer, layer::SubscriberExt, util::SubscriberInitExt};

/// How to log.
#[derive(Debug, Args)]
pub(crate) struct LogOptions {
    /// What to log: a level, or levels by module, as "info,oauth=debug".
    // str0m warns of every browser's codec numbers, which is no trouble.
    #[arg(
        long = "log",
        env = "ANTEROOM_LOG",
        default_value = "info,str0m=error",
        global = true,
        value_name = "FILTER"
    )]
    filter: String,
    /// How log lines look; "auto" is text on a terminal and JSON elsewhere.
    #[arg(long, env = "ANTEROOM_LOG_FORMAT", default_value = "auto", global = true, value_name = "FORMAT")]
    log_format: LogFormat,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum LogFormat {
    Auto,
    Text,
    Json,
}

/// Logs to standard error from now on.
pub(crate) fn start_logging(options: &LogOptions) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(&options.filter).with_context(|| {
        format!("{:?} is no log filter; try \"info\" or \"info,oauth=debug\"", options.filter)
    })?;
    let on_terminal = io::stderr().is_terminal();
    let as_json = match options.log_format {
        LogFormat::Auto => !on_terminal,
        LogFormat::Text => false,
        LogFormat::Json => true,
    };
    let lines = tracing_subscriber::fmt::layer().with_writer(io::stderr);
    let lines = if as_json {
        lines.json().flatten_event(true).with_span_list(false).boxed()
    } else {
        lines.with_ansi(on_terminal).boxed()
    };
    tracing_subscriber::registry().with(filter).with(lines).try_init().context("logging was started before")
}

/// Upper bounds of the buckets of durations, in seconds.
const SECONDS: [f64; 11] = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];

/// Counts from now on; the handle renders what was counted.
pub(crate) fn start_counting() -> anyhow::Result<PrometheusHandle> {
    let recorder = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)
        .context("the buckets of durations")?
        .build_recorder();
    let handle = recorder.handle();
    metrics::set_global_recorder(recorder).context("counting was started before")?;
    Ok(handle)
}
