//! A database for tests of other crates.

use std::sync::Arc;

use outside::Random;

use crate::{Secrecy, Storage, StorageError, db, seal::Sealer};

impl Storage {
    /// An empty SQLite database in memory, gone with its last clone.
    ///
    /// It works on a thread of its own, so it is not for tests that pause
    /// tokio's time: that would run on while the database works, and waiting
    /// for its connection would time out.
    pub async fn temporary(random: Arc<dyn Random>) -> Result<Self, StorageError> {
        let secrecy = Secrecy { key_id: 0, key: Box::new([0; 32]).into() };
        let sealer = Sealer::new(&secrecy, &[], Arc::clone(&random));
        Self::over(db::open_in_memory().await?, sealer, random).await
    }
}
