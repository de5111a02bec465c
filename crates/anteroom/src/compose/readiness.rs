use std::sync::Arc;

use oauth::{KeyStore, SigningAlgorithm};
use outside::Clock;
use storage::Storage;
use visit::EhrId;
use web::Readiness;

use crate::config::EhrConnection;

/// Ready is who can read the database and sign.
pub(super) struct Ready {
    storage: Storage,
    keys: Arc<KeyStore>,
    signs_for: Vec<(EhrId, SigningAlgorithm)>,
    clock: Arc<dyn Clock>,
}

impl Ready {
    pub(super) fn new(
        storage: &Storage,
        keys: &Arc<KeyStore>,
        ehrs: &[EhrConnection],
        clock: &Arc<dyn Clock>,
    ) -> Self {
        let signs_for =
            |EhrConnection { ehr, .. }: &EhrConnection| (ehr.id().clone(), ehr.connection.signing_algorithm);
        Self {
            storage: storage.clone(),
            keys: Arc::clone(keys),
            signs_for: ehrs.iter().map(signs_for).collect(),
            clock: Arc::clone(clock),
        }
    }
}

#[async_trait::async_trait]
impl Readiness for Ready {
    async fn ready(&self) -> Result<(), String> {
        self.storage.ping().await.map_err(|error| error.to_string())?;
        let now = self.clock.now();
        for (ehr, algorithm) in &self.signs_for {
            self.keys
                .key_set(ehr, now)
                .and_then(|set| set.signing_key(*algorithm, now).map(drop))
                .map_err(|_| format!("the signing key of {ehr} cannot be used"))?;
        }
        Ok(())
    }
}
