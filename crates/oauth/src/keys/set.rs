use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{KeyError, SigningKey};
use crate::SigningAlgorithm;

/// A new key is published this long before it signs. Epic keeps key sets up
/// to 29 hours; our `Cache-Control` says one hour, but a proxy between may
/// drop it.
pub const PUBLISH_LEAD: SignedDuration = SignedDuration::from_hours(30);

/// A key stays published this long after the next one began to sign: the
/// life of its last assertion (5 minutes) many times over.
pub const RETIRED_FOR: SignedDuration = SignedDuration::from_hours(1);

/// What a receiver of our key set may keep it for; goes into
/// `Cache-Control: max-age`.
pub const JWKS_MAX_AGE: SignedDuration = SignedDuration::from_hours(1);

/// Where a key is in its life. Nothing moves it on but the time: the state is
/// read off the keys' dates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyState {
    /// Published, not signing before this time.
    Announced {
        /// When it begins to sign.
        signs_from: Timestamp,
    },
    /// Signing.
    Active,
    /// No longer signing, still published until this time.
    Retired {
        /// When it leaves the key set.
        published_until: Timestamp,
    },
    /// No longer published; deleted at the next rotation.
    Expired,
}

/// One key as `anteroom keys list` shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyInfo {
    /// Its RFC 7638 thumbprint.
    pub kid: String,
    /// What it signs with.
    pub algorithm: SigningAlgorithm,
    /// When it was published first.
    pub created_at: Timestamp,
    /// Where it is in its life.
    pub state: KeyState,
}

/// The signing keys of one EHR connection, of both algorithms.
#[derive(Debug, Default)]
pub struct KeySet {
    keys: Vec<SigningKey>,
}

impl KeySet {
    pub(crate) fn new(mut keys: Vec<SigningKey>) -> Self {
        keys.sort_by_key(|key| (key.algorithm(), key.signs_from));
        Self { keys }
    }

    /// A first set: one key of each algorithm, signing at once, as nobody
    /// knows an older one.
    pub(crate) fn generate(now: Timestamp) -> Result<Self, KeyError> {
        let keys = SigningAlgorithm::ALL.map(|algorithm| SigningKey::generate(algorithm, now, now));
        Ok(Self::new(keys.into_iter().collect::<Result<_, _>>()?))
    }

    pub(crate) fn keys(&self) -> &[SigningKey] {
        &self.keys
    }

    /// The key that signs now. Where none is due, because the clock went back
    /// behind the making of the first key, that one signs all the same.
    pub fn signing_key(&self, algorithm: SigningAlgorithm, now: Timestamp) -> Result<&SigningKey, KeyError> {
        let mut keys = self.keys.iter().filter(|key| key.algorithm() == algorithm);
        let due = keys.clone().rfind(|key| key.signs_from <= now);
        due.or_else(|| keys.next()).ok_or(KeyError::Missing(algorithm.as_str()))
    }

    /// The public key set: what signs, what will, and what lately did.
    pub fn jwks(&self, now: Timestamp) -> Value {
        let published = self.keys.iter().filter(|key| self.state(key, now) != KeyState::Expired);
        json!({ "keys": published.map(SigningKey::public_jwk).collect::<Vec<_>>() })
    }

    /// Every key and its state.
    pub fn list(&self, now: Timestamp) -> Vec<KeyInfo> {
        let info = |key: &SigningKey| KeyInfo {
            kid: key.kid().to_owned(),
            algorithm: key.algorithm(),
            created_at: key.created_at,
            state: self.state(key, now),
        };
        self.keys.iter().map(info).collect()
    }

