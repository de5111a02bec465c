//! What goes on while the program runs.

use std::{sync::Arc, time::Duration};

use jiff::SignedDuration;
use metrics_exporter_prometheus::PrometheusHandle;
use outside::Clock;
use storage::{Deleted, Housekeeping, Pending, Retention, Storage, StorageError, Visits};
use tokio::{
    sync::watch,
    time::{Interval, MissedTickBehavior},
};

/// A visit in which nothing has happened for this long is over, and one that
/// has been over for this long needs no names or tokens.
const FORGET_AFTER: SignedDuration = SignedDuration::from_hours(24);

/// Ends when the program stops.
pub(super) async fn until(mut stopping: watch::Receiver<bool>) {
    // A sender that is gone has stopped as well.
    let _ = stopping.wait_for(|stops| *stops).await;
}

/// Deletes what has expired, ends what was forgotten, forgets who was there.
pub(super) async fn keep_house(storage: Storage, clock: Arc<dyn Clock>, figures: Option<PrometheusHandle>) {
    let mut minutes = every(Duration::from_mins(1));
    loop {
        minutes.tick().await;
        if let Err(error) = clean(&storage, &*clock).await {
            not_done(&error);
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

/// Deletes what has been over for weeks.
pub(super) async fn delete_old(storage: Storage, clock: Arc<dyn Clock>) {
    let mut hours = every(Duration::from_hours(1));
    loop {
        hours.tick().await;
        match storage.delete_old(&Retention::default(), clock.now()).await {
            Ok(deleted) if deleted != Deleted::default() => {
                tracing::info!(visits = deleted.visits, notices = deleted.notices, "what is old was deleted");
            }
            Ok(_) => {}
            Err(error) => not_done(&error),
        }
    }
}

fn every(period: Duration) -> Interval {
    let mut interval = tokio::time::interval(period);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    interval
}

fn not_done(error: &StorageError) {
    let error = error as &dyn std::error::Error;
    tracing::warn!(error, "what is over could not be deleted; tried again soon");
}
