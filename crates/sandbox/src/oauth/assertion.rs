//! Private-key JWT (RFC 7523, SMART App Launch 2.2) with Epic's limits.

use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::{Algorithm, AlgorithmFamily, Header, Validation, decode, decode_header};
use serde::Deserialize;

use super::client_keys::KeyError;
use crate::{config::Client, ehr::Ehr};

/// Of an assertion, at receipt.
const LONGEST_LIFE: i64 = 300;
const LONGEST_JTI: usize = 151;

#[derive(Debug, Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: String,
    exp: i64,
    jti: String,
    iat: Option<i64>,
    nbf: Option<i64>,
}

/// Why a client is not who it says. All are `invalid_client`; the text helps
/// the one who develops it.
#[derive(Debug, thiserror::Error)]
pub(super) enum AssertionError {
    #[error("client_assertion is no JWT")]
    NotAJwt,
    #[error("alg is neither ES384 nor RS384")]
    Algorithm,
    #[error("typ is not JWT")]
    Type,
    #[error("kid is missing")]
    NoKid,
    #[error("jku is not the registered key set address")]
    Jku,
    #[error("the claims cannot be read: {0}")]
    Claims(#[source] jsonwebtoken::errors::Error),
    #[error("iss is no registered client")]
    UnknownClient,
    #[error("sub is not the same as iss")]
    Subject,
    #[error("aud is not the token endpoint")]
    Audience,
    #[error("exp has passed")]
    Expired,
    #[error("exp is more than five minutes ahead")]
    TooLong,
    #[error("iat or nbf lies in the future")]
    Early,
    #[error("more than five minutes lie between iat or nbf and exp")]
    Span,
    #[error("jti is empty or longer than {LONGEST_JTI} characters")]
    Jti,
    #[error("jti was used before")]
    Replayed,
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error("the signature is wrong")]
    Signature,
}

/// The client that signed this assertion, which from now on is used up.
pub(super) async fn authenticate(ehr: &Ehr, assertion: &str) -> Result<Client, AssertionError> {
    let header = decode_header(assertion).map_err(|_| AssertionError::NotAJwt)?;
    let claims: Claims =
        jsonwebtoken::dangerous::insecure_decode_claims(assertion).map_err(AssertionError::Claims)?;
    let client = ehr
        .app()
        .clients
        .into_iter()
        .find(|client| client.id == claims.iss)
        .ok_or(AssertionError::UnknownClient)?;
    let (family, kid) = check_header(&header, &client)?;

    let now = ehr.now();
    check_claims(&claims, &ehr.urls.token(), now)?;

    let key = ehr.client_keys.find(&client.jwks_url, kid, family, now).await?;
    decode::<serde_json::Value>(assertion, &key, &signature_only(header.alg))
        .map_err(|_| AssertionError::Signature)?;

    // Only a true assertion uses its jti up; otherwise anybody could spoil it.
    let used = format!("{} {}", client.id, claims.jti);
    let mut grants = ehr.grants();
    if grants.assertions.get(now, &used).is_some() {
        return Err(AssertionError::Replayed);
    }
    grants.assertions.put(now, SignedDuration::from_secs(LONGEST_LIFE), used, ());
    Ok(client)
}

fn check_header<'h>(
    header: &'h Header,
    client: &Client,
) -> Result<(AlgorithmFamily, &'h str), AssertionError> {
    let family = match header.alg {
        Algorithm::ES384 => AlgorithmFamily::Ec,
        Algorithm::RS384 => AlgorithmFamily::Rsa,
        _ => return Err(AssertionError::Algorithm),
    };
    if header.typ.as_deref() != Some("JWT") {
        return Err(AssertionError::Type);
    }
    if header.jku.as_deref().is_some_and(|jku| jku != client.jwks_url.as_str()) {
        return Err(AssertionError::Jku);
    }
    let kid = header.kid.as_deref().ok_or(AssertionError::NoKid)?;
    Ok((family, kid))
}

fn check_claims(claims: &Claims, token_endpoint: &str, now: Timestamp) -> Result<(), AssertionError> {
    let now = now.as_second();
    let starts = [claims.iat, claims.nbf];
    let mut starts = starts.iter().flatten();
    if claims.sub != claims.iss {
        return Err(AssertionError::Subject);
    }
    if claims.aud != token_endpoint {
        return Err(AssertionError::Audience);
    }
    if claims.exp <= now {
        return Err(AssertionError::Expired);
    }
    if claims.exp.saturating_sub(now) > LONGEST_LIFE {
        return Err(AssertionError::TooLong);
    }
    if starts.clone().any(|&start| start > now) {
        return Err(AssertionError::Early);
    }
    if starts.any(|start| claims.exp.saturating_sub(*start) > LONGEST_LIFE) {
        return Err(AssertionError::Span);
    }
    if claims.jti.is_empty() || claims.jti.chars().count() > LONGEST_JTI {
        return Err(AssertionError::Jti);
    }
    Ok(())
}

/// The claims are checked against the EHR's own clock, so the library, which
/// would ask the machine's, looks at the signature only.
fn signature_only(algorithm: Algorithm) -> Validation {
    let mut validation = Validation::new(algorithm);
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_aud = false;
    validation
}
