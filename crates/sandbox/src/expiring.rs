use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};

/// What has been handed out under a secret, each with its end.
#[derive(Debug)]
pub(crate) struct Expiring<T> {
    entries: HashMap<String, (Timestamp, T)>,
}

impl<T> Default for Expiring<T> {
    fn default() -> Self {
        Self { entries: HashMap::new() }
    }
}

impl<T> Expiring<T> {
    /// Remembers a value for this long. What has run out is forgotten first.
    pub(crate) fn put(&mut self, now: Timestamp, lifetime: SignedDuration, secret: String, value: T) {
        self.entries.retain(|_, (expires, _)| *expires > now);
        self.entries.insert(secret, (now + lifetime, value));
    }

    /// The value, still there afterwards.
    pub(crate) fn get(&self, now: Timestamp, secret: &str) -> Option<&T> {
        self.entries.get(secret).filter(|(expires, _)| *expires > now).map(|(_, value)| value)
    }

    /// All secrets that are still good for something.
    pub(crate) fn secrets(&self, now: Timestamp) -> Vec<String> {
        let good = self.entries.iter().filter(|(_, (expires, _))| *expires > now);
        good.map(|(secret, _)| secret.clone()).collect()
    }

    /// The value, gone afterwards: single use.
    pub(crate) fn take(&mut self, now: Timestamp, secret: &str) -> Option<T> {
        self.entries.remove(secret).filter(|(expires, _)| *expires > now).map(|(_, value)| value)
    }
}
