use sqlx::error::ErrorKind;

use crate::StorageError;

/// What the database said against a statement. Of its answer only code and
/// message are kept: PostgreSQL's detail quotes the row.
#[derive(Debug, thiserror::Error)]
#[error("the database refused a statement ({code}): {message}")]
struct Refused {
    code: String,
    message: String,
}

/// Sorts out why a statement failed.
pub(super) fn refused(error: sqlx::Error) -> StorageError {
    let sqlx::Error::Database(answer) = error else {
        return unavailable(error);
    };
    let code = answer.code().unwrap_or_default();
    if answer.kind() == ErrorKind::UniqueViolation || is_collision(&code) {
        return StorageError::Conflict;
    }
    unavailable(Refused { code: code.into_owned(), message: answer.message().to_owned() })
}

/// PostgreSQL: serialization failure, deadlock. SQLite: another process kept
/// the lock for longer than the busy timeout.
fn is_collision(code: &str) -> bool {
    matches!(code, "40001" | "40P01" | "5" | "6" | "261" | "262" | "517")
}

pub(crate) fn unavailable(error: impl std::error::Error + Send + Sync + 'static) -> StorageError {
    StorageError::Unavailable(Box::new(error))
}
