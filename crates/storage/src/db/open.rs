use std::{path::Path, str::FromStr, time::Duration};

use sqlx::{
    postgres::{PgConnectOptions, PgPoolOptions},
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

use super::{Db, error::refused, unavailable};
use crate::StorageError;

/// How long somebody may wait for a connection or a lock.
const PATIENCE: Duration = Duration::from_secs(5);

/// Opens the embedded database and makes it where there is none. Its file is
/// for this user alone.
///
/// The write-ahead log is synced at each commit (`synchronous = FULL`): a
/// killed process would lose nothing without that, a power cut the last
/// moments; and what we told a browser or an EHR must not be undone.
pub(crate) async fn open_sqlite(path: &Path, readers: u32) -> Result<Db, StorageError> {
    make_private(path).map_err(unavailable)?;
    let options = SqliteConnectOptions::new().filename(path).busy_timeout(PATIENCE).foreign_keys(true);
    let writing = options
        .clone()
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        // What is deleted is gone from the file too.
        .pragma("secure_delete", "ON")
        .optimize_on_close(true, None);
    let reading = options.pragma("query_only", "ON");
    Ok(Db::Sqlite {
        writer: sqlite_pool(1).connect_with(writing).await.map_err(refused)?,
        readers: sqlite_pool(readers.max(1)).connect_with(reading).await.map_err(refused)?,
    })
}

/// Opens an empty database that is gone with its one connection.
pub(crate) async fn open_in_memory() -> Result<Db, StorageError> {
    let options = SqliteConnectOptions::new().in_memory(true).foreign_keys(true);
    let only = sqlite_pool(1).connect_with(options).await.map_err(refused)?;
    Ok(Db::Sqlite { readers: only.clone(), writer: only })
}

fn sqlite_pool(connections: u32) -> SqlitePoolOptions {
    // A connection to a file does not go stale.
    SqlitePoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(PATIENCE)
        .test_before_acquire(false)
        .idle_timeout(None)
        .max_lifetime(None)
}

#[cfg(unix)]
fn make_private(path: &Path) -> std::io::Result<()> {
    use std::{
        fs::{OpenOptions, Permissions, set_permissions},
        os::unix::fs::{OpenOptionsExt, PermissionsExt},
    };

    // SQLite gives its log files the mode of the database.
    OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
    set_permissions(path, Permissions::from_mode(0o600))
}

#[cfg(not(unix))]
fn make_private(_path: &Path) -> std::io::Result<()> {
    Ok(())
}

/// How to connect to this `postgres://` address. A statement that takes
/// longer than people wait is cut off by the server.
pub(crate) fn postgres_options(url: &str) -> Result<PgConnectOptions, StorageError> {
    let options = PgConnectOptions::from_str(url).map_err(refused)?;
    let is_named = options.get_application_name().is_some();
    let options = if is_named { options } else { options.application_name("anteroom") };
    Ok(options.options([
        ("statement_timeout", "15s"),
        ("lock_timeout", "10s"),
        ("idle_in_transaction_session_timeout", "30s"),
    ]))
}

pub(crate) async fn open_postgres(options: PgConnectOptions, connections: u32) -> Result<Db, StorageError> {
    let pool = PgPoolOptions::new()
        .max_connections(connections.max(1))
        .acquire_timeout(PATIENCE)
        .connect_with(options)
        .await
        .map_err(refused)?;
    Ok(Db::Postgres(pool))
}
