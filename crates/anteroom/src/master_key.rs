//! The one secret that an installation needs, and what is derived from it.

use std::path::Path;

use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Salt};
use base64::{Engine, engine::general_purpose::STANDARD};
use outside::{Random, RandomExt};
use secrecy::{ExposeSecret, SecretBox};
use storage::Secrecy;

use crate::private::{self, PrivateError};

/// 256 bits from which every other key of ours is derived (HKDF-SHA256,
/// RFC 5869). Nodes that share a database share it.
pub(crate) struct MasterKey(SecretBox<[u8; 32]>);

/// Why there is no master key.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MasterKeyError {
    /// Its file cannot be kept private.
    #[error(transparent)]
    Private(#[from] PrivateError),
    /// Its file holds something else. It is never replaced: what it sealed
    /// would be lost.
    #[error("{0} is no master key: 32 bytes in base64 are needed, as `openssl rand -base64 32` makes them")]
    Damaged(String),
}

impl MasterKey {
    /// Reads `secrets/master.key` in the data directory; makes it where there
    /// is none.
    pub(crate) fn in_data_dir(data_dir: &Path, random: &dyn Random) -> Result<Self, MasterKeyError> {
        let folder = data_dir.join("secrets");
        let path = folder.join("master.key");
        let damaged = || MasterKeyError::Damaged(path.display().to_string());
        if let Some(text) = private::read_secret(&path)? {
            return Self::decode(&text).ok_or_else(damaged);
        }
        private::make_folder(data_dir)?;
        private::make_folder(&folder)?;
        let fresh = STANDARD.encode(random.bytes::<32>()) + "\n";
        if private::write_new_secret(&path, &fresh)? {
            tracing::info!(path = %path.display(), "master key made; keep a copy, the database is worth little without it");
        }
        // Another node may have been first: what is in the file counts.
        let text = private::read_secret(&path)?.ok_or_else(damaged)?;
        Self::decode(&text).ok_or_else(damaged)
    }

    /// Seals names and tokens in the database. Another master key has another
    /// key id, so that what it sealed is told apart.
    pub(crate) fn sealing(&self) -> Secrecy {
        let [a, b, c, d, ..] = self.derive(b"anteroom database sealing 1 id");
        let key = self.derive(b"anteroom database sealing 1");
        Secrecy { key_id: u32::from_be_bytes([a, b, c, d]), key: Box::new(key).into() }
    }

    /// Signs join tickets.
    pub(crate) fn join_tickets(&self) -> [u8; 32] {
        self.derive(b"anteroom join tickets 1")
    }

    /// Hashes answers to the second factors of direct links.
    pub(crate) fn link_answers(&self) -> [u8; 32] {
        self.derive(b"anteroom link answers 1")
    }

    fn decode(text: &str) -> Option<Self> {
        let bytes: [u8; 32] = STANDARD.decode(text.trim()).ok()?.try_into().ok()?;
        Some(Self(Box::new(bytes).into()))
    }

    fn derive(&self, label: &[u8]) -> [u8; 32] {
        let mut key = [0; 32];
        // The master key is uniformly random, so it needs no salt. Expanding
        // fails beyond 255 blocks only.
        Salt::new(HKDF_SHA256, &[])
            .extract(self.0.expose_secret())
            .expand(&[label], ThirtyTwoBytes)
            .and_then(|key_material| key_material.fill(&mut key))
            .expect("32 bytes are one block of HKDF-SHA256");
        key
    }
}

struct ThirtyTwoBytes;

impl KeyType for ThirtyTwoBytes {
    fn len(&self) -> usize {
        32
    }
}

#[cfg(test)]
mod tests {
    use outside::testing::TestRandom;

    use super::*;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
    }

    #[test]
    fn derived_keys_never_change() {
        // What is sealed today must open after every update.
        let master = MasterKey(Box::new([7; 32]).into());
        insta::assert_snapshot!(hex(master.sealing().key.expose_secret()), @"bef38fc433b3900e24d6c0d9d080843b20d15b42a7ed0df283c77fe2b7ab37b0");
        insta::assert_snapshot!(master.sealing().key_id, @"4251506211");
        insta::assert_snapshot!(hex(&master.join_tickets()), @"80cea8805301ba56d05c58b9d1d610cc2de2eb3e014a941028042892d6d3415a");
        insta::assert_snapshot!(hex(&master.link_answers()), @"aeeb18912a0449a47c01adf67a97a06afcfa08f1e681a5b233675d0a0c7354b2");
    }

    #[test]
    fn the_key_is_made_once() {
        let folder = tempfile::tempdir().unwrap();
        let first = MasterKey::in_data_dir(folder.path(), &TestRandom::seeded(1)).unwrap();
        let second = MasterKey::in_data_dir(folder.path(), &TestRandom::seeded(2)).unwrap();
        assert_eq!(first.join_tickets(), second.join_tickets());
    }

    #[test]
    fn a_damaged_key_is_never_replaced() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("secrets")).unwrap();
        let path = folder.path().join("secrets/master.key");
        private::write_new_secret(&path, "AAAA").unwrap();
        let refused = MasterKey::in_data_dir(folder.path(), &TestRandom::seeded(1));
        assert!(matches!(refused, Err(MasterKeyError::Damaged(_))));
        assert_eq!(std::fs::read_to_string(path).unwrap(), "AAAA");
    }
}
