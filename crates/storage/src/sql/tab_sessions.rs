use async_trait::async_trait;
use jiff::Timestamp;

use crate::{Storage, StorageError, TabSession, TabSessions, TokenHash, db::sql};

#[async_trait]
impl TabSessions for Storage {
    async fn lookup_session(
        &self,
        hash: TokenHash,
        now: Timestamp,
    ) -> Result<Option<TabSession>, StorageError> {
        let session =
            sql("SELECT seat, tab, expires_at FROM tab_sessions WHERE hash = $1 AND expires_at > $2");
        let Some(row) = self.db().row(session.bind(&hash.0[..]).bind(now)).await? else { return Ok(None) };
        let cells = row.keyed("tab_sessions", "seat");
        Ok(Some(TabSession {
            seat: cells.parse("seat")?,
            tab: cells.narrow("tab")?,
            expires_at: cells.time("expires_at")?,
        }))
    }
}
