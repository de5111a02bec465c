use aws_lc_rs::{
    cipher::{
        AES_128, AES_256, AES_CBC_IV_LEN, Algorithm, DecryptingKey, DecryptionContext, UnboundCipherKey,
    },
    digest::{SHA1_FOR_LEGACY_USE_ONLY, digest},
    iv::FixedLength,
};
use serde::Deserialize;
use zeroize::Zeroizing;

use super::SchemeError;

const BLOCK: usize = 16;

/// The cipher of a link. PKCS#7 padding in either case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cipher {
    /// AES-128-CBC: Zoom's, and Epic's for releases before August 2019.
    Aes128Cbc,
    /// AES-256-CBC: what Epic recommends from August 2019 on.
    Aes256Cbc,
}

impl Cipher {
    pub(crate) fn algorithm(self) -> &'static Algorithm {
        match self {
            Self::Aes128Cbc => &AES_128,
            Self::Aes256Cbc => &AES_256,
        }
    }

    fn key_len(self) -> usize {
        match self {
            Self::Aes128Cbc => 16,
            Self::Aes256Cbc => 32,
        }
    }
}

/// How the key is made from the shared secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeyDerivation {
    /// Microsoft CryptoAPI's `CryptDeriveKey` on SHA-1, as Zoom's sample does
    /// it. That Epic's own encryption does the same is recollection, so that
    /// it needs a trial with a link of the customer's.
    #[default]
    CryptDeriveKeySha1,
    /// The secret's bytes are the key: 16 or 32 of them. (Vidyo's "Crypt Key"
    /// of 16 alphanumeric characters suggests it.)
    Verbatim,
}

/// Where the first block's initialization vector comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InitializationVector {
    /// Sixteen zero bytes, as in Zoom's sample. For Epic recollection.
    #[default]
    Zero,
    /// The first 16 bytes of the link. Whoever holds such a link can change
    /// the first 16 characters of its text at will.
    Leading,
}

/// The key of the cipher, from the shared secret.
pub(crate) fn key_bytes(
    cipher: Cipher,
    derivation: KeyDerivation,
    secret: &[u8],
) -> Result<Zeroizing<Vec<u8>>, SchemeError> {
    let needed = cipher.key_len();
    match derivation {
        KeyDerivation::CryptDeriveKeySha1 => {
            let mut key = crypt_derive_key_sha1(secret);
            key.truncate(needed);
            Ok(key)
        }
        KeyDerivation::Verbatim if secret.len() == needed => Ok(Zeroizing::new(secret.to_vec())),
        KeyDerivation::Verbatim => Err(SchemeError::KeyLength { needed }),
    }
}

/// `CryptDeriveKey` for a hash outside the SHA-2 family and AES: 40 bytes, of
/// which the key takes as many as it needs.
fn crypt_derive_key_sha1(secret: &[u8]) -> Zeroizing<Vec<u8>> {
    let hash = digest(&SHA1_FOR_LEGACY_USE_ONLY, secret);
    let half = |pad: u8| {
        let mut block = Zeroizing::new([pad; 64]);
        for (byte, hashed) in block.iter_mut().zip(hash.as_ref()) {
            *byte ^= hashed;
        }
        digest(&SHA1_FOR_LEGACY_USE_ONLY, &*block)
    };
    Zeroizing::new([half(0x36).as_ref(), half(0x5c).as_ref()].concat())
}

/// A key that decrypts links.
#[derive(Debug)]
pub(crate) struct LinkKey {
    key: DecryptingKey,
    iv: InitializationVector,
}

/// What a link decrypts to. Text is there also where the padding is wrong, so
/// that the caller does the same work in both cases.
pub(crate) struct Plain {
    text: Vec<u8>,
    /// Whether the padding was right: to be looked at last.
    pub(crate) sound: bool,
}

impl Plain {
    pub(crate) fn text(&self) -> &[u8] {
        &self.text
    }
}

impl LinkKey {
    pub(crate) fn new(
        cipher: Cipher,
        derivation: KeyDerivation,
        iv: InitializationVector,
        secret: &[u8],
    ) -> Result<Self, SchemeError> {
        let bytes = key_bytes(cipher, derivation, secret)?;
        let key = UnboundCipherKey::new(cipher.algorithm(), &bytes)
            .and_then(DecryptingKey::cbc)
            .map_err(|_| SchemeError::KeyLength { needed: cipher.key_len() })?;
        Ok(Self { key, iv })
    }

