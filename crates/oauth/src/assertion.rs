use jiff::{SignedDuration, Timestamp};
use outside::{Random, RandomExt};
use serde_json::json;

use crate::{ClientId, KeyError, SigningKey};

/// `client_assertion_type` (RFC 7523 2.2).
pub(crate) const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// Dated back and ended early, so that a server whose clock is off by half a
/// minute sees neither the future nor more than the five minutes that SMART
/// and Epic allow.
const DATED_BACK: SignedDuration = SignedDuration::from_secs(30);
const LIFETIME: SignedDuration = SignedDuration::from_secs(240);

/// Who we are to a token endpoint: a signed statement that serves once
/// (SMART App Launch 2.2, asymmetric client authentication).
///
/// `jti` is 256 random bits as text of 43 characters; Epic takes at most 151.
pub(crate) fn client_assertion(
    key: &SigningKey,
    client: &ClientId,
    audience: &str,
    random: &dyn Random,
    now: Timestamp,
) -> Result<String, KeyError> {
    let issued = (now - DATED_BACK).as_second();
    key.sign_jwt(&json!({
        "iss": client.as_str(),
        "sub": client.as_str(),
        "aud": audience,
        "jti": random.token::<32>(),
        "iat": issued,
        "nbf": issued,
        "exp": (now + LIFETIME).as_second(),
    }))
}

#[cfg(test)]
mod tests {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, jwk::Jwk};
    use outside::testing::TestRandom;
    use serde_json::Value;

    use super::*;
    use crate::{
        KeySet, SigningAlgorithm,
        testing::{TOKEN_ENDPOINT, now},
    };

    fn assertion(set: &KeySet, algorithm: SigningAlgorithm) -> String {
        let key = set.signing_key(algorithm, now()).unwrap();
        let client = "provider-client".parse().unwrap();
        client_assertion(key, &client, TOKEN_ENDPOINT, &TestRandom::seeded(7), now()).unwrap()
    }

    fn part(token: &str, index: usize) -> Value {
        let part = token.split('.').nth(index).unwrap();
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
    }

    #[test]
    fn header_and_claims() {
        let token = assertion(&KeySet::generate(now()).unwrap(), SigningAlgorithm::ES384);
        let mut header = part(&token, 0);
        assert_eq!(header["kid"].as_str().unwrap().len(), 43);
        header["kid"] = "[thumbprint]".into();
        insta::assert_json_snapshot!(header, @r#"
        {
          "alg": "ES384",
          "kid": "[thumbprint]",
          "typ": "JWT"
        }
        "#);
        insta::assert_json_snapshot!(part(&token, 1), @r#"
        {
          "aud": "https://fhir.example.org/oauth2/token",
          "exp": 1795291440,
          "iat": 1795291170,
          "iss": "provider-client",
          "jti": "FN8XeyMwrhLXDTJZ5OHLYxxmPPTXPEwEAiqxuoBAmOY",
          "nbf": 1795291170,
          "sub": "provider-client"
        }
        "#);
    }

    /// Another implementation accepts signature, key set and thumbprint.
    #[test]
    fn jsonwebtoken_agrees() {
        let set = KeySet::generate(now()).unwrap();
        for (ours, theirs) in
            [(SigningAlgorithm::ES384, Algorithm::ES384), (SigningAlgorithm::RS384, Algorithm::RS384)]
        {
            let key = set.signing_key(ours, now()).unwrap();
            let jwk: Jwk = serde_json::from_value(key.public_jwk().clone()).unwrap();
            assert_eq!(jwk.thumbprint(jsonwebtoken::jwk::ThumbprintHash::SHA256).unwrap(), key.kid());
            let mut validation = Validation::new(theirs);
            validation.validate_exp = false;
            validation.set_audience(&[TOKEN_ENDPOINT]);
            let verified =
                decode::<Value>(assertion(&set, ours), &DecodingKey::from_jwk(&jwk).unwrap(), &validation);
            assert_eq!(verified.unwrap().header.kid.as_deref(), Some(key.kid()));
        }
    }
}
