use async_trait::async_trait;
use jiff::Timestamp;

use crate::{OperatorSession, Operators, Storage, StorageError, TokenHash, db::sql};

#[async_trait]
impl Operators for Storage {
    async fn set_password(&self, user: &str, phc: &str, now: Timestamp) -> Result<(), StorageError> {
        let mut tx = self.db().begin().await?;
        let set = sql("INSERT INTO operators (user_name, phc, changed_at) VALUES ($1, $2, $3)
             ON CONFLICT (user_name) DO UPDATE SET phc = excluded.phc, changed_at = excluded.changed_at");
        tx.execute(set.bind(user).bind(phc).bind(now)).await?;
        tx.execute(sql("DELETE FROM operator_sessions WHERE user_name = $1").bind(user)).await?;
        tx.commit(|| ()).await
    }

    async fn password(&self, user: &str) -> Result<Option<String>, StorageError> {
        let password = sql("SELECT phc FROM operators WHERE user_name = $1").bind(user);
        let row = self.db().row(password).await?;
        row.map(|row| row.of("operators", user).text("phc")).transpose()
    }

    async fn list_operators(&self) -> Result<Vec<String>, StorageError> {
        let rows = self.db().rows(sql("SELECT user_name FROM operators ORDER BY user_name")).await?;
        rows.iter().map(|row| row.keyed("operators", "user_name").text("user_name")).collect()
    }

    async fn open_session(&self, hash: TokenHash, session: &OperatorSession) -> Result<(), StorageError> {
        let open = sql("INSERT INTO operator_sessions (hash, user_name, expires_at) VALUES ($1, $2, $3)");
        let open = open.bind(&hash.0[..]).bind(session.user.as_str()).bind(session.expires_at);
        self.db().execute(open).await.map(drop)
    }

    async fn operator_session(
        &self,
        hash: TokenHash,
        now: Timestamp,
    ) -> Result<Option<OperatorSession>, StorageError> {
        let session =
            sql("SELECT user_name, expires_at FROM operator_sessions WHERE hash = $1 AND expires_at > $2");
        let Some(row) = self.db().row(session.bind(&hash.0[..]).bind(now)).await? else { return Ok(None) };
        let cells = row.keyed("operator_sessions", "user_name");
        Ok(Some(OperatorSession { user: cells.text("user_name")?, expires_at: cells.time("expires_at")? }))
    }

    async fn close_session(&self, hash: TokenHash) -> Result<(), StorageError> {
        self.db()
            .execute(sql("DELETE FROM operator_sessions WHERE hash = $1").bind(&hash.0[..]))
            .await
            .map(drop)
    }
}