    /// `None` for what is no whole number of blocks: that is plain from the
    /// outside.
    pub(crate) fn decrypt(&self, link: &[u8]) -> Option<Plain> {
        let (iv, blocks) = match self.iv {
            InitializationVector::Zero => ([0; AES_CBC_IV_LEN], link),
            InitializationVector::Leading => {
                let (iv, blocks) = link.split_first_chunk::<AES_CBC_IV_LEN>()?;
                (*iv, blocks)
            }
        };
        if blocks.is_empty() || !blocks.len().is_multiple_of(BLOCK) {
            return None;
        }
        let mut text = blocks.to_vec();
        let context = DecryptionContext::Iv128(FixedLength::from(iv));
        self.key.decrypt(&mut text, context).ok()?;
        let (length, sound) = unpad(&text);
        text.truncate(length);
        Some(Plain { text, sound })
    }
}

/// The length without PKCS#7 padding, and whether the padding is right. Looks
/// at the whole last block whatever stands there (the libraries' own unpadding
/// stops at the first wrong byte, and says so).
fn unpad(text: &[u8]) -> (usize, bool) {
    let pad = text.last().copied().unwrap_or_default();
    let mut wrong = u8::from(pad == 0) | u8::from(pad > 16);
    for (distance, byte) in (0u8..16).zip(text.iter().rev()) {
        let is_padding = 0u8.wrapping_sub(u8::from(distance < pad));
        wrong |= is_padding & (byte ^ pad);
    }
    (text.len().saturating_sub(usize::from(pad.min(16))), wrong == 0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_key_is_derived_as_zooms_sample_does() {
        let key =
            key_bytes(Cipher::Aes128Cbc, KeyDerivation::CryptDeriveKeySha1, b"test-secret-not-real").unwrap();
        assert_eq!(
            u128::from_be_bytes(key.as_slice().try_into().unwrap()),
            0xdc09_7130_ed48_416d_4e78_43f4_d496_8729
        );
    }

    #[test]
    fn a_longer_key_goes_on_where_the_shorter_ends() {
        let of = |cipher| key_bytes(cipher, KeyDerivation::CryptDeriveKeySha1, b"a secret of ours").unwrap();
        let long = of(Cipher::Aes256Cbc);
        assert_eq!(long.len(), 32);
        assert!(long.starts_with(&of(Cipher::Aes128Cbc)));
    }

    #[test]
    fn a_verbatim_key_has_the_ciphers_length() {
        let of = |cipher, secret: &[u8]| key_bytes(cipher, KeyDerivation::Verbatim, secret);
        assert_eq!(*of(Cipher::Aes128Cbc, b"0123456789abcdef").unwrap(), b"0123456789abcdef");
        assert!(of(Cipher::Aes256Cbc, b"0123456789abcdef").is_err());
        assert!(of(Cipher::Aes128Cbc, b"0123456789abcdefg").is_err());
    }

    #[test]
    fn padding_is_whole_or_wrong() {
        let block = |tail: &[u8]| {
            let mut block = vec![b'x'; 16 - tail.len()];
            block.extend(tail);
            block
        };
        assert_eq!(unpad(&block(&[1])), (15, true));
        assert_eq!(unpad(&block(&[3, 3, 3])), (13, true));
        assert_eq!(unpad(&[16; 16]), (0, true));
        for bad in [&[0][..], &[17], &[255], &[2, 3, 3], &[3, 2], &[4, 4, 4]] {
            assert!(!unpad(&block(bad)).1, "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn unpadding_answers_as_the_rule_says(
            text in prop::collection::vec(prop_oneof![0u8..18, any::<u8>()], 16..=16)
        ) {
            let pad = usize::from(text[15]);
            let right = (1..=16).contains(&pad) && text[16 - pad..].iter().all(|b| usize::from(*b) == pad);
            let (length, sound) = unpad(&text);
            prop_assert_eq!(sound, right);
            if right {
                prop_assert_eq!(length, 16 - pad);
            }
        }
    }
}
