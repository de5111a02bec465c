use std::fmt;

use aws_lc_rs::{
    digest,
    encoding::{AsDer, Pkcs8V1Der},
    rand::SystemRandom,
    rsa::{KeySize, PublicKeyComponents},
    signature::{ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, KeyPair, RSA_PKCS1_SHA384, RsaKeyPair},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::Timestamp;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::KeyError;
use crate::SigningAlgorithm;

/// One private key with its public half, parsed once. Keys and signature
/// nonces come from aws-lc's own generator.
pub struct SigningKey {
    kid: String,
    pair: Pair,
    jwk: Value,
    /// When it was published first.
    pub(crate) created_at: Timestamp,
    /// When it begins to sign.
    pub(crate) signs_from: Timestamp,
}

enum Pair {
    Ec(EcdsaKeyPair),
    Rsa(RsaKeyPair),
}

impl SigningKey {
    /// A new key: P-384, or RSA with 2048 bits, which every EHR takes.
    pub(crate) fn generate(
        algorithm: SigningAlgorithm,
        created_at: Timestamp,
        signs_from: Timestamp,
    ) -> Result<Self, KeyError> {
        let pair = match algorithm {
            SigningAlgorithm::ES384 => EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).map(Pair::Ec),
            SigningAlgorithm::RS384 => RsaKeyPair::generate(KeySize::Rsa2048).map(Pair::Rsa),
        };
        Ok(Self::from_pair(pair.map_err(|_| KeyError::Generate)?, created_at, signs_from))
    }

    /// A key as it was stored.
    pub(crate) fn from_pkcs8(
        algorithm: SigningAlgorithm,
        pkcs8: &[u8],
        created_at: Timestamp,
        signs_from: Timestamp,
    ) -> Option<Self> {
        let pair = match algorithm {
            SigningAlgorithm::ES384 => {
                EcdsaKeyPair::from_pkcs8(&ECDSA_P384_SHA384_FIXED_SIGNING, pkcs8).map(Pair::Ec)
            }
            SigningAlgorithm::RS384 => RsaKeyPair::from_pkcs8(pkcs8).map(Pair::Rsa),
        };
        Some(Self::from_pair(pair.ok()?, created_at, signs_from))
    }

    fn from_pair(pair: Pair, created_at: Timestamp, signs_from: Timestamp) -> Self {
        let (kid, jwk) = public_jwk(&pair);
        Self { kid, pair, jwk, created_at, signs_from }
    }

    /// The RFC 7638 thumbprint.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// What it signs with.
    pub fn algorithm(&self) -> SigningAlgorithm {
        match self.pair {
            Pair::Ec(_) => SigningAlgorithm::ES384,
            Pair::Rsa(_) => SigningAlgorithm::RS384,
        }
    }

    /// The public half (RFC 7517) with `kid`, `use` and `alg`.
    pub fn public_jwk(&self) -> &Value {
        &self.jwk
    }

    /// The private half as PKCS#8.
    pub(crate) fn to_pkcs8(&self) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        let document = |bytes: &[u8]| Zeroizing::new(bytes.to_vec());
        match &self.pair {
            Pair::Ec(pair) => pair.to_pkcs8v1().map(|pkcs8| document(pkcs8.as_ref())),
            Pair::Rsa(pair) => AsDer::<Pkcs8V1Der>::as_der(pair).map(|pkcs8| document(pkcs8.as_ref())),
        }
        .map_err(|_| KeyError::Generate)
    }

    /// A compact JWS (RFC 7515 3.1) over these claims, with `alg`, `kid` and
    /// `typ` in its header.
    ///
    /// Not by `jsonwebtoken`, which parses and checks the private key anew
    /// for every signature: 1.7 times the cost for ES384, 5 times for RS384.
    pub(crate) fn sign_jwt(&self, claims: &Value) -> Result<String, KeyError> {
        let header = json!({ "alg": self.algorithm().as_str(), "kid": self.kid, "typ": "JWT" });
        let encode = |part: &Value| URL_SAFE_NO_PAD.encode(part.to_string());
        let signed = format!("{}.{}", encode(&header), encode(claims));
        let signature = self.sign(signed.as_bytes())?;
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        let random = SystemRandom::new();
        match &self.pair {
            Pair::Ec(pair) => pair.sign(&random, message).map(|signature| signature.as_ref().to_vec()),
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA384, &random, message, &mut signature).map(|()| signature)
            }
        }
        .map_err(|_| KeyError::Sign)
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({} {})", self.algorithm().as_str(), self.kid)
    }
}

/// The thumbprint (RFC 7638: the required members, sorted by name) and the
/// public key.
fn public_jwk(pair: &Pair) -> (String, Value) {
    let base64 = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let (required, algorithm) = match pair {
        Pair::Ec(pair) => {
            // An uncompressed point: 4, then x and y of 48 bytes each.
            let (x, y) = pair.public_key().as_ref()[1..].split_at(48);
            (json!({ "crv": "P-384", "kty": "EC", "x": base64(x), "y": base64(y) }), SigningAlgorithm::ES384)
        }
        Pair::Rsa(pair) => {
            let PublicKeyComponents { n, e } = PublicKeyComponents::<Vec<u8>>::from(pair.public_key());
            (json!({ "e": base64(&e), "kty": "RSA", "n": base64(&n) }), SigningAlgorithm::RS384)
        }
    };
    let kid = base64(digest::digest(&digest::SHA256, required.to_string().as_bytes()).as_ref());
    let mut jwk = required;
    jwk["kid"] = json!(kid);
    jwk["use"] = json!("sig");
    jwk["alg"] = json!(algorithm.as_str());
    (kid, jwk)
}
