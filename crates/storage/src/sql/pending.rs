use async_trait::async_trait;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::Timestamp;

use crate::{
    Pending, PendingKind, Storage, StorageError, TokenHash,
    db::{Row, sql},
};

#[async_trait]
impl Pending for Storage {
    async fn put(
        &self,
        kind: PendingKind,
        key: TokenHash,
        payload: &[u8],
        expires_at: Timestamp,
    ) -> Result<(), StorageError> {
        let sealed = self.sealer().seal("pending", "payload", &place(kind, key), payload);
        let put = sql("INSERT INTO pending (kind, key, payload, expires_at) VALUES ($1, $2, $3, $4)");
        let put = put.bind(name(kind)).bind(&key.0[..]).bind(sealed).bind(expires_at);
        self.db().execute(put).await.map(drop)
    }

    async fn look(
        &self,
        kind: PendingKind,
        key: TokenHash,
        now: Timestamp,
    ) -> Result<Option<Vec<u8>>, StorageError> {
        let look = sql("SELECT payload, expires_at FROM pending WHERE kind = $1 AND key = $2");
        let found = self.db().row(look.bind(name(kind)).bind(&key.0[..])).await?;
        self.unseal_pending(found.as_ref(), kind, key, now)
    }

    async fn take(
        &self,
        kind: PendingKind,
        key: TokenHash,
        now: Timestamp,
    ) -> Result<Option<Vec<u8>>, StorageError> {
        let take = sql("DELETE FROM pending WHERE kind = $1 AND key = $2 RETURNING payload, expires_at");
        let taken = self.db().returning(take.bind(name(kind)).bind(&key.0[..])).await?;
        self.unseal_pending(taken.first(), kind, key, now)
    }

    async fn sweep(&self, now: Timestamp) -> Result<u64, StorageError> {
        let mut tx = self.db().begin().await?;
        let mut swept = 0;
        for expired in EXPIRED {
            swept += tx.execute(sql(expired).bind(now)).await?;
        }
        tx.commit(|| ()).await?;
        Ok(swept)
    }
}

impl Storage {
    fn unseal_pending(
        &self,
        row: Option<&Row>,
        kind: PendingKind,
        key: TokenHash,
        now: Timestamp,
    ) -> Result<Option<Vec<u8>>, StorageError> {
        let Some(row) = row else { return Ok(None) };
        let cells = row.of("pending", name(kind));
        if cells.time("expires_at")? <= now {
            return Ok(None);
        }
        cells.sealed(self.sealer(), "payload", &place(kind, key)).map(Some)
    }
}

const EXPIRED: [&str; 4] = [
    "DELETE FROM pending WHERE expires_at <= $1",
    "DELETE FROM tab_sessions WHERE expires_at <= $1",
    "DELETE FROM operator_sessions WHERE expires_at <= $1",
    "DELETE FROM room_calls WHERE expires_at <= $1",
];

fn name(kind: PendingKind) -> &'static str {
    match kind {
        PendingKind::Launch => "launch",
        PendingKind::Choice => "choice",
        PendingKind::Handover => "handover",
        PendingKind::DeviceTest => "device-test",
        PendingKind::OpenedLink => "opened-link",
    }
}

/// The row that a payload is sealed for.
fn place(kind: PendingKind, key: TokenHash) -> String {
    format!("{}/{}", name(kind), URL_SAFE_NO_PAD.encode(key.0))
}
