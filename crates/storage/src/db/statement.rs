use jiff::Timestamp;
use sqlx::{AssertSqlSafe, Database, Encode, Type, query::Query};

use super::dialect;

/// A statement with its values.
pub(crate) struct Statement {
    text: &'static str,
    values: Vec<Value>,
}

/// A value in one of the types that both databases have. An absent one has a
/// type too, which PostgreSQL wants to know.
pub(crate) enum Value {
    Text(Option<String>),
    Number(Option<i64>),
    Flag(bool),
    Bytes(Option<Vec<u8>>),
}

/// A statement that has no values yet.
pub(crate) fn sql(text: &'static str) -> Statement {
    Statement { text, values: Vec::new() }
}

impl Statement {
    /// Binds the next `$n`.
    pub(crate) fn bind(mut self, value: impl Into<Value>) -> Self {
        self.values.push(value.into());
        self
    }
}

macro_rules! value_from {
    ($($type:ty, $value:ident => $into:expr;)*) => {$(
        impl From<$type> for Value {
            fn from($value: $type) -> Self {
                $into
            }
        }
    )*};
}

value_from! {
    &str, text => Self::Text(Some(text.to_owned()));
    String, text => Self::Text(Some(text));
    Option<String>, text => Self::Text(text);
    Option<&str>, text => Self::Text(text.map(str::to_owned));
    i64, number => Self::Number(Some(number));
    Option<i64>, number => Self::Number(number);
    u32, number => Self::Number(Some(number.into()));
    Timestamp, moment => Self::Number(Some(moment.as_millisecond()));
    Option<Timestamp>, moment => Self::Number(moment.map(Timestamp::as_millisecond));
    bool, flag => Self::Flag(flag);
    Vec<u8>, bytes => Self::Bytes(Some(bytes));
    Option<Vec<u8>>, bytes => Self::Bytes(bytes);
    &[u8], bytes => Self::Bytes(Some(bytes.to_vec()));
}

/// How a database takes a statement's text.
pub(super) trait Speaks: Database {
    /// The text in this database's words.
    fn words(text: &'static str) -> std::borrow::Cow<'static, str>;
}

impl Speaks for sqlx::Sqlite {
    fn words(text: &'static str) -> std::borrow::Cow<'static, str> {
        dialect::statement_for_sqlite(text)
    }
}

impl Speaks for sqlx::Postgres {
    fn words(text: &'static str) -> std::borrow::Cow<'static, str> {
        text.into()
    }
}

/// The statement as sqlx wants it for this database.
pub(super) fn query<DB: Speaks>(statement: Statement) -> Query<'static, DB, DB::Arguments>
where
    Option<String>: Encode<'static, DB> + Type<DB>,
    Option<i64>: Encode<'static, DB> + Type<DB>,
    bool: Encode<'static, DB> + Type<DB>,
    Option<Vec<u8>>: Encode<'static, DB> + Type<DB>,
{
    // The text is a literal of this crate, in this database's words.
    let query = sqlx::query(AssertSqlSafe(DB::words(statement.text)));
    statement.values.into_iter().fold(query, |query, value| match value {
        Value::Text(text) => query.bind(text),
        Value::Number(number) => query.bind(number),
        Value::Flag(flag) => query.bind(flag),
        Value::Bytes(bytes) => query.bind(bytes),
    })
}
