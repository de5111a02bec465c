use async_trait::async_trait;
use links::guest::{GuestLink, SecretHash};
use visit::VisitId;

use crate::StorageError;

/// A direct link as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredLink {
    /// The link.
    pub link: GuestLink,
    /// How many times it was stored.
    pub version: u64,
}

/// Our own direct links (`/guest/{token}`). They go with their visit.
#[async_trait]
pub trait GuestLinks: Send + Sync {
    /// Keeps a new link. [`StorageError::Conflict`]: its seat or token is
    /// there already, or its visit no longer.
    async fn add_link(&self, link: &GuestLink) -> Result<(), StorageError>;

    /// The link whose token has this hash.
    async fn lookup_link(&self, token: &SecretHash) -> Result<Option<StoredLink>, StorageError>;

    /// All links of a visit, in the order of their expiry.
    async fn links_of(&self, visit: &VisitId) -> Result<Vec<StoredLink>, StorageError>;

    /// Stores what a link has become. It must still be in the version that it
    /// was read in, else [`StorageError::Conflict`]: of two guesses at the
    /// same instant each counts.
    async fn save_link(&self, stored: &StoredLink) -> Result<(), StorageError>;
}
