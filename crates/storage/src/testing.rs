//! A database for tests of other crates.

use std::sync::Arc;

use outside::Random;

use crate::{Secrecy, Storage, StorageError, db};

impl Storage {
    /// An empty SQLite database in memory, gone with its last clone.
    pub async fn temporary(random: Arc<dyn Random>) -> Result<Self, StorageError> {
        let secrecy = Secrecy { key_id: 0, key: Box::new([0; 32]).into() };
        Self::over(db::open_in_memory().await?, &secrecy, random).await
    }
}
