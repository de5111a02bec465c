//! Makes links as an EHR does, for tests and for the simulated EHR.

use aws_lc_rs::{
    cipher::{EncryptionContext, PaddedBlockEncryptingKey, UnboundCipherKey},
    iv::FixedLength,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use secrecy::ExposeSecret;

use crate::{InitializationVector, LinkSettings, SchemeError, encrypted::key_bytes};

/// This text, encrypted and in base64, as the settings say. The initialization
/// vector counts only where it travels in the link.
pub fn encrypted(settings: &LinkSettings, text: &str, iv: [u8; 16]) -> Result<String, SchemeError> {
    let bytes = key_bytes(settings.cipher, settings.derivation, settings.secret.expose_secret().as_bytes())?;
    let leading = settings.iv == InitializationVector::Leading;
    let iv = if leading { iv } else { [0; 16] };
    let mut blocks = text.as_bytes().to_vec();
    UnboundCipherKey::new(settings.cipher.algorithm(), &bytes)
        .and_then(PaddedBlockEncryptingKey::cbc_pkcs7)
        .and_then(|key| key.less_safe_encrypt(&mut blocks, EncryptionContext::Iv128(FixedLength::from(iv))))
        .map_err(|_| SchemeError::KeyLength { needed: bytes.len() })?;
    Ok(STANDARD.encode(if leading { [&iv[..], &blocks].concat() } else { blocks }))
}
