use std::fmt;

use aws_lc_rs::digest::{Context, SHA256};

use crate::{Record, record::Hex};

/// Before the hashed text, so that no hash of ours means two things.
const DOMAIN: &[u8] = b"anteroom audit 1\0";

/// Stands for an entry and all before it: SHA-256 over the hash before
/// (32 bytes; zeros before the first), the entry's number (8 bytes, big
/// endian) and its text.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct ChainHash(pub [u8; 32]);

impl ChainHash {
    fn next(self, number: u64, body: &str) -> Self {
        let mut context = Context::new(&SHA256);
        context.update(DOMAIN);
        context.update(&self.0);
        context.update(&number.to_be_bytes());
        context.update(body.as_bytes());
        let mut hash = [0; 32];
        hash.copy_from_slice(context.finish().as_ref());
        Self(hash)
    }
}

impl fmt::Display for ChainHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Hex(&self.0).fmt(f)
    }
}

impl fmt::Debug for ChainHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ChainHash({self})")
    }
}

/// A record in its place in the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its place, counted from 1 without gaps.
    pub number: u64,
    /// The record as JSON, byte for byte as it was hashed.
    pub body: String,
    /// What stands for it and all before it.
    pub hash: ChainHash,
}

impl Entry {
    /// The record.
    pub fn record(&self) -> Result<Record, UnreadableEntry> {
        serde_json::from_str(&self.body).map_err(|_| UnreadableEntry { number: self.number })
    }
}

/// An entry whose text is no record of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("audit entry {number} is no record that this program knows")]
pub struct UnreadableEntry {
    /// Its place.
    pub number: u64,
}

/// A chain as far as it has come. The default is the empty one.
///
/// Who can write to the database can write a whole new chain. Against that
/// helps what they cannot reach: a length and hash noted down elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Chain {
    /// How many entries it has.
    pub length: u64,
    /// Stands for all of them.
    pub hash: ChainHash,
}

impl Chain {
    /// Puts a record at the end.
    pub fn append(&mut self, record: &Record) -> Entry {
        // Fails for maps whose keys are no strings, and there are none.
        let body = serde_json::to_string(record).expect("a record can be written as JSON");
        self.length += 1;
        self.hash = self.hash.next(self.length, &body);
        Entry { number: self.length, body, hash: self.hash }
    }

    /// Takes the next entry if it is what was once appended there.
    pub fn follow(&mut self, entry: &Entry) -> Result<(), BrokenAt> {
        let number = self.length + 1;
        if entry.number != number {
            return Err(BrokenAt { number, how: Break::Missing });
        }
        let hash = self.hash.next(number, &entry.body);
        if entry.hash != hash {
            return Err(BrokenAt { number, how: Break::Changed });
        }
        *self = Self { length: number, hash };
        Ok(())
    }
}

/// Follows a chain from its first entry to its last and answers how far it
/// goes.
pub fn verify<'e>(entries: impl IntoIterator<Item = &'e Entry>) -> Result<Chain, BrokenAt> {
    let mut chain = Chain::default();
    for entry in entries {
        chain.follow(entry)?;
    }
    Ok(chain)
}

/// Where a chain is broken. All before it is as it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the audit log is broken at entry {number}: {how}")]
pub struct BrokenAt {
    /// The first entry that is not as it was written.
    pub number: u64,
    /// What is wrong with it.
    pub how: Break,
}

/// What is wrong with an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Break {
    /// It is gone, or is not where it was.
    Missing,
    /// It, or what stands for it, was changed.
    Changed,
    /// It is in the chain but was never counted as appended.
    Added,
}

impl fmt::Display for Break {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Missing => "it is missing",
            Self::Changed => "it was changed",
            Self::Added => "it was added behind the program's back",
        })
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use proptest::prelude::*;

    use super::*;
    use crate::{Action, Actor};

    fn chain_of(length: u8) -> Vec<Entry> {
        let mut chain = Chain::default();
        (0..length)
            .map(|notice| {
                let action = Action::NotificationRetried { notice: notice.into() };
                chain.append(&Record::new(Timestamp::UNIX_EPOCH, action, Actor::System))
            })
            .collect()
    }

    #[test]
    fn the_hash_of_an_entry_never_changes() {
        insta::assert_snapshot!(chain_of(2)[1].hash, @"af5673fa16e836c749c35faca102233cb747d71848c5911091b2efe372876903");
    }

    #[test]
    fn a_whole_chain_is_followed_to_its_end() {
        assert_eq!(verify(&[]), Ok(Chain::default()));
        let entries = chain_of(5);
        assert_eq!(verify(&entries), Ok(Chain { length: 5, hash: entries[4].hash }));
        assert_eq!(entries[2].record().unwrap().action, Action::NotificationRetried { notice: 2 });
    }

    #[test]
    fn an_entry_that_is_no_record_is_told_by_its_number() {
        let entry = Entry { number: 3, body: "{}".to_owned(), hash: ChainHash::default() };
        assert_eq!(entry.record(), Err(UnreadableEntry { number: 3 }));
    }

    proptest! {
        #[test]
        fn a_change_is_found_where_it_was_made(
            place in 0..6_usize, byte in any::<prop::sample::Index>(), flip in 1..128_u8
        ) {
            let mut entries = chain_of(6);
            let mut body = entries[place].body.clone().into_bytes();
            let index = byte.index(body.len());
            body[index] ^= flip & 0x7f;
            entries[place].body = String::from_utf8(body).unwrap();
            let number = place as u64 + 1;
            prop_assert_eq!(verify(&entries), Err(BrokenAt { number, how: Break::Changed }));
        }

        #[test]
        fn a_changed_hash_is_found(place in 0..6_usize, byte in 0..32_usize, flip in 1..=255_u8) {
            let mut entries = chain_of(6);
            entries[place].hash.0[byte] ^= flip;
            let number = place as u64 + 1;
            prop_assert_eq!(verify(&entries), Err(BrokenAt { number, how: Break::Changed }));
        }

        #[test]
        fn what_is_taken_out_or_exchanged_is_found(first in 0..5_usize, second in 0..5_usize) {
            let mut without = chain_of(6);
            without.remove(first);
            let broken = Err(BrokenAt { number: first as u64 + 1, how: Break::Missing });
            prop_assert_eq!(verify(&without), broken);

            prop_assume!(first != second);
            let mut exchanged = chain_of(6);
            exchanged.swap(first, second);
            let number = first.min(second) as u64 + 1;
            prop_assert_eq!(verify(&exchanged), Err(BrokenAt { number, how: Break::Missing }));

            // Renumbering does not help.
            for (number, entry) in (1..).zip(&mut exchanged) {
                entry.number = number;
            }
            prop_assert_eq!(verify(&exchanged), Err(BrokenAt { number, how: Break::Changed }));
        }
    }
}
