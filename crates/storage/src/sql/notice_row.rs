//! How a notification record stands in its row.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    Attempt, Notice, NoticeId, NoticeState, NoticeStatus, Recipient, StorageError, db::Cells, seal::Sealer,
};

const STATES: [NoticeState; 4] =
    [NoticeState::Pending, NoticeState::Delivered, NoticeState::Failed, NoticeState::Withdrawn];

const STATUSES: [NoticeStatus; 2] = [NoticeStatus::Connected, NoticeStatus::Disconnected];

pub(super) fn state_name(state: NoticeState) -> &'static str {
    match state {
        NoticeState::Pending => "pending",
        NoticeState::Delivered => "delivered",
        NoticeState::Failed => "failed",
        NoticeState::Withdrawn => "withdrawn",
    }
}

pub(super) fn status_name(status: NoticeStatus) -> &'static str {
    match status {
        NoticeStatus::Connected => "connected",
        NoticeStatus::Disconnected => "disconnected",
    }
}

/// Everything but the launch token, which stands with the seat.
pub(super) fn read(cells: &Cells<'_>, sealer: &Sealer) -> Result<Notice, StorageError> {
    let id = NoticeId(cells.number("notice")?);
    Ok(Notice {
        id,
        about: Recipient {
            ehr: cells.parse("ehr")?,
            visit: cells.parse("visit")?,
            session: cells.parse("session")?,
            seat: cells.parse("seat")?,
            role: cells.parse("role")?,
            external_id: cells.text("external_id")?,
        },
        status: named(cells, "status", &STATUSES, status_name)?,
        happened_at: cells.time("happened_at")?,
        state: named(cells, "state", &STATES, state_name)?,
        attempts: cells.narrow("attempts")?,
        due_at: cells.time("due_at")?,
        history: read_history(cells, sealer, id)?,
        launch_token: None,
    })
}

fn named<T: Copy>(
    cells: &Cells<'_>,
    column: &'static str,
    all: &[T],
    name: fn(T) -> &'static str,
) -> Result<T, StorageError> {
    let text = cells.text(column)?;
    all.iter().copied().find(|one| name(*one) == text).ok_or_else(|| cells.corrupt(column))
}

/// An attempt as it is sealed: an EHR's answer may quote what it was sent.
#[derive(Serialize, Deserialize)]
struct AttemptText {
    at: Timestamp,
    http_status: Option<u16>,
    answer: String,
}

pub(super) fn seal_history(sealer: &Sealer, id: NoticeId, history: &[Attempt]) -> Vec<u8> {
    let texts: Vec<_> = history
        .iter()
        .cloned()
        .map(|Attempt { at, http_status, answer }| AttemptText { at, http_status, answer })
        .collect();
    sealer.seal_json("notices", "history", &id.0.to_string(), &texts)
}

pub(super) fn read_history(
    cells: &Cells<'_>,
    sealer: &Sealer,
    id: NoticeId,
) -> Result<Vec<Attempt>, StorageError> {
    let texts: Option<Vec<AttemptText>> = cells.optional_sealed_json(sealer, "history", &id.0.to_string())?;
    Ok(texts
        .unwrap_or_default()
        .into_iter()
        .map(|AttemptText { at, http_status, answer }| Attempt { at, http_status, answer })
        .collect())
}
