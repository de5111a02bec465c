use async_trait::async_trait;

use crate::StorageError;

/// What came of sealing again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Resealed {
    /// Cells that are sealed under the current key now.
    pub resealed: u64,
    /// Cells under other keys that remain. While it is not 0, the older keys
    /// are needed.
    pub left: u64,
}

/// Rotation of the key that seals names and tokens ([`crate::Secrecy`]).
///
/// 1. Every node is given the new key as an older one, beside the one in use
///    ([`crate::Storage::open_with_older_keys`]): it opens what others seal.
/// 2. Every node is given the new key as the current one, and the old one as
///    an older one.
/// 3. [`Self::reseal`], until nothing is left.
/// 4. The old key is taken away. An old backup needs it still.
///
/// A single node may begin with step 2.
#[async_trait]
pub trait SealingKeys: Send + Sync {
    /// Seals under the current key what other keys have sealed, at most
    /// `batch` cells in a transaction, and tells after each how far it is.
    ///
    /// What lives for minutes (launches, calls between nodes) is waited for
    /// instead; what somebody is just changing, or a node with an older key
    /// has just sealed, is left to the next run. A cell that none of the keys
    /// opens is reported in the log, with its place, and left.
    async fn reseal(
        &self,
        batch: u32,
        progress: &(dyn Fn(Resealed) + Send + Sync),
    ) -> Result<Resealed, StorageError>;
}
