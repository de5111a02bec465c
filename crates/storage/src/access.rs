use std::fmt;

use async_trait::async_trait;
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretBox};
use visit::SeatId;

use crate::StorageError;

/// SHA-256 of a secret that a browser holds (session cookie, launch state):
/// the database never holds the secret itself.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TokenHash(pub [u8; 32]);

impl TokenHash {
    /// The hash of this secret.
    pub fn of(secret: &str) -> Self {
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, secret.as_bytes());
        let mut hash = [0; 32];
        hash.copy_from_slice(digest.as_ref());
        Self(hash)
    }
}

impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenHash(…)")
    }
}

/// A browser's right to a seat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TabSession {
    /// The seat.
    pub seat: SeatId,
    /// The arrival that it belongs to; it holds the seat while the seat's
    /// `tab` is the same.
    pub tab: u32,
    /// When it ceases to be good.
    pub expires_at: Timestamp,
}

/// Sessions of browsers, one per launch. They are made by [`crate::Visits::save`].
#[async_trait]
pub trait TabSessions: Send + Sync {
    /// The session with this hash, unless it has expired.
    async fn lookup_session(
        &self,
        hash: TokenHash,
        now: Timestamp,
    ) -> Result<Option<TabSession>, StorageError>;
}

/// What waits for a browser to come back with its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PendingKind {
    /// A launch on its way through the authorization server.
    Launch,
    /// A launch whose person chooses among several visits.
    Choice,
    /// A one-time code that moves a seat from a frame to a window.
    Handover,
    /// A launched device test that may still bring results.
    DeviceTest,
    /// An encrypted link that was opened, so that it opens once.
    OpenedLink,
}

/// Sealed, single-use, short-lived state between two requests of a browser.
#[async_trait]
pub trait Pending: Send + Sync {
    /// Keeps a payload (sealed in the database) until it is taken or expires.
    /// A key that is in use is a [`StorageError::Conflict`].
    async fn put(
        &self,
        kind: PendingKind,
        key: TokenHash,
        payload: &[u8],
        expires_at: Timestamp,
    ) -> Result<(), StorageError>;

    /// Looks at a payload and leaves it there. `None`: never there, taken
    /// already, or expired.
    async fn look(
        &self,
        kind: PendingKind,
        key: TokenHash,
        now: Timestamp,
    ) -> Result<Option<Vec<u8>>, StorageError>;

    /// Takes the payload out, once: of two callers at the same instant one
    /// gets it. `None`: never there, taken already, or expired.
    async fn take(
        &self,
        kind: PendingKind,
        key: TokenHash,
        now: Timestamp,
    ) -> Result<Option<Vec<u8>>, StorageError>;

    /// Deletes what has expired, sessions of tabs and operators and calls
    /// between nodes too, and answers how many.
    async fn sweep(&self, now: Timestamp) -> Result<u64, StorageError>;
}

/// A key that seals names and tokens (AES-256-GCM), as read from the data
/// directory. [`crate::SealingKeys`] says how to change it.
pub struct Secrecy {
    /// Stands before each sealed text, so that keys can be changed. No two
    /// keys may ever have the same.
    pub key_id: u32,
    /// 256 bits.
    pub key: SecretBox<[u8; 32]>,
}

impl Clone for Secrecy {
    fn clone(&self) -> Self {
        Self { key_id: self.key_id, key: Box::new(*self.key.expose_secret()).into() }
    }
}
