//! What goes on while the program runs.

use std::{sync::Arc, time::Duration};

use jiff::SignedDuration;
use metrics_exporter_prometheus::PrometheusHandle;
use outside::Clock;
use storage::{Pending, Storage, StorageError, Visits};
use tokio::{sync::watch, time::MissedTickBehavior};

const KEEP_HOUSE_EVERY: Duration = Duration::from_mins(1);

/// A visit in which nothing has happened for this long is over, and one that
/// has been over for this long needs no names or tokens.
const FORGET_AFTER: SignedDuration = SignedDuration::from_hours(24);

/// Ends when the program stops.
pub(super) async fn until(mut stopping: watch::Receiver<bool>) {
    // A sender that is gone has stopped as well.
    let _ = stopping.wait_for(|stops| *stops).await;
}

/// Deletes what has expired, ends what was forgotten, forgets what is over.
pub(super) async fn keep_house(storage: Storage, clock: Arc<dyn Clock>, figures: Option<PrometheusHandle>) {
    let mut tick = tokio::time::interval(KEEP_HOUSE_EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        if let Err(error) = clean(&storage, &*clock).await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "what is over could not be deleted; tried again in a minute"
            );
        }
        // Durations gather until somebody looks; here somebody does.
        if let Some(figures) = &figures {
            figures.run_upkeep();
        }
    }
}

async fn clean(storage: &Storage, clock: &dyn Clock) -> Result<(), StorageError> {
    let now = clock.now();
    storage.sweep(now).await?;
    let forgotten = storage.forget_before(now - FORGET_AFTER).await?;
    if forgotten > 0 {
        tracing::info!(visits = forgotten, "visits ended for want of life, or names in them forgotten");
    }
    Ok(())
}
