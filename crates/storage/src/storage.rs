use std::{fmt, path::PathBuf, sync::Arc};

use outside::Random;
use secrecy::{ExposeSecret, SecretString};

use crate::{
    Secrecy, StorageError,
    db::{self, Db, sql},
    seal::Sealer,
    wakes::{Listener, Wakes},
};

/// Where the database is.
#[derive(Debug, Clone)]
pub enum DatabaseUrl {
    /// A file of the embedded database; made if it is not there, its folder
    /// is not.
    Sqlite(PathBuf),
    /// A `postgres://` address, which may hold a password.
    Postgres(SecretString),
}

/// How to open the database.
#[derive(Clone)]
pub struct StorageConfig {
    /// Where it is.
    pub url: DatabaseUrl,
    /// What names and tokens are sealed with.
    pub secrecy: Secrecy,
    /// How many connections this node uses at most: for everything on
    /// PostgreSQL (and one more to listen), for reading on SQLite (and one
    /// more to write).
    pub connections: u32,
}

impl fmt::Debug for StorageConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StorageConfig")
            .field("url", &self.url)
            .field("connections", &self.connections)
            .finish_non_exhaustive()
    }
}

/// The database. It implements the trait of each aggregate; clones share its
/// connections.
///
/// Moments are kept to the millisecond.
#[derive(Clone)]
pub struct Storage(Arc<Inner>);

struct Inner {
    db: Db,
    sealer: Sealer,
    random: Arc<dyn Random>,
    wakes: Wakes,
    /// On PostgreSQL; held so that it is heard until the last clone is gone.
    _listener: Option<Listener>,
}

impl fmt::Debug for Storage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.db() {
            Db::Sqlite { .. } => "Storage(SQLite)",
            Db::Postgres(_) => "Storage(PostgreSQL)",
        })
    }
}

impl Storage {
    /// Opens the database and brings its schema up to date. A database of a
    /// newer program is refused ([`StorageError::TooNew`]).
    pub async fn open(config: StorageConfig, random: Arc<dyn Random>) -> Result<Self, StorageError> {
        Self::open_with_older_keys(config, &[], random).await
    }

    /// As [`Self::open`] while keys are rotated: what these keys once sealed
    /// opens too (see [`crate::SealingKeys`]).
    pub async fn open_with_older_keys(
        config: StorageConfig,
        older: &[Secrecy],
        random: Arc<dyn Random>,
    ) -> Result<Self, StorageError> {
        let sealer = Sealer::new(&config.secrecy, older, Arc::clone(&random));
        match &config.url {
            DatabaseUrl::Sqlite(path) => {
                let db = db::open_sqlite(path, config.connections).await?;
                Self::over(db, sealer, random).await
            }
            DatabaseUrl::Postgres(url) => {
                let options = db::postgres_options(url.expose_secret())?;
                let db = db::open_postgres(options.clone(), config.connections).await?;
                db::migrate(&db).await?;
                let wakes = Wakes::new(&*random);
                let listener = Listener::start(options, wakes.clone()).await?;
                Ok(Self(Arc::new(Inner { db, sealer, random, wakes, _listener: Some(listener) })))
            }
        }
    }

    /// Takes an SQLite database: it has no other nodes to listen to.
    pub(crate) async fn over(db: Db, sealer: Sealer, random: Arc<dyn Random>) -> Result<Self, StorageError> {
        db::migrate(&db).await?;
        let wakes = Wakes::new(&*random);
        Ok(Self(Arc::new(Inner { db, sealer, random, wakes, _listener: None })))
    }

    /// Asks the database whether it answers.
    pub async fn ping(&self) -> Result<(), StorageError> {
        self.db().rows(sql("SELECT 1")).await.map(drop)
    }

    /// Closes all connections after what they are at. Whoever asks later is
    /// answered [`StorageError::Unavailable`].
    pub async fn close(&self) {
        self.db().close().await;
    }

    pub(crate) fn db(&self) -> &Db {
        &self.0.db
    }

    pub(crate) fn sealer(&self) -> &Sealer {
        &self.0.sealer
    }

    pub(crate) fn random(&self) -> &dyn Random {
        &*self.0.random
    }

    pub(crate) fn wakes(&self) -> &Wakes {
        &self.0.wakes
    }
}
