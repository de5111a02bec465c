use std::{
    collections::HashMap,
    future::Future,
    sync::{Arc, Mutex, PoisonError},
};

use jiff::{SignedDuration, Timestamp};
use outside::Clock;

use crate::LaunchError;

/// A failure is remembered this long, so that a crowd at a broken EHR costs
/// it one request and gets its answer at once.
pub(crate) const FAILURE_LIFETIME: SignedDuration = SignedDuration::from_secs(5);

type Slot<V> = Arc<tokio::sync::Mutex<Option<Remembered<V>>>>;

/// Remembers what was fetched, fetches once for all who wait, and remembers
/// failures for some seconds.
pub(crate) struct SharedCache<V> {
    clock: Arc<dyn Clock>,
    slots: Mutex<HashMap<String, Slot<V>>>,
}

struct Remembered<V> {
    outcome: Result<V, LaunchError>,
    since: Timestamp,
    until: Timestamp,
}

/// A fetched value and how long it may be used.
pub(crate) type Fetched<V> = Result<(V, SignedDuration), LaunchError>;

impl<V: Clone> SharedCache<V> {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, slots: Mutex::default() }
    }

    /// What is remembered under this key, or what `fetch` brings.
    pub(crate) async fn get(
        &self,
        key: &str,
        fetch: impl Future<Output = Fetched<V>>,
    ) -> Result<V, LaunchError> {
        self.get_if(key, |_| true, fetch).await
    }

    /// Like [`get`](Self::get), but what was fetched longer than `age` ago is
    /// fetched anew.
    pub(crate) async fn get_younger_than(
        &self,
        age: SignedDuration,
        key: &str,
        fetch: impl Future<Output = Fetched<V>>,
    ) -> Result<V, LaunchError> {
        let now = self.clock.now();
        self.get_if(key, |since| now.duration_since(since) < age, fetch).await
    }

    async fn get_if(
        &self,
        key: &str,
        young_enough: impl Fn(Timestamp) -> bool,
        fetch: impl Future<Output = Fetched<V>>,
    ) -> Result<V, LaunchError> {
        let slot = self.slot(key);
        // Whoever holds the lock fetches; the others wait here and find the
        // outcome. If the fetching caller goes away, the next one fetches.
        let mut remembered = slot.lock().await;
        if let Some(known) = remembered.as_ref()
            && self.clock.now() < known.until
            && young_enough(known.since)
        {
            return known.outcome.clone();
        }
        let fetched = fetch.await;
        let since = self.clock.now();
        let (outcome, lifetime) = match fetched {
            Ok((value, lifetime)) => (Ok(value), lifetime),
            Err(error) => (Err(error), FAILURE_LIFETIME),
        };
        match remembered.as_mut() {
            // A renewal that fails takes nothing away that is still good.
            Some(known) if outcome.is_err() && known.outcome.is_ok() && since < known.until => {
                known.since = since;
            }
            _ => {
                let until = since.checked_add(lifetime).unwrap_or(Timestamp::MAX);
                *remembered = Some(Remembered { outcome: outcome.clone(), since, until });
            }
        }
        outcome
    }

    /// Forgets the value under this key if it is the one that is meant.
    pub(crate) async fn forget_if(&self, key: &str, is_meant: impl FnOnce(&V) -> bool) {
        let slot = self.slot(key);
        let mut remembered = slot.lock().await;
        if remembered.as_ref().and_then(|known| known.outcome.as_ref().ok()).is_some_and(is_meant) {
            *remembered = None;
        }
    }

    fn slot(&self, key: &str) -> Slot<V> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(slots.entry(key.to_owned()).or_default())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use outside::testing::TestClock;

    use super::*;

    struct Source {
        clock: TestClock,
        cache: SharedCache<u32>,
        asked: AtomicU32,
    }

    impl Source {
        fn new() -> Self {
            let clock = TestClock::at("2026-11-21T20:00:00Z");
            Self { cache: SharedCache::new(Arc::new(clock.clone())), clock, asked: AtomicU32::new(0) }
        }

        async fn fetch(&self, works: bool) -> Fetched<u32> {
            let count = self.asked.fetch_add(1, Ordering::Relaxed) + 1;
            tokio::task::yield_now().await;
            if works { Ok((count, SignedDuration::from_mins(60))) } else { Err(LaunchError::UnknownIss) }
        }
    }

    #[tokio::test]
    async fn many_waiters_ask_once() {
        let source = Source::new();
        let waiters = (0..50).map(|_| source.cache.get("k", source.fetch(true)));
        let answers = futures_util::future::join_all(waiters).await;
        assert!(answers.into_iter().all(|answer| answer.unwrap() == 1));
        assert_eq!(source.cache.get("other", source.fetch(true)).await.unwrap(), 2);
    }

    #[tokio::test]
    async fn a_value_lives_its_time_and_a_failure_five_seconds() {
        let source = Source::new();
        assert!(source.cache.get("k", source.fetch(false)).await.is_err());
        source.clock.advance(SignedDuration::from_secs(4));
        assert!(source.cache.get("k", source.fetch(true)).await.is_err());
        source.clock.advance(SignedDuration::from_secs(1));
        assert_eq!(source.cache.get("k", source.fetch(true)).await.unwrap(), 2);
        source.clock.advance(SignedDuration::from_mins(59));
        assert_eq!(source.cache.get("k", source.fetch(true)).await.unwrap(), 2);
        source.clock.advance(SignedDuration::from_mins(1));
        assert_eq!(source.cache.get("k", source.fetch(true)).await.unwrap(), 3);
    }

    #[tokio::test]
    async fn the_impatient_get_a_younger_value() {
        let source = Source::new();
        source.cache.get("k", source.fetch(true)).await.unwrap();
        let age = SignedDuration::from_secs(30);
        assert_eq!(source.cache.get_younger_than(age, "k", source.fetch(true)).await.unwrap(), 1);
        source.clock.advance(age);
        assert_eq!(source.cache.get_younger_than(age, "k", source.fetch(true)).await.unwrap(), 2);
    }

    #[tokio::test]
    async fn a_failed_renewal_takes_nothing_away() {
        let source = Source::new();
        source.cache.get("k", source.fetch(true)).await.unwrap();
        let age = SignedDuration::from_secs(30);
        source.clock.advance(age);
        assert!(source.cache.get_younger_than(age, "k", source.fetch(false)).await.is_err());
        assert_eq!(source.cache.get("k", source.fetch(true)).await.unwrap(), 1);
        assert_eq!(source.cache.get_younger_than(age, "k", source.fetch(true)).await.unwrap(), 1, "rests");
    }

    #[tokio::test]
    async fn a_caller_who_goes_away_leaves_no_hole() {
        let source = Source::new();
        {
            let gone = source.cache.get("k", source.fetch(true));
            let mut gone = std::pin::pin!(gone);
            assert!(futures_util::poll!(gone.as_mut()).is_pending());
        }
        assert_eq!(source.cache.get("k", source.fetch(true)).await.unwrap(), 2);
    }
}
