//! Sealing of what must not be read by whoever reads the database: names,
//! tokens, and texts of others that may hold either.

use std::{collections::BTreeMap, sync::Arc};

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use outside::{Random, RandomExt};
use secrecy::ExposeSecret;
use serde::Serialize;

use crate::Secrecy;

const KEY_ID_LEN: usize = size_of::<u32>();

/// Seals with AES-256-GCM. A sealed cell is the key's id (4 bytes, big
/// endian), a random nonce (12 bytes), the ciphertext and its tag (16 bytes).
/// It opens only where it was sealed for: table, column and row are
/// authenticated with it, so that cells cannot be exchanged for one another.
pub(crate) struct Sealer {
    key_id: [u8; KEY_ID_LEN],
    key: LessSafeKey,
    /// They open what they once sealed.
    older: BTreeMap<[u8; KEY_ID_LEN], LessSafeKey>,
    random: Arc<dyn Random>,
}

impl Sealer {
    pub(crate) fn new(current: &Secrecy, older: &[Secrecy], random: Arc<dyn Random>) -> Self {
        let older = older.iter().map(|key| (key.key_id.to_be_bytes(), aead_key(key))).collect();
        Self { key_id: current.key_id.to_be_bytes(), key: aead_key(current), older, random }
    }

    /// What cells begin with that are sealed now.
    pub(crate) fn current_prefix(&self) -> &[u8] {
        &self.key_id
    }

    /// Seals for one cell.
    pub(crate) fn seal(&self, table: &str, column: &str, row: &str, clear: &[u8]) -> Vec<u8> {
        let nonce: [u8; NONCE_LEN] = self.random.bytes();
        let mut text = clear.to_vec();
        // Fails beyond 64 GiB only.
        self.key
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(place(table, column, row)),
                &mut text,
            )
            .expect("a cell is far below AES-GCM's limit");
        [&self.key_id[..], &nonce, &text].concat()
    }

    pub(crate) fn seal_json(&self, table: &str, column: &str, row: &str, clear: &impl Serialize) -> Vec<u8> {
        // Fails for maps whose keys are no strings, and there are none.
        let json = serde_json::to_vec(clear).expect("what is sealed can be written as JSON");
        self.seal(table, column, row, &json)
    }

    /// Opens what was sealed for this cell; `None` for anything else.
    pub(crate) fn unseal(&self, table: &str, column: &str, row: &str, sealed: &[u8]) -> Option<Vec<u8>> {
        let (key_id, rest) = sealed.split_first_chunk::<KEY_ID_LEN>()?;
        let (nonce, text) = rest.split_first_chunk::<NONCE_LEN>()?;
        let key = if *key_id == self.key_id { &self.key } else { self.older.get(key_id)? };
        let mut text = text.to_vec();
        let clear = key.open_in_place(
            Nonce::assume_unique_for_key(*nonce),
            Aad::from(place(table, column, row)),
            &mut text,
        );
        let length = clear.ok()?.len();
        text.truncate(length);
        Some(text)
    }
}

fn aead_key(secrecy: &Secrecy) -> LessSafeKey {
    // The only thing that can be wrong with a key is its length.
    let key = UnboundKey::new(&AES_256_GCM, secrecy.key.expose_secret()).expect("the key has 256 bits");
    LessSafeKey::new(key)
}

/// Names of tables and columns have no `/`, so no two places read the same.
fn place(table: &str, column: &str, row: &str) -> String {
    format!("{table}/{column}/{row}")
}

#[cfg(test)]
mod tests {
    use outside::testing::TestRandom;

    use super::*;

    fn secrecy(key_id: u32, key: u8) -> Secrecy {
        Secrecy { key_id, key: Box::new([key; 32]).into() }
    }

    fn sealer(key_id: u32, key: u8) -> Sealer {
        Sealer::new(&secrecy(key_id, key), &[], Arc::new(TestRandom::seeded(1)))
    }

    #[test]
    fn opens_where_it_was_sealed_for_and_nowhere_else() {
        let sealer = sealer(1, 7);
        let card = sealer.seal("seats", "card", "a", b"Ada");
        assert_eq!(sealer.unseal("seats", "card", "a", &card).as_deref(), Some(&b"Ada"[..]));
        for (table, column, row) in [("seats", "card", "b"), ("seats", "name", "a"), ("visits", "card", "a")]
        {
            assert_eq!(sealer.unseal(table, column, row, &card), None);
        }
    }

    #[test]
    fn a_changed_bit_or_a_missing_byte_does_not_open() {
        let sealer = sealer(1, 7);
        let card = sealer.seal("seats", "card", "a", b"Ada");
        for bit in 0..card.len() * 8 {
            let mut changed = card.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(sealer.unseal("seats", "card", "a", &changed), None, "bit {bit}");
        }
        for length in 0..card.len() {
            assert_eq!(sealer.unseal("seats", "card", "a", &card[..length]), None, "length {length}");
        }
    }

    #[test]
    fn the_same_text_is_sealed_differently_each_time() {
        let sealer = sealer(1, 7);
        assert_ne!(sealer.seal("a", "b", "c", b"Ada"), sealer.seal("a", "b", "c", b"Ada"));
    }

    #[test]
    fn an_older_key_opens_and_the_current_one_seals() {
        let sealed = sealer(1, 7).seal("a", "b", "c", b"Ada");
        let random = Arc::new(TestRandom::seeded(2));
        let rotated = Sealer::new(&secrecy(2, 8), &[secrecy(1, 7)], random);
        assert_eq!(rotated.unseal("a", "b", "c", &sealed).as_deref(), Some(&b"Ada"[..]));
        assert_eq!(rotated.unseal("a", "b", "d", &sealed), None);
        let fresh = rotated.seal("a", "b", "c", b"Ada");
        assert!(fresh.starts_with(rotated.current_prefix()));
        assert_eq!(sealer(2, 8).unseal("a", "b", "c", &fresh).as_deref(), Some(&b"Ada"[..]));
    }

    #[test]
    fn of_two_keys_with_one_id_the_current_one_counts() {
        let random = Arc::new(TestRandom::seeded(2));
        let confused = Sealer::new(&secrecy(1, 8), &[secrecy(1, 7)], random);
        let fresh = confused.seal("a", "b", "c", b"Ada");
        assert_eq!(confused.unseal("a", "b", "c", &fresh).as_deref(), Some(&b"Ada"[..]));
        assert_eq!(confused.unseal("a", "b", "c", &sealer(1, 7).seal("a", "b", "c", b"Ada")), None);
    }

    #[test]
    fn another_key_or_key_id_does_not_open() {
        let sealed = sealer(1, 7).seal("a", "b", "c", b"Ada");
        assert_eq!(sealer(1, 8).unseal("a", "b", "c", &sealed), None);
        assert_eq!(sealer(2, 7).unseal("a", "b", "c", &sealed), None);
    }
}
