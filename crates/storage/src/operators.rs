use async_trait::async_trait;
use jiff::Timestamp;

use crate::{StorageError, TokenHash};

/// An operator who is signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperatorSession {
    /// The user name.
    pub user: String,
    /// When it ceases to be good.
    pub expires_at: Timestamp,
}

/// Operators and their sessions.
#[async_trait]
pub trait Operators: Send + Sync {
    /// Adds a user or replaces the password of one (an argon2 PHC string);
    /// existing sessions of that user end.
    async fn set_password(&self, user: &str, phc: &str, now: Timestamp) -> Result<(), StorageError>;

    /// The user's password as an argon2 PHC string.
    async fn password(&self, user: &str) -> Result<Option<String>, StorageError>;

    /// All user names.
    async fn list_operators(&self) -> Result<Vec<String>, StorageError>;

    /// Opens a session.
    async fn open_session(&self, hash: TokenHash, session: &OperatorSession) -> Result<(), StorageError>;

    /// The session with this hash, unless it has expired.
    async fn operator_session(
        &self,
        hash: TokenHash,
        now: Timestamp,
    ) -> Result<Option<OperatorSession>, StorageError>;

    /// Closes a session.
    async fn close_session(&self, hash: TokenHash) -> Result<(), StorageError>;
}
