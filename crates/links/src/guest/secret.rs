use std::{fmt, str::FromStr};

use aws_lc_rs::{
    constant_time::verify_slices_are_equal,
    digest::{SHA256, digest},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};

/// A text that is no secret or no hash of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is no secret: 43 characters of base64url")]
pub struct InvalidSecret;

macro_rules! secret {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq)]
        pub struct $name(String);

        impl $name {
            /// From 32 fresh random bytes.
            pub fn from_bytes(bytes: [u8; 32]) -> Self {
                Self(URL_SAFE_NO_PAD.encode(bytes))
            }

            /// The text form, for the one who is to hold it.
            pub fn expose(&self) -> &str {
                &self.0
            }

            /// What the database holds instead: SHA-256 of the text form.
            pub fn hash(&self) -> SecretHash {
                let mut hash = [0; 32];
                hash.copy_from_slice(digest(&SHA256, self.0.as_bytes()).as_ref());
                SecretHash(hash)
            }
        }

        impl FromStr for $name {
            type Err = InvalidSecret;

            fn from_str(text: &str) -> Result<Self, InvalidSecret> {
                read(text).map(Self::from_bytes)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(…)"))
            }
        }
    };
}

secret! {
    /// What stands in a direct link's address: 32 random bytes.
    GuestToken
}
secret! {
    /// What the device that opened a direct link holds in a cookie: 32 random
    /// bytes.
    DeviceSecret
}

/// SHA-256 of a secret. Looked up or compared, never shown.
#[derive(Clone, Copy, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SecretHash([u8; 32]);

impl SecretHash {
    /// The hash's bytes, for a column.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl PartialEq for SecretHash {
    /// In constant time.
    fn eq(&self, other: &Self) -> bool {
        verify_slices_are_equal(&self.0, &other.0).is_ok()
    }
}

impl From<[u8; 32]> for SecretHash {
    fn from(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl TryFrom<String> for SecretHash {
    type Error = InvalidSecret;

    fn try_from(text: String) -> Result<Self, InvalidSecret> {
        read(&text).map(Self)
    }
}

impl From<SecretHash> for String {
    fn from(hash: SecretHash) -> String {
        URL_SAFE_NO_PAD.encode(hash.0)
    }
}

impl fmt::Debug for SecretHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretHash(…)")
    }
}

fn read(text: &str) -> Result<[u8; 32], InvalidSecret> {
    let mut bytes = [0; 32];
    match (text.len(), URL_SAFE_NO_PAD.decode_slice(text, &mut bytes)) {
        (43, Ok(32)) => Ok(bytes),
        _ => Err(InvalidSecret),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn secrets_and_hashes_stay_out_of_debug() {
        let token = GuestToken::from_bytes([7; 32]);
        assert_eq!(format!("{token:?} {:?}", token.hash()), "GuestToken(…) SecretHash(…)");
    }

    proptest! {
        #[test]
        fn a_token_is_read_as_it_was_written(bytes: [u8; 32]) {
            let token = GuestToken::from_bytes(bytes);
            prop_assert_eq!(token.expose().parse(), Ok(token.clone()));
            let stored = serde_json::to_string(&token.hash()).unwrap();
            prop_assert_eq!(serde_json::from_str::<SecretHash>(&stored).unwrap(), token.hash());
        }

        #[test]
        fn any_text_is_read_or_refused(text in ".{0,60}") {
            if let Ok(token) = text.parse::<GuestToken>() {
                prop_assert_eq!(token.expose(), text);
            }
        }
    }
}
