use sqlx::AssertSqlSafe;

use super::{Db, Tx, dialect, error::refused, sql};
use crate::StorageError;

/// All migrations, in order; the schema version is how many were applied. One
/// that was released is never changed.
const MIGRATIONS: &[&str] = &[
    include_str!("../../migrations/0001_first.sql"),
    include_str!("../../migrations/0002_audit_and_retention.sql"),
    include_str!("../../migrations/0003_guest_links.sql"),
];

/// Any number that no other program on the same PostgreSQL uses for a lock.
const MIGRATION_LOCK: i64 = 0x616e_7465_726f_6f6d;

/// Brings the schema up to date, all or nothing. Several programs may start
/// at once; one does it and the others wait for it.
pub(crate) async fn migrate(db: &Db) -> Result<(), StorageError> {
    let known = i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX);
    let mut tx = db.begin().await?;
    if let Tx::Postgres(_) = tx {
        // Waiting for another node's migration is not waiting for a person.
        tx.execute(sql("SET LOCAL statement_timeout = 0")).await?;
        tx.execute(sql("SET LOCAL lock_timeout = 0")).await?;
        tx.rows(sql("SELECT pg_advisory_xact_lock($1)").bind(MIGRATION_LOCK)).await?;
    }
    tx.execute(sql("CREATE TABLE IF NOT EXISTS schema_versions (version BIGINT NOT NULL PRIMARY KEY)"))
        .await?;
    let newest = tx.row(sql("SELECT MAX(version) AS version FROM schema_versions")).await?;
    let found = match newest {
        Some(row) => row.of("schema_versions", "max").optional_number("version")?.unwrap_or(0),
        None => 0,
    };
    if found > known {
        return Err(StorageError::TooNew { found, known });
    }
    for (version, migration) in (1..).zip(MIGRATIONS).filter(|(version, _)| *version > found) {
        tx.apply(migration).await?;
        tx.execute(sql("INSERT INTO schema_versions (version) VALUES ($1)").bind(version)).await?;
    }
    tx.commit(|| ()).await
}

impl Tx {
    async fn apply(&mut self, migration: &'static str) -> Result<(), StorageError> {
        match self {
            Self::Sqlite(tx) => {
                let migration = dialect::migration_for_sqlite(migration);
                sqlx::raw_sql(AssertSqlSafe(migration)).execute(&mut **tx).await.map_err(refused)?;
            }
            Self::Postgres(tx) => {
                sqlx::raw_sql(migration).execute(&mut **tx).await.map_err(refused)?;
            }
        }
        Ok(())
    }
}
