/// What can go wrong with the database.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// It cannot be reached, did not answer in time, or refused a statement.
    #[error("the database does not answer")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Somebody else was faster: read again and try again.
    #[error("somebody else changed this at the same time")]
    Conflict,
    /// A row that this program cannot have written.
    #[error("table {table}, column {column}, row {id} holds what cannot be read")]
    Corrupt {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
        /// The row's key, where it may stand in a log.
        id: String,
    },
    /// The database was made by a newer program.
    #[error("the database was made by a newer Anteroom (schema {found}, this one knows {known})")]
    TooNew {
        /// The schema version that was found.
        found: i64,
        /// The newest that this program knows.
        known: i64,
    },
}
