//! Who signs id_tokens: the EHR's issuer, or somebody who would like to be.

use std::sync::LazyLock;

use aws_lc_rs::{
    hmac,
    rand::SystemRandom,
    rsa::{KeySize, PublicKeyComponents},
    signature::{KeyPair, RSA_PKCS1_SHA256, RsaKeyPair},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

/// The EHR's issuer.
pub(crate) static TRUSTED: LazyLock<Signer> = LazyLock::new(Signer::new);
/// Somebody else.
pub(crate) static FORGER: LazyLock<Signer> = LazyLock::new(Signer::new);

pub(crate) struct Signer(RsaKeyPair);

impl Signer {
    fn new() -> Self {
        Self(RsaKeyPair::generate(KeySize::Rsa2048).unwrap())
    }

    /// The public key under this `kid`.
    pub(crate) fn jwk(&self, kid: &str) -> Value {
        let public = self.public();
        json!({ "kty": "RSA", "kid": kid, "use": "sig", "alg": "RS256", "n": encode(&public.n), "e": encode(&public.e) })
    }

    /// A compact JWS, signed as its header says.
    pub(crate) fn sign(&self, header: &Value, claims: &Value) -> String {
        let signed = format!("{}.{}", encode(header.to_string()), encode(claims.to_string()));
        let message = signed.as_bytes();
        let signature = match header["alg"].as_str().unwrap() {
            "RS256" => {
                let mut signature = vec![0; self.0.public_modulus_len()];
                self.0.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature).unwrap();
                signature
            }
            // With what everybody knows: the public key.
            "HS256" => {
                hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &self.public().n), message).as_ref().to_vec()
            }
            _ => Vec::new(),
        };
        format!("{signed}.{}", encode(signature))
    }

    fn public(&self) -> PublicKeyComponents<Vec<u8>> {
        self.0.public_key().into()
    }
}

fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