    /// Announces a new key of each algorithm that has none announced, and
    /// forgets the expired ones.
    pub(crate) fn rotated(self, now: Timestamp) -> Result<Self, KeyError> {
        let announced =
            |algorithm| self.keys.iter().any(|key| key.algorithm() == algorithm && key.signs_from > now);
        let new = SigningAlgorithm::ALL
            .into_iter()
            .filter(|algorithm| !announced(*algorithm))
            .map(|algorithm| SigningKey::generate(algorithm, now, now + PUBLISH_LEAD))
            .collect::<Result<Vec<_>, _>>()?;
        let expired: Vec<bool> =
            self.keys.iter().map(|key| self.state(key, now) == KeyState::Expired).collect();
        let kept = self.keys.into_iter().zip(expired).filter_map(|(key, expired)| (!expired).then_some(key));
        Ok(Self::new(kept.chain(new).collect()))
    }

    fn state(&self, key: &SigningKey, now: Timestamp) -> KeyState {
        if key.signs_from > now {
            return KeyState::Announced { signs_from: key.signs_from };
        }
        let successor = self
            .keys
            .iter()
            .filter(|other| other.algorithm() == key.algorithm())
            .map(|other| other.signs_from)
            .find(|from| *from > key.signs_from && *from <= now);
        match successor.map(|signs_from| signs_from + RETIRED_FOR) {
            None => KeyState::Active,
            Some(published_until) if now < published_until => KeyState::Retired { published_until },
            Some(_) => KeyState::Expired,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::now;

    fn states(set: &KeySet, now: Timestamp) -> String {
        let word = |info: KeyInfo| match info.state {
            KeyState::Announced { .. } => "announced",
            KeyState::Active => "active",
            KeyState::Retired { .. } => "retired",
            KeyState::Expired => "expired",
        };
        let ec = set.list(now).into_iter().filter(|info| info.algorithm == SigningAlgorithm::ES384);
        ec.map(word).collect::<Vec<_>>().join(" ")
    }

    fn published(set: &KeySet, now: Timestamp) -> usize {
        set.jwks(now)["keys"].as_array().unwrap().len()
    }

    #[test]
    fn a_key_is_announced_then_active_then_retired_then_gone() {
        let begin = now();
        let set = KeySet::generate(begin).unwrap();
        let first = set.signing_key(SigningAlgorithm::ES384, begin).unwrap().kid().to_owned();
        assert_eq!((states(&set, begin).as_str(), published(&set, begin)), ("active", 2));

        let set = set.rotated(begin).unwrap();
        let signs = |set: &KeySet, at| set.signing_key(SigningAlgorithm::ES384, at).unwrap().kid().to_owned();
        assert_eq!((states(&set, begin).as_str(), published(&set, begin)), ("active announced", 4));
        let almost = begin + PUBLISH_LEAD - SignedDuration::from_secs(1);
        assert_eq!(signs(&set, almost), first);

        let due = begin + PUBLISH_LEAD;
        assert_eq!((states(&set, due).as_str(), published(&set, due)), ("retired active", 4));
        assert_ne!(signs(&set, due), first);

        let gone = due + RETIRED_FOR;
        assert_eq!((states(&set, gone).as_str(), published(&set, gone)), ("expired active", 2));
        let set = set.rotated(gone).unwrap();
        assert_eq!(states(&set, gone), "active announced");
    }

    #[test]
    fn a_clock_that_goes_back_stops_no_launch() {
        let set = KeySet::generate(now()).unwrap();
        assert!(set.signing_key(SigningAlgorithm::ES384, now() - SignedDuration::from_hours(1)).is_ok());
    }

    #[test]
    fn rotating_twice_announces_once() {
        let set = KeySet::generate(now()).unwrap().rotated(now()).unwrap();
        let later = now() + SignedDuration::from_hours(1);
        assert_eq!(published(&set.rotated(later).unwrap(), later), 4);
    }

    #[test]
    fn the_key_set_is_public() {
        let set = KeySet::generate(now()).unwrap();
        for key in set.jwks(now())["keys"].as_array().unwrap() {
            let mut members: Vec<_> = key.as_object().unwrap().keys().map(String::as_str).collect();
            members.sort_unstable();
            let expected = match key["kty"].as_str().unwrap() {
                "EC" => "alg crv kid kty use x y",
                _ => "alg e kid kty n use",
            };
            assert_eq!(members.join(" "), expected);
        }
    }
}
