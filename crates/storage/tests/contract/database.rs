//! An empty database for one test.

use std::{
    fs,
    io::Write,
    panic::resume_unwind,
    path::PathBuf,
    sync::{
        Arc, Once,
        atomic::{AtomicU32, Ordering},
    },
};

use outside::{SystemRandom, testing::TestRandom};
use sqlx::{AssertSqlSafe, Connection, PgConnection, Row, SqliteConnection, raw_sql};
use storage::{DatabaseUrl, Secrecy, Storage, StorageConfig, StorageError};
use tempfile::TempDir;

/// Runs each of these tests on both databases.
macro_rules! contract {
    ($($test:ident),* $(,)?) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                crate::database::on_sqlite(super::$test).await;
            })*
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                crate::database::on_postgres(super::$test).await;
            })*
        }
    };
}
pub(crate) use contract;

pub(crate) enum Database {
    Sqlite { folder: TempDir },
    Postgres { url: String, schema: String },
}

pub(crate) async fn on_sqlite<F: Future<Output = ()>>(test: impl FnOnce(Arc<Database>) -> F) {
    test(Arc::new(Database::Sqlite { folder: TempDir::new().unwrap() })).await;
}

/// Numbers the schemas of this run.
static COUNT: AtomicU32 = AtomicU32::new(0);

pub(crate) async fn on_postgres<F>(test: impl FnOnce(Arc<Database>) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let Ok(url) = std::env::var("ANTEROOM_TEST_DATABASE_URL") else {
        say_once_that_postgres_is_skipped();
        return;
    };
    let schema = format!("contract_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    let mut admin = PgConnection::connect(&url).await.unwrap();
    raw_sql(AssertSqlSafe(format!("CREATE SCHEMA {schema}"))).execute(&mut admin).await.unwrap();
    let outcome = tokio::spawn(test(Arc::new(Database::Postgres { url, schema: schema.clone() }))).await;
    raw_sql(AssertSqlSafe(format!("DROP SCHEMA {schema} CASCADE"))).execute(&mut admin).await.unwrap();
    if let Err(failed) = outcome {
        resume_unwind(failed.into_panic());
    }
}

fn say_once_that_postgres_is_skipped() {
    static SAID: Once = Once::new();
    // Past the test runner, which swallows what is printed.
    SAID.call_once(|| {
        let line = b"storage contract: PostgreSQL skipped (ANTEROOM_TEST_DATABASE_URL is not set)\n";
        std::io::stderr().write_all(line).unwrap();
    });
}

fn secrecy(key_id: u32, key: u8) -> Secrecy {
    Secrecy { key_id, key: Box::new([key; 32]).into() }
}

impl Database {
    /// One more node on this database.
    pub(crate) async fn open(&self) -> Storage {
        self.try_open(7).await.unwrap()
    }

    /// Opens it with this key.
    pub(crate) async fn try_open(&self, key: u8) -> Result<Storage, StorageError> {
        Storage::open(self.config(secrecy(1, key)), Arc::new(SystemRandom::new())).await
    }

    /// Opens it with the keys of these ids.
    pub(crate) async fn open_with_keys(&self, current: u8, older: &[u8]) -> Storage {
        let key = |id: u8| secrecy(id.into(), id);
        let older: Vec<_> = older.iter().map(|id| key(*id)).collect();
        let random = Arc::new(SystemRandom::new());
        Storage::open_with_older_keys(self.config(key(current)), &older, random).await.unwrap()
    }

    fn config(&self, secrecy: Secrecy) -> StorageConfig {
        StorageConfig { url: self.url(), secrecy, connections: 4 }
    }

    fn url(&self) -> DatabaseUrl {
        match self {
            Self::Sqlite { .. } => DatabaseUrl::Sqlite(self.file()),
            Self::Postgres { .. } => DatabaseUrl::Postgres(self.postgres_url().into()),
        }
    }

    pub(crate) fn file(&self) -> PathBuf {
        match self {
            Self::Sqlite { folder } => folder.path().join("anteroom.db"),
            Self::Postgres { .. } => panic!("PostgreSQL has no file of ours"),
        }
    }

    fn postgres_url(&self) -> String {
        match self {
            Self::Sqlite { .. } => panic!("SQLite has no address"),
            Self::Postgres { url, schema } => {
                let joint = if url.contains('?') { '&' } else { '?' };
                format!("{url}{joint}options[search_path]={schema}&application_name={schema}")
            }
        }
    }

    /// Does behind the program's back what no program of ours does.
    pub(crate) async fn tamper(&self, statements: &str) {
        let statements = raw_sql(AssertSqlSafe(statements.to_owned()));
        match self {
            Self::Sqlite { .. } => {
                let url = format!("sqlite:{}", self.file().display());
                let mut connection = SqliteConnection::connect(&url).await.unwrap();
                statements.execute(&mut connection).await.unwrap();
            }
            Self::Postgres { .. } => {
                let mut connection = PgConnection::connect(&self.postgres_url()).await.unwrap();
                statements.execute(&mut connection).await.unwrap();
            }
        }
    }

    /// Ends all connections that programs have to it.
    pub(crate) async fn cut_connections(&self) {
        self.tamper(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
             WHERE application_name = current_setting('application_name') AND pid <> pg_backend_pid()",
        )
        .await;
    }

    /// Everything that somebody reads who gets at the database.
    pub(crate) async fn dump(&self) -> Vec<u8> {
        match self {
            Self::Sqlite { folder } => {
                let files = fs::read_dir(folder.path()).unwrap();
                files.flat_map(|file| fs::read(file.unwrap().path()).unwrap()).collect()
            }
            Self::Postgres { schema, .. } => {
                let mut connection = PgConnection::connect(&self.postgres_url()).await.unwrap();
                let tables = sqlx::query(
                    "SELECT table_name::text FROM information_schema.tables WHERE table_schema = $1",
                )
                .bind(schema)
                .fetch_all(&mut connection)
                .await
                .unwrap();
                let mut dump = Vec::new();
                for table in tables {
                    let table: String = table.get(0);
                    // As escaped text, so that clear text in bytes is seen.
                    let rows = format!("SET bytea_output = 'escape'; SELECT t::text FROM {table} t");
                    for row in raw_sql(AssertSqlSafe(rows)).fetch_all(&mut connection).await.unwrap() {
                        dump.extend_from_slice(row.get::<String, _>(0).as_bytes());
                    }
                }
                dump
            }
        }
    }
}

/// A database in memory, as tests of other crates take it.
pub(crate) async fn temporary() -> Storage {
    Storage::temporary(Arc::new(TestRandom::seeded(1))).await.unwrap()
}
