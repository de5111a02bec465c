//! The clients' public keys, fetched from the address that each registered.

use std::{collections::HashMap, sync::Arc, time::Duration};

use http::header;
use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::{AlgorithmFamily, DecodingKey, jwk::Jwk};
use outside::{HttpClient, HttpError, Limits, Request, Response};
use serde::Deserialize;
use tokio::sync::Mutex;
use url::Url;

/// Epic's default and longest time to keep a key set.
const LONGEST_CACHE: SignedDuration = SignedDuration::from_hours(29);
/// Epic's limit of keys at one address.
const MOST_KEYS: usize = 100;
const LIMITS: Limits = Limits { deadline: Duration::from_secs(5), max_body: 256 << 10 };

/// Key sets by address, kept as long as their `Cache-Control` allows.
pub(crate) struct ClientKeys {
    http: Arc<dyn HttpClient>,
    cache: Mutex<HashMap<Url, KeySet>>,
}

#[derive(Debug, Clone)]
struct KeySet {
    keys: Vec<Jwk>,
    fresh_until: Timestamp,
}

/// Why no key was found.
#[derive(Debug, thiserror::Error)]
pub(super) enum KeyError {
    #[error("the key set cannot be fetched: {0}")]
    Fetch(#[from] HttpError),
    #[error("the key set's address answers {0}")]
    Status(http::StatusCode),
    #[error("the key set is no JSON Web Key Set")]
    Format,
    #[error("the key set publishes a private key; make a new key now")]
    Private,
    #[error("the key set holds more than {MOST_KEYS} keys")]
    TooMany,
    #[error("not exactly one key in the key set has the assertion's kid and key type")]
    NotOne,
}

impl ClientKeys {
    pub(crate) fn new(http: Arc<dyn HttpClient>) -> Self {
        Self { http, cache: Mutex::default() }
    }

    /// The one key with this id and family. A key set is asked for again once
    /// if the id is not among the remembered keys.
    pub(super) async fn find(
        &self,
        address: &Url,
        kid: &str,
        family: AlgorithmFamily,
        now: Timestamp,
    ) -> Result<DecodingKey, KeyError> {
        let mut cache = self.cache.lock().await;
        if let Some(known) = cache.get(address).filter(|known| known.fresh_until > now)
            && let Ok(key) = known.one(kid, family)
        {
            return Ok(key);
        }
        let fetched = KeySet::read(&self.http.send(Request::get(address.clone(), LIMITS)).await?, now)?;
        let key = fetched.one(kid, family);
        cache.insert(address.clone(), fetched);
        key
    }
}

impl KeySet {
    fn read(response: &Response, now: Timestamp) -> Result<Self, KeyError> {
        #[derive(Deserialize)]
        struct Document {
            keys: Vec<serde_json::Value>,
        }

        if !response.status.is_success() {
            return Err(KeyError::Status(response.status));
        }
        let document: Document = response.json().map_err(|_| KeyError::Format)?;
        if document.keys.len() > MOST_KEYS {
            return Err(KeyError::TooMany);
        }
        if document.keys.iter().any(|key| key.get("d").is_some()) {
            return Err(KeyError::Private);
        }
        // A key of a kind that nobody here understands is no reason to refuse the others.
        let keys = document.keys.into_iter().filter_map(|key| serde_json::from_value(key).ok()).collect();
        let lifetime = lifetime(response.header(&header::CACHE_CONTROL).unwrap_or_default());
        Ok(Self { keys, fresh_until: now + lifetime })
    }

    fn one(&self, kid: &str, family: AlgorithmFamily) -> Result<DecodingKey, KeyError> {
        let mut fitting = self
            .keys
            .iter()
            .filter(|key| key.common.key_id.as_deref() == Some(kid))
            .filter_map(|key| DecodingKey::from_jwk(key).ok())
            .filter(|key| key.family() == family);
        match (fitting.next(), fitting.next()) {
            (Some(key), None) => Ok(key),
            _ => Err(KeyError::NotOne),
        }
    }
}

fn lifetime(cache_control: &str) -> SignedDuration {
    let mut directives = cache_control.split(',').map(str::trim);
    let max_age = directives.clone().find_map(|directive| directive.strip_prefix("max-age="));
    if directives.any(|directive| directive == "no-store" || directive == "no-cache") {
        return SignedDuration::ZERO;
    }
    max_age
        .and_then(|seconds| seconds.parse().ok())
        .map_or(LONGEST_CACHE, |seconds| SignedDuration::from_secs(seconds).min(LONGEST_CACHE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_set_lives_as_long_as_it_says_but_no_longer_than_epic_keeps_one() {
        assert_eq!(lifetime("public, max-age=300"), SignedDuration::from_mins(5));
        assert_eq!(lifetime("max-age=999999"), LONGEST_CACHE);
        assert_eq!(lifetime("max-age=300, no-store"), SignedDuration::ZERO);
        assert_eq!(lifetime(""), LONGEST_CACHE);
    }
}
