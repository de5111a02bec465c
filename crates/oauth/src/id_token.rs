use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::Timestamp;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

use crate::{
    ClientId,
    jwks::{IdTokenAlgorithm, NoKey, VerificationKeys},
};

/// How far the EHR's clock may be off, in seconds.
const LEEWAY: i64 = 60;

/// Which check an id_token failed (OpenID Connect Core 3.1.3.7, RFC 8725).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IdTokenFault {
    /// It is no compact JWS, or its JSON is broken.
    #[error("it is no signed JWT")]
    Malformed,
    /// Not RS256, RS384, ES256 or ES384: `none` and HS* never.
    #[error("its algorithm is not allowed")]
    Algorithm,
    /// The issuer's key set has no such key, not even fetched anew.
    #[error("the issuer has no such key")]
    UnknownKey,
    /// It names no key and several fit.
    #[error("it names no key and several fit")]
    AmbiguousKey,
    /// The signature is not by that key.
    #[error("its signature is wrong")]
    Signature,
    /// `iss` is not the discovered issuer.
    #[error("its issuer is another")]
    Issuer,
    /// `aud` or `azp` is not this client.
    #[error("it is for another client")]
    Audience,
    /// `exp` has passed.
    #[error("it has expired")]
    Expired,
    /// `iat` or `nbf` lies ahead.
    #[error("it comes from the future")]
    Future,
    /// `nonce` is not this launch's.
    #[error("it belongs to another launch")]
    Nonce,
}

/// What an id_token must be.
pub(crate) struct Expected<'a> {
    pub(crate) issuer: &'a str,
    pub(crate) client: &'a ClientId,
    pub(crate) nonce: &'a str,
    pub(crate) now: Timestamp,
}

/// What a verified id_token says of the user.
#[derive(Debug, Deserialize)]
pub(crate) struct VerifiedClaims {
    pub(crate) sub: String,
    #[serde(rename = "fhirUser")]
    pub(crate) fhir_user: Option<String>,
    pub(crate) preferred_username: Option<String>,
}

#[derive(Deserialize)]
struct Header {
    alg: Value,
    kid: Option<String>,
    /// Extensions that must be understood (RFC 7515 4.1.11); we know none.
    crit: Option<Value>,
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    aud: Audience,
    azp: Option<String>,
    // Whole seconds at Epic; RFC 7519 allows fractions.
    exp: f64,
    iat: f64,
    nbf: Option<f64>,
    nonce: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

/// Checks signature and claims of an id_token.
pub(crate) fn verify(
    token: &str,
    keys: &VerificationKeys,
    expected: &Expected<'_>,
) -> Result<VerifiedClaims, IdTokenFault> {
    let (signed, signature) = token.rsplit_once('.').ok_or(IdTokenFault::Malformed)?;
    let (header, payload) = signed.split_once('.').ok_or(IdTokenFault::Malformed)?;
    let header: Header = part(header)?;
    if header.crit.is_some() {
        return Err(IdTokenFault::Malformed);
    }
    let algorithm: IdTokenAlgorithm =
        serde_json::from_value(header.alg).map_err(|_| IdTokenFault::Algorithm)?;
    let key = keys.choose(algorithm, header.kid.as_deref()).map_err(|no_key| match no_key {
        NoKey::Unknown => IdTokenFault::UnknownKey,
        NoKey::Several => IdTokenFault::AmbiguousKey,
    })?;
    match jsonwebtoken::crypto::verify(signature, signed.as_bytes(), key, algorithm.jose()) {
        Ok(true) => {}
        Ok(false) | Err(_) => return Err(IdTokenFault::Signature),
    }
    check(&part(payload)?, expected)?;
    part(payload)
}

fn part<T: DeserializeOwned>(encoded: &str) -> Result<T, IdTokenFault> {
    let json = URL_SAFE_NO_PAD.decode(encoded).map_err(|_| IdTokenFault::Malformed)?;
    serde_json::from_slice(&json).map_err(|_| IdTokenFault::Malformed)
}

#[expect(clippy::cast_precision_loss, reason = "seconds of this age are exact in an f64")]
fn check(claims: &Claims, expected: &Expected<'_>) -> Result<(), IdTokenFault> {
    if claims.iss != expected.issuer {
        return Err(IdTokenFault::Issuer);
    }
    check_audience(claims, expected.client.as_str())?;
    let now = expected.now.as_second();
    let (earliest, latest) = ((now - LEEWAY) as f64, (now + LEEWAY) as f64);
    if claims.exp <= earliest {
        return Err(IdTokenFault::Expired);
    }
    if claims.iat > latest || claims.nbf.is_some_and(|nbf| nbf > latest) {
        return Err(IdTokenFault::Future);
    }
    if claims.nonce.as_deref() != Some(expected.nonce) {
        return Err(IdTokenFault::Nonce);
    }
    Ok(())
}

/// For us alone, or for several with us as the authorized party.
fn check_audience(claims: &Claims, client: &str) -> Result<(), IdTokenFault> {
    let (is_for_us, only_us) = match &claims.aud {
        Audience::One(one) => (one == client, true),
        Audience::Many(many) => (many.iter().any(|one| one == client), many.len() == 1),
    };
    let authorized = match claims.azp.as_deref() {
        Some(azp) => azp == client,
        None => only_us,
    };
    if is_for_us && authorized { Ok(()) } else { Err(IdTokenFault::Audience) }
}
