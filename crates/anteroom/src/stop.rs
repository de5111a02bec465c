//! When to stop.

use anyhow::Context;
use tokio::signal::unix::{SignalKind, signal};

/// SIGINT (Ctrl+C) and SIGTERM, caught from now on.
pub(crate) fn requested() -> anyhow::Result<impl Future<Output = ()>> {
    let catch = |kind| signal(kind).context("signals cannot be caught");
    let (mut interrupt, mut terminate) = (catch(SignalKind::interrupt())?, catch(SignalKind::terminate())?);
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}
