use std::str::FromStr;

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use sqlx::{Decode, Postgres, Row as _, Sqlite, Type, postgres::PgRow, sqlite::SqliteRow};

use crate::{StorageError, seal::Sealer};

/// One row of an answer.
pub(crate) enum Row {
    Sqlite(SqliteRow),
    Postgres(PgRow),
}

impl Row {
    pub(super) fn sqlite(rows: Vec<SqliteRow>) -> Vec<Self> {
        rows.into_iter().map(Self::Sqlite).collect()
    }

    pub(super) fn postgres(rows: Vec<PgRow>) -> Vec<Self> {
        rows.into_iter().map(Self::Postgres).collect()
    }

    /// Its cells, as those of this row of this table: what they hold was
    /// written by this program, and anything else is reported with its place.
    /// The id may stand in logs.
    pub(crate) fn of(&self, table: &'static str, id: &(impl ToString + ?Sized)) -> Cells<'_> {
        Cells { row: self, table, id: id.to_string() }
    }

    /// As [`Self::of`], with the id from this column (a text or a number).
    pub(crate) fn keyed(&self, table: &'static str, column: &'static str) -> Cells<'_> {
        let number = || self.get::<i64>(column).ok().flatten().map(|number| number.to_string());
        let id = self.get::<String>(column).ok().flatten().or_else(number);
        self.of(table, id.as_deref().unwrap_or("?"))
    }

    fn get<'r, T>(&'r self, column: &str) -> Result<Option<T>, sqlx::Error>
    where
        T: Decode<'r, Sqlite> + Type<Sqlite> + Decode<'r, Postgres> + Type<Postgres>,
    {
        match self {
            Self::Sqlite(row) => row.try_get(column),
            Self::Postgres(row) => row.try_get(column),
        }
    }
}

/// The cells of a row, by column.
pub(crate) struct Cells<'r> {
    row: &'r Row,
    table: &'static str,
    id: String,
}

impl<'r> Cells<'r> {
    /// What to answer when this column holds what cannot be read.
    pub(crate) fn corrupt(&self, column: &'static str) -> StorageError {
        StorageError::Corrupt { table: self.table, column, id: self.id.clone() }
    }

    fn cell<T>(&self, column: &'static str) -> Result<Option<T>, StorageError>
    where
        T: Decode<'r, Sqlite> + Type<Sqlite> + Decode<'r, Postgres> + Type<Postgres>,
    {
        self.row.get(column).map_err(|_| self.corrupt(column))
    }

    fn present<T>(&self, column: &'static str, cell: Option<T>) -> Result<T, StorageError> {
        cell.ok_or_else(|| self.corrupt(column))
    }

    pub(crate) fn optional_text(&self, column: &'static str) -> Result<Option<String>, StorageError> {
        self.cell(column)
    }

    pub(crate) fn text(&self, column: &'static str) -> Result<String, StorageError> {
        self.present(column, self.cell(column)?)
    }

    /// A text that checks itself.
    pub(crate) fn parse<T: FromStr>(&self, column: &'static str) -> Result<T, StorageError> {
        self.text(column)?.parse().map_err(|_| self.corrupt(column))
    }

    pub(crate) fn json<T: DeserializeOwned>(&self, column: &'static str) -> Result<T, StorageError> {
        serde_json::from_str(&self.text(column)?).map_err(|_| self.corrupt(column))
    }

    pub(crate) fn optional_number(&self, column: &'static str) -> Result<Option<i64>, StorageError> {
        self.cell(column)
    }

    pub(crate) fn number(&self, column: &'static str) -> Result<i64, StorageError> {
        self.present(column, self.cell(column)?)
    }

    /// A number that is stored in the wider type.
    pub(crate) fn narrow<T: TryFrom<i64>>(&self, column: &'static str) -> Result<T, StorageError> {
        self.number(column)?.try_into().map_err(|_| self.corrupt(column))
    }

    pub(crate) fn optional_bytes(&self, column: &'static str) -> Result<Option<Vec<u8>>, StorageError> {
        self.cell(column)
    }

    pub(crate) fn flag(&self, column: &'static str) -> Result<bool, StorageError> {
        self.present(column, self.cell(column)?)
    }

    pub(crate) fn optional_time(&self, column: &'static str) -> Result<Option<Timestamp>, StorageError> {
        self.cell(column)?
            .map(|moment| Timestamp::from_millisecond(moment).map_err(|_| self.corrupt(column)))
            .transpose()
    }

    pub(crate) fn time(&self, column: &'static str) -> Result<Timestamp, StorageError> {
        self.present(column, self.optional_time(column)?)
    }

    /// What was sealed for this column of the row with this key.
    pub(crate) fn optional_sealed(
        &self,
        sealer: &Sealer,
        column: &'static str,
        key: &str,
    ) -> Result<Option<Vec<u8>>, StorageError> {
        self.optional_bytes(column)?
            .map(|sealed| {
                let clear = sealer.unseal(self.table, column, key, &sealed);
                clear.ok_or_else(|| self.corrupt(column))
            })
            .transpose()
    }

    pub(crate) fn sealed(
        &self,
        sealer: &Sealer,
        column: &'static str,
        key: &str,
    ) -> Result<Vec<u8>, StorageError> {
        self.present(column, self.optional_sealed(sealer, column, key)?)
    }

    pub(crate) fn sealed_text(
        &self,
        sealer: &Sealer,
        column: &'static str,
        key: &str,
    ) -> Result<String, StorageError> {
        String::from_utf8(self.sealed(sealer, column, key)?).map_err(|_| self.corrupt(column))
    }

    pub(crate) fn optional_sealed_json<T: DeserializeOwned>(
        &self,
        sealer: &Sealer,
        column: &'static str,
        key: &str,
    ) -> Result<Option<T>, StorageError> {
        self.optional_sealed(sealer, column, key)?
            .map(|clear| serde_json::from_slice(&clear).map_err(|_| self.corrupt(column)))
            .transpose()
    }
}
