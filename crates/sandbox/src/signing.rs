//! The EHR's own key: RSA 2048, made at each start, for id_tokens in RS256.

use aws_lc_rs::{
    digest::{SHA256, digest},
    error::Unspecified,
    rand::SystemRandom,
    rsa::KeySize,
    signature::{KeyPair, RSA_PKCS1_SHA256, RsaKeyPair},
};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use serde_json::{Value, json};

/// The key that signs id_tokens.
pub(crate) struct SigningKey {
    pair: RsaKeyPair,
    kid: String,
}

impl SigningKey {
    pub(crate) fn generate() -> Result<Self, Unspecified> {
        let pair = RsaKeyPair::generate(KeySize::Rsa2048)?;
        // Epic's kid is the hash of the key in base64 with `+`, `/` and `=`,
        // which a client that expects base64url stumbles over.
        let kid = STANDARD.encode(digest(&SHA256, pair.public_key().as_ref()));
        Ok(Self { pair, kid })
    }

    /// The public key set.
    pub(crate) fn jwks(&self) -> Value {
        let public = self.pair.public_key();
        json!({"keys": [{
            "kty": "RSA",
            "use": "sig",
            "kid": self.kid,
            "n": URL_SAFE_NO_PAD.encode(public.modulus().big_endian_without_leading_zero()),
            "e": URL_SAFE_NO_PAD.encode(public.exponent().big_endian_without_leading_zero()),
        }]})
    }

    /// These claims as a signed JWT.
    pub(crate) fn sign(&self, claims: &Value) -> Result<String, Unspecified> {
        let header = json!({"alg": "RS256", "kid": self.kid, "typ": "JWT"});
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let message = format!("{}.{}", part(&header), part(claims));
        let mut signature = vec![0; self.pair.public_modulus_len()];
        self.pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message.as_bytes(), &mut signature)?;
        Ok(format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}
