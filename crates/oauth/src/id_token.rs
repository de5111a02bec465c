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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::testing::{FORGER, ISSUER, TRUSTED, any_json, now};

    fn keys(jwks: &[Value]) -> VerificationKeys {
        let Value::Object(document) = json!({ "keys": jwks }) else { unreachable!() };
        VerificationKeys::read(&document).unwrap()
    }

    fn trusted_keys() -> VerificationKeys {
        let jwk = |algorithm: &str| TRUSTED.jwk(algorithm, &json!({ "kid": algorithm, "use": "sig" }));
        keys(&[jwk("RS256"), jwk("RS384"), jwk("ES256"), jwk("ES384")])
    }

    fn claims() -> Value {
        let now = now().as_second();
        json!({
            "iss": ISSUER, "sub": "eb3d", "aud": "provider-client", "iat": now, "exp": now + 300,
            "nonce": "a-nonce", "fhirUser": "https://fhir.example.org/api/FHIR/R4/Practitioner/eb3d",
        })
    }

    fn changed(name: &str, value: Value) -> Value {
        let mut claims = claims();
        claims[name] = value;
        claims
    }

    fn without(name: &str) -> Value {
        let mut claims = claims();
        claims.as_object_mut().unwrap().remove(name);
        claims
    }

    fn verified(token: &str, keys: &VerificationKeys) -> Result<VerifiedClaims, IdTokenFault> {
        let client = "provider-client".parse().unwrap();
        let expected = Expected { issuer: ISSUER, client: &client, nonce: "a-nonce", now: now() };
        verify(token, keys, &expected)
    }

    fn fault(claims: &Value) -> Option<IdTokenFault> {
        let token = TRUSTED.sign(&json!({ "alg": "RS256", "kid": "RS256" }), claims);
        verified(&token, &trusted_keys()).err()
    }

    fn fault_of_header(header: &Value, keys: &VerificationKeys) -> Option<IdTokenFault> {
        verified(&TRUSTED.sign(header, &claims()), keys).err()
    }

    #[test]
    fn each_algorithm_of_the_list_is_verified() {
        for algorithm in ["RS256", "RS384", "ES256", "ES384"] {
            let header = json!({ "alg": algorithm, "kid": algorithm });
            let claims = verified(&TRUSTED.sign(&header, &claims()), &trusted_keys()).unwrap();
            assert_eq!(claims.sub, "eb3d");
        }
    }

    #[test]
    fn what_nobody_signed_is_refused() {
        for algorithm in ["none", "None", "HS256", "PS256", "EdDSA", ""] {
            let header = json!({ "alg": algorithm, "kid": "RS256" });
            assert_eq!(
                fault_of_header(&header, &trusted_keys()),
                Some(IdTokenFault::Algorithm),
                "{algorithm}"
            );
        }
        for algorithm in ["RS256", "ES384"] {
            let forged = FORGER.sign(&json!({ "alg": algorithm, "kid": algorithm }), &claims());
            assert_eq!(verified(&forged, &trusted_keys()).err(), Some(IdTokenFault::Signature));
        }
        // The payload of one token under the signature of another.
        let header = json!({ "alg": "RS256", "kid": "RS256" });
        let mine = TRUSTED.sign(&header, &claims());
        let theirs = TRUSTED.sign(&header, &changed("sub", json!("other")));
        let mixed = format!("{}.{}", theirs.rsplit_once('.').unwrap().0, mine.rsplit_once('.').unwrap().1);
        assert_eq!(verified(&mixed, &trusted_keys()).err(), Some(IdTokenFault::Signature));
        let unsigned = format!("{}.", mine.rsplit_once('.').unwrap().0);
        assert_eq!(verified(&unsigned, &trusted_keys()).err(), Some(IdTokenFault::Signature));
    }

    #[test]
    fn a_key_is_used_only_for_what_it_is() {
        // Named by kid, but of the other kind.
        let header = json!({ "alg": "ES256", "kid": "RS256" });
        assert_eq!(fault_of_header(&header, &trusted_keys()), Some(IdTokenFault::UnknownKey));
        let header = json!({ "alg": "RS256", "kid": "k" });
        for (more, accepted) in [
            (json!({ "kid": "k" }), true),
            (json!({ "kid": "k", "alg": "RS256", "use": "sig", "key_ops": ["verify"] }), true),
            (json!({ "kid": "k", "alg": "RS384" }), false),
            (json!({ "kid": "k", "use": "enc" }), false),
            (json!({ "kid": "k", "key_ops": ["encrypt"] }), false),
            (json!({ "kid": "k", "kty": "EC" }), false),
            (json!({ "kid": "other" }), false),
        ] {
            let fault = fault_of_header(&header, &keys(&[TRUSTED.jwk("RS256", &more)]));
            assert_eq!(fault, (!accepted).then_some(IdTokenFault::UnknownKey), "{more}");
        }
    }

    #[test]
    fn a_short_rsa_key_is_no_key() {
        let short = json!({ "kty": "RSA", "kid": "k", "n": "AQAB".repeat(32), "e": "AQAB" });
        assert_eq!(keys(&[short]).len(), 0);
    }

    #[test]
    fn without_a_kid_exactly_one_key_must_fit() {
        let header = json!({ "alg": "RS256" });
        let one = TRUSTED.jwk("RS256", &json!({ "kid": "one" }));
        let enc = FORGER.jwk("RS256", &json!({ "kid": "two", "use": "enc" }));
        let ec = TRUSTED.jwk("ES384", &json!({}));
        assert_eq!(fault_of_header(&header, &keys(&[enc, ec, one.clone()])), None);
        let second = FORGER.jwk("RS256", &json!({ "kid": "two" }));
        assert_eq!(fault_of_header(&header, &keys(&[one, second])), Some(IdTokenFault::AmbiguousKey));
        assert_eq!(fault_of_header(&header, &keys(&[])), Some(IdTokenFault::UnknownKey));
    }

    #[test]
    fn one_odd_key_does_not_lose_the_others() {
        let odd = [json!({}), json!(7), json!({ "kty": "OKP" }), json!({ "kty": "RSA", "n": "!", "e": "" })];
        let mut all = odd.to_vec();
        all.push(TRUSTED.jwk("RS256", &json!({ "kid": "k" })));
        assert_eq!(fault_of_header(&json!({ "alg": "RS256", "kid": "k" }), &keys(&all)), None);
    }

    #[test]
    fn an_extension_that_must_be_understood_is_not() {
        let header = json!({ "alg": "RS256", "kid": "RS256", "crit": ["exp"] });
        assert_eq!(fault_of_header(&header, &trusted_keys()), Some(IdTokenFault::Malformed));
    }

    #[test]
    fn each_claim_is_checked() {
        use IdTokenFault::{Audience, Expired, Future, Issuer, Malformed, Nonce};
        let now = now().as_second();
        for (claims, expected) in [
            (claims(), None),
            (changed("iss", json!("https://fhir.example.org/api/FHIR/R4")), Some(Issuer)),
            (changed("iss", json!(format!("{ISSUER}/"))), Some(Issuer)),
            (without("iss"), Some(Malformed)),
            (changed("aud", json!(["provider-client"])), None),
            (changed("aud", json!("another")), Some(Audience)),
            (changed("aud", json!([])), Some(Audience)),
            (changed("aud", json!(["provider-client", "another"])), Some(Audience)),
            (changed("azp", json!("provider-client")), None),
            (changed("azp", json!("another")), Some(Audience)),
            (without("aud"), Some(Malformed)),
            (changed("exp", json!(now - 59)), None),
            (changed("exp", json!(now - 60)), Some(Expired)),
            (without("exp"), Some(Malformed)),
            (changed("iat", json!(now + 60)), None),
            (changed("iat", json!(now + 61)), Some(Future)),
            (without("iat"), Some(Malformed)),
            (changed("nbf", json!(now + 61)), Some(Future)),
            (changed("nonce", json!("another")), Some(Nonce)),
            (without("nonce"), Some(Nonce)),
            (without("sub"), Some(Malformed)),
        ] {
            assert_eq!(fault(&claims), expected, "{claims}");
        }
        let mut several = changed("aud", json!(["another", "provider-client"]));
        several["azp"] = json!("provider-client");
        assert_eq!(fault(&several), None);
    }

    proptest! {
        #[test]
        fn any_text_is_judged(token in "[A-Za-z0-9_.=-]{0,120}") {
            prop_assert!(verified(&token, &trusted_keys()).is_err());
        }

        #[test]
        fn any_header_and_claims_are_judged(header in any_json(), claims in any_json()) {
            let encode = |part: &Value| URL_SAFE_NO_PAD.encode(part.to_string());
            let token = format!("{}.{}.c2ln", encode(&header), encode(&claims));
            prop_assert!(verified(&token, &trusted_keys()).is_err());
        }

        #[test]
        fn any_key_set_is_read(document in any_json()) {
            if let Value::Object(document) = document {
                let _ = VerificationKeys::read(&document);
            }
        }
    }
}
