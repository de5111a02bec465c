//! Wakes event streams when something happens in their visit, wherever the
//! word comes from.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use storage::Waker;
use tokio::sync::{broadcast::error::RecvError, watch};
use visit::VisitId;

type Bells = Mutex<HashMap<VisitId, watch::Sender<()>>>;

/// One bell for each visit that somebody watches: an event wakes the streams
/// of its visit and no others.
#[derive(Debug, Clone, Default)]
pub struct Hub {
    bells: Arc<Bells>,
}

impl Hub {
    /// A hub that rings when storage tells of a visit, until storage is gone.
    pub fn following(mut wakes: Waker) -> Self {
        let hub = Self::default();
        let follower = hub.clone();
        tokio::spawn(async move {
            loop {
                match wakes.recv().await {
                    Ok(visit) => follower.ring(&visit),
                    // Too many at once to tell which: everybody looks.
                    Err(RecvError::Lagged(_)) => follower.ring_all(),
                    Err(RecvError::Closed) => break,
                }
            }
        });
        hub
    }

    /// A receiver that changes when something happens in the visit.
    pub fn listen(&self, visit: &VisitId) -> watch::Receiver<()> {
        let mut bells = self.bells.lock().unwrap_or_else(PoisonError::into_inner);
        bells.entry(visit.clone()).or_insert_with(|| watch::channel(()).0).subscribe()
    }

    fn ring(&self, visit: &VisitId) {
        let mut bells = self.bells.lock().unwrap_or_else(PoisonError::into_inner);
        // A bell that nobody listens to is taken down.
        if bells.get(visit).is_some_and(|bell| bell.send(()).is_err()) {
            bells.remove(visit);
        }
    }

    fn ring_all(&self) {
        let mut bells = self.bells.lock().unwrap_or_else(PoisonError::into_inner);
        bells.retain(|_, bell| bell.send(()).is_ok());
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::broadcast;

    use super::*;

    fn visit(n: u8) -> VisitId {
        format!("{n:022}").parse().unwrap()
    }

    #[tokio::test]
    async fn only_the_visit_s_own_streams_wake() {
        let (tell, wakes) = broadcast::channel(8);
        let hub = Hub::following(wakes);
        let (mut mine, theirs) = (hub.listen(&visit(1)), hub.listen(&visit(2)));
        tell.send(visit(1)).unwrap();
        mine.changed().await.unwrap();
        assert!(!theirs.has_changed().unwrap());
    }

    #[tokio::test]
    async fn bells_that_nobody_hears_are_taken_down() {
        let hub = Hub::default();
        drop(hub.listen(&visit(1)));
        hub.ring(&visit(1));
        assert!(hub.bells.lock().unwrap().is_empty());
    }
}
