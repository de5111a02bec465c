use std::sync::Arc;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;
use serde_json::{Map, Value};

/// What an id_token may be signed with. `none` and the HMAC family cannot be
/// said in this type (RFC 8725 3.1, 3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(crate) enum IdTokenAlgorithm {
    RS256,
    RS384,
    ES256,
    ES384,
}

impl IdTokenAlgorithm {
    fn as_str(self) -> &'static str {
        match self {
            Self::RS256 => "RS256",
            Self::RS384 => "RS384",
            Self::ES256 => "ES256",
            Self::ES384 => "ES384",
        }
    }

    pub(crate) fn jose(self) -> Algorithm {
        match self {
            Self::RS256 => Algorithm::RS256,
            Self::RS384 => Algorithm::RS384,
            Self::ES256 => Algorithm::ES256,
            Self::ES384 => Algorithm::ES384,
        }
    }
}

/// The keys of one issuer that may verify id_tokens, parsed once.
#[derive(Debug, Clone, Default)]
pub(crate) struct VerificationKeys(Arc<[VerificationKey]>);

#[derive(Debug)]
struct VerificationKey {
    kid: Option<String>,
    shape: Shape,
    /// Where the key says what it is for, only that.
    algorithm: Option<String>,
    key: DecodingKey,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    Rsa,
    P256,
    P384,
}

/// Why no key was chosen.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum NoKey {
    /// None has this kid and fits the algorithm.
    Unknown,
    /// The token names none, and several fit.
    Several,
}

/// A key set with more keys is cut. Epic's limit is 100.
const MOST_KEYS: usize = 100;

impl VerificationKeys {
    /// Reads a key set (RFC 7517 5). Keys that are for encryption, of another
    /// kind, or broken are passed over, as the RFC says.
    pub(crate) fn read(document: &Map<String, Value>) -> Result<Self, &'static str> {
        let Some(Value::Array(keys)) = document.get("keys") else { return Err("it has no array of keys") };
        Ok(Self(keys.iter().take(MOST_KEYS).filter_map(VerificationKey::read).collect()))
    }

    /// The key for a token's header. Without a `kid` the key must be the only
    /// one that fits.
    pub(crate) fn choose(
        &self,
        algorithm: IdTokenAlgorithm,
        kid: Option<&str>,
    ) -> Result<&DecodingKey, NoKey> {
        let mut fitting = self.0.iter().filter(|key| key.fits(algorithm));
        if let Some(kid) = kid {
            let named = fitting.find(|key| key.kid.as_deref() == Some(kid));
            return named.map(|key| &key.key).ok_or(NoKey::Unknown);
        }
        match (fitting.next(), fitting.next()) {
            (Some(only), None) => Ok(&only.key),
            (None, _) => Err(NoKey::Unknown),
            _ => Err(NoKey::Several),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

impl VerificationKey {
    fn read(jwk: &Value) -> Option<Self> {
        let text = |name: &str| jwk.get(name).and_then(Value::as_str);
        if text("use").is_some_and(|usage| usage != "sig") {
            return None;
        }
        let verifies = |operations: &Vec<Value>| operations.iter().any(|operation| operation == "verify");
        if jwk.get("key_ops").and_then(Value::as_array).is_some_and(|operations| !verifies(operations)) {
            return None;
        }
        let (shape, key) = match (text("kty")?, text("crv")) {
            ("RSA", _) => (Shape::Rsa, rsa(text("n")?, text("e")?)?),
            ("EC", Some("P-256")) => (Shape::P256, ec(text("x")?, text("y")?, 32)?),
            ("EC", Some("P-384")) => (Shape::P384, ec(text("x")?, text("y")?, 48)?),
            _ => return None,
        };
        let owned = |name| text(name).map(str::to_owned);
        Some(Self { kid: owned("kid"), shape, algorithm: owned("alg"), key })
    }

    fn fits(&self, algorithm: IdTokenAlgorithm) -> bool {
        let shape = match algorithm {
            IdTokenAlgorithm::RS256 | IdTokenAlgorithm::RS384 => Shape::Rsa,
            IdTokenAlgorithm::ES256 => Shape::P256,
            IdTokenAlgorithm::ES384 => Shape::P384,
        };
        let stated = self.algorithm.as_deref();
        self.shape == shape && stated.is_none_or(|stated| stated == algorithm.as_str())
    }
}

/// At least 2048 bits (RFC 7518 3.3).
fn rsa(n: &str, e: &str) -> Option<DecodingKey> {
    let modulus = URL_SAFE_NO_PAD.decode(n.trim_end_matches('=')).ok()?;
    let exponent = URL_SAFE_NO_PAD.decode(e.trim_end_matches('=')).ok()?;
    let significant = modulus.iter().skip_while(|byte| **byte == 0).count();
    (significant >= 256).then(|| DecodingKey::from_rsa_raw_components(&modulus, &exponent))
}

/// Coordinates of exactly the curve's length (RFC 7518 6.2.1.2).
fn ec(x: &str, y: &str, bytes: usize) -> Option<DecodingKey> {
    let fits = |part: &str| URL_SAFE_NO_PAD.decode(part).is_ok_and(|part| part.len() == bytes);
    if fits(x) && fits(y) { DecodingKey::from_ec_components(x, y).ok() } else { None }
}
