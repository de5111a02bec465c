//! Wakes event streams when something happens in their visit, wherever the
//! word comes from.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use storage::Waker;
use tokio::sync::{broadcast::error::RecvError, watch};
use visit::{SeatId, VisitId};

type Bells = Mutex<HashMap<VisitId, watch::Sender<()>>>;
type Streams = Mutex<HashMap<SeatId, usize>>;

/// Event streams of one seat at once on one node: a few tabs, and what a
/// browser has not yet noticed to be dead.
const STREAMS_OF_A_SEAT: usize = 6;

/// One bell for each visit that somebody watches: an event wakes the streams
/// of its visit and no others.
#[derive(Debug, Clone, Default)]
pub struct Hub {
    bells: Arc<Bells>,
    streams: Arc<Streams>,
}

/// The right to one event stream, given back when it is dropped.
#[derive(Debug)]
pub struct StreamPlace {
    seat: SeatId,
    streams: Arc<Streams>,
}

impl Drop for StreamPlace {
    fn drop(&mut self) {
        let mut streams = self.streams.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = streams.get_mut(&self.seat) {
            *count -= 1;
            if *count == 0 {
                streams.remove(&self.seat);
            }
        }
    }
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

    /// A place for one more event stream of this seat, if it has not too many.
    pub fn place_for(&self, seat: &SeatId) -> Option<StreamPlace> {
        let mut streams = self.streams.lock().unwrap_or_else(PoisonError::into_inner);
        let count = streams.entry(seat.clone()).or_default();
        if *count >= STREAMS_OF_A_SEAT {
            return None;
        }
        *count += 1;
        Some(StreamPlace { seat: seat.clone(), streams: Arc::clone(&self.streams) })
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

    #[test]
    fn a_seat_has_a_few_streams_and_gets_their_places_back() {
        let hub = Hub::default();
        let seat = "s".repeat(22).parse().unwrap();
        let places: Vec<_> = (0..STREAMS_OF_A_SEAT).map(|_| hub.place_for(&seat).unwrap()).collect();
        assert!(hub.place_for(&seat).is_none());
        drop(places);
        assert!(hub.place_for(&seat).is_some());
        assert!(hub.streams.lock().unwrap().is_empty());
    }

    #[tokio::test]
    async fn bells_that_nobody_hears_are_taken_down() {
        let hub = Hub::default();
        drop(hub.listen(&visit(1)));
        hub.ring(&visit(1));
        assert!(hub.bells.lock().unwrap().is_empty());
    }
}
