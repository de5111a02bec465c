//! One face for both databases, so that each repository is written once.
//!
//! Statements are in the subset that both speak: `$1` parameters, ids as
//! `TEXT`, moments as milliseconds in `BIGINT`, JSON as `TEXT`, sealed bytes
//! as `BYTEA`, `ON CONFLICT` and `RETURNING`. The few words that differ are
//! in [`dialect`].

mod dialect;
mod error;
mod migrations;
mod open;
mod row;
mod statement;

use sqlx::{PgPool, Postgres, Sqlite, SqlitePool, Transaction};

pub(crate) use error::unavailable;
pub(crate) use migrations::migrate;
pub(crate) use open::{open_in_memory, open_postgres, open_sqlite, postgres_options};
pub(crate) use row::{Cells, Row};
pub(crate) use statement::{Statement, sql};

use self::{error::refused, statement::query};
use crate::StorageError;

/// A database with its connections.
pub(crate) enum Db {
    /// SQLite has one writer at a time, so ours queue for one connection
    /// instead of for a lock; readers do not wait for it.
    Sqlite {
        readers: SqlitePool,
        writer: SqlitePool,
    },
    Postgres(PgPool),
}

/// A transaction that writes; dropped, it is rolled back.
pub(crate) enum Tx {
    Sqlite(Transaction<'static, Sqlite>),
    Postgres(Transaction<'static, Postgres>),
}

impl Db {
    /// Reads.
    pub(crate) async fn rows(&self, statement: Statement) -> Result<Vec<Row>, StorageError> {
        match self {
            Self::Sqlite { readers, .. } => {
                Ok(Row::sqlite(query(statement).fetch_all(readers).await.map_err(refused)?))
            }
            Self::Postgres(pool) => {
                Ok(Row::postgres(query(statement).fetch_all(pool).await.map_err(refused)?))
            }
        }
    }

    /// Reads the one row that there can be.
    pub(crate) async fn row(&self, statement: Statement) -> Result<Option<Row>, StorageError> {
        Ok(self.rows(statement).await?.pop())
    }

    /// Writes with one statement that is its own transaction, and answers
    /// what it `RETURNING`s.
    pub(crate) async fn returning(&self, statement: Statement) -> Result<Vec<Row>, StorageError> {
        match self {
            Self::Sqlite { writer, .. } => {
                Ok(Row::sqlite(query(statement).fetch_all(writer).await.map_err(refused)?))
            }
            Self::Postgres(_) => self.rows(statement).await,
        }
    }

    /// Writes with one statement that is its own transaction, and answers how
    /// many rows it changed.
    pub(crate) async fn execute(&self, statement: Statement) -> Result<u64, StorageError> {
        Ok(match self {
            Self::Sqlite { writer, .. } => {
                query(statement).execute(writer).await.map_err(refused)?.rows_affected()
            }
            Self::Postgres(pool) => query(statement).execute(pool).await.map_err(refused)?.rows_affected(),
        })
    }

    /// Begins a transaction. On SQLite it holds the write lock from the
    /// start: one that began by reading could not be sure to get it later.
    pub(crate) async fn begin(&self) -> Result<Tx, StorageError> {
        Ok(match self {
            Self::Sqlite { writer, .. } => {
                Tx::Sqlite(writer.begin_with("BEGIN IMMEDIATE").await.map_err(refused)?)
            }
            Self::Postgres(pool) => Tx::Postgres(pool.begin().await.map_err(refused)?),
        })
    }

    /// Overwrites what was deleted, where the database leaves that to us:
    /// SQLite's journal keeps old pages until it is emptied.
    pub(crate) async fn overwrite_deleted(&self) {
        let Self::Sqlite { writer, .. } = self else { return };
        let emptied = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(writer).await;
        if let Err(error) = emptied.map_err(refused) {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "the journal could not be emptied; it is overwritten by and by"
            );
        }
    }

    /// Closes all connections once they are idle.
    pub(crate) async fn close(&self) {
        match self {
            Self::Sqlite { readers, writer } => {
                readers.close().await;
                writer.close().await;
            }
            Self::Postgres(pool) => pool.close().await,
        }
    }
}

impl Tx {
    /// Reads, or writes and answers what is `RETURNING`ed.
    pub(crate) async fn rows(&mut self, statement: Statement) -> Result<Vec<Row>, StorageError> {
        match self {
            Self::Sqlite(tx) => {
                Ok(Row::sqlite(query(statement).fetch_all(&mut **tx).await.map_err(refused)?))
            }
            Self::Postgres(tx) => {
                Ok(Row::postgres(query(statement).fetch_all(&mut **tx).await.map_err(refused)?))
            }
        }
    }

    /// As [`Self::rows`] where there can be one row only.
    pub(crate) async fn row(&mut self, statement: Statement) -> Result<Option<Row>, StorageError> {
        Ok(self.rows(statement).await?.pop())
    }

    /// Writes and answers how many rows were changed.
    pub(crate) async fn execute(&mut self, statement: Statement) -> Result<u64, StorageError> {
        Ok(match self {
            Self::Sqlite(tx) => query(statement).execute(&mut **tx).await.map_err(refused)?.rows_affected(),
            Self::Postgres(tx) => query(statement).execute(&mut **tx).await.map_err(refused)?.rows_affected(),
        })
    }

    /// Tells the other nodes once this is committed. On SQLite there are none.
    pub(crate) async fn notify(&mut self, channel: &str, payload: &str) -> Result<(), StorageError> {
        if let Self::Postgres(_) = self {
            self.rows(sql("SELECT pg_notify($1, $2)").bind(channel).bind(payload)).await?;
        }
        Ok(())
    }

    /// Commits, and then does what has to follow. Both happen even if the
    /// caller is dropped meanwhile, as it is when a browser hangs up: nothing
    /// is stored of which nobody is told.
    pub(crate) async fn commit(self, then: impl FnOnce() + Send + 'static) -> Result<(), StorageError> {
        let committing = tokio::spawn(async move {
            match self {
                Self::Sqlite(tx) => tx.commit().await,
                Self::Postgres(tx) => tx.commit().await,
            }
            .map_err(refused)?;
            then();
            Ok(())
        });
        committing.await.unwrap_or_else(|stopped| Err(unavailable(stopped)))
    }
}
