use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};

use super::{
    notice_row::{self, state_name, status_name},
    seat_card,
};
use crate::{
    Attempt, Notice, NoticeChange, NoticeId, NoticeSearch, NoticeState, NoticeStatus, Notices, Recipient,
    Storage, StorageError,
    db::{Row, Tx, sql},
};

/// Makes a change in the transaction of the event that causes it.
pub(super) async fn change(tx: &mut Tx, change: &NoticeChange, at: Timestamp) -> Result<(), StorageError> {
    match change {
        NoticeChange::Connected(about) => {
            let withdrawn = tx.execute(sql(WITHDRAW).bind(about.seat.as_str())).await?;
            if withdrawn == 0 {
                insert(tx, about, NoticeStatus::Connected, at, at).await?;
            }
            Ok(())
        }
        NoticeChange::Disconnected { about, grace } => {
            insert(tx, about, NoticeStatus::Disconnected, at, after(at, *grace)).await
        }
    }
}

/// A node that takes the notification at the same moment has either counted
/// its attempt already, or finds it withdrawn: both change the one row.
const WITHDRAW: &str = "UPDATE notices SET state = 'withdrawn'
    WHERE seat = $1 AND status = 'disconnected' AND state = 'pending' AND attempts = 0";

async fn insert(
    tx: &mut Tx,
    about: &Recipient,
    status: NoticeStatus,
    at: Timestamp,
    due_at: Timestamp,
) -> Result<(), StorageError> {
    let insert =
        sql("INSERT INTO notices (ehr, visit, session, seat, role, external_id, status, happened_at,
                              state, attempts, due_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'pending', 0, $9)")
        .bind(about.ehr.as_str())
        .bind(about.visit.as_str())
        .bind(about.session.as_str())
        .bind(about.seat.as_str())
        .bind(about.role.as_str())
        .bind(about.external_id.as_str())
        .bind(status_name(status))
        .bind(at)
        .bind(due_at);
    tx.execute(insert).await.map(drop)
}

/// The lease is nothing but a later due time. Of two nodes that look at once,
/// each skips what the other has just taken.
const TAKE_DUE: &str = "UPDATE notices SET attempts = attempts + 1, due_at = $2
    WHERE notice IN (
        SELECT n.notice FROM notices n
        WHERE n.state = 'pending' AND n.due_at <= $1
          AND NOT EXISTS (SELECT 1 FROM notices earlier
                          WHERE earlier.seat = n.seat AND earlier.state = 'pending'
                            AND earlier.notice < n.notice)
        ORDER BY n.due_at, n.notice LIMIT $3 FOR UPDATE SKIP LOCKED)
    RETURNING notice, ehr, visit, session, seat, role, external_id, status, happened_at, state, attempts,
              due_at, history, (SELECT s.card FROM seats s WHERE s.seat = notices.seat) AS card";

#[async_trait]
impl Notices for Storage {
    async fn take_due(
        &self,
        now: Timestamp,
        lease: SignedDuration,
        limit: u32,
    ) -> Result<Vec<Notice>, StorageError> {
        let take = sql(TAKE_DUE).bind(now).bind(after(now, lease)).bind(limit);
        let rows = self.db().returning(take).await?;
        let mut due: Vec<_> = rows.iter().filter_map(|row| self.read_taken(row, now)).collect();
        due.sort_by_key(|notice| notice.id);
        Ok(due)
    }

    async fn next_due(&self) -> Result<Option<Timestamp>, StorageError> {
        let next = sql("SELECT MIN(n.due_at) AS due_at FROM notices n
             WHERE n.state = 'pending'
               AND NOT EXISTS (SELECT 1 FROM notices earlier
                               WHERE earlier.seat = n.seat AND earlier.state = 'pending'
                                 AND earlier.notice < n.notice)");
        let Some(row) = self.db().row(next).await? else { return Ok(None) };
        row.of("notices", "min").optional_time("due_at")
    }

    async fn record_attempt(
        &self,
        id: NoticeId,
        attempt: &Attempt,
        state: NoticeState,
        due_at: Timestamp,
    ) -> Result<(), StorageError> {
        let mut tx = self.db().begin().await?;
        let history = sql("SELECT history FROM notices WHERE notice = $1 FOR UPDATE").bind(id.0);
        let Some(row) = tx.row(history).await? else { return Ok(()) };
        let mut history = notice_row::read_history(&row.of("notices", &id.0), self.sealer(), id)?;
        history.push(attempt.clone());

        let sealed = notice_row::seal_history(self.sealer(), id, &history);
        let kept = sql("UPDATE notices SET history = $2 WHERE notice = $1").bind(id.0).bind(sealed);
        tx.execute(kept).await?;
        // A node whose lease ran out may come late: what the EHR accepted
        // meanwhile stays accepted.
        let ended = sql("UPDATE notices SET state = $2, due_at = $3 WHERE notice = $1 AND state = 'pending'");
        tx.execute(ended.bind(id.0).bind(state_name(state)).bind(due_at)).await?;
        tx.commit(|| ()).await
    }

    async fn search_notices(&self, search: &NoticeSearch) -> Result<Vec<Notice>, StorageError> {
        let found = sql("SELECT notice, ehr, visit, session, seat, role, external_id, status, happened_at,
                    state, attempts, due_at, history
             FROM notices
             WHERE ($1 IS NULL OR session = $1 OR visit = $1
                    OR visit IN (SELECT c.visit FROM visit_csns c WHERE c.csn = $1))
               AND ($2 IS NULL OR state = $2)
               AND ($3 IS NULL OR notice < $3)
             ORDER BY notice DESC LIMIT $4")
        .bind(search.meeting.as_deref())
        .bind(search.state.map(state_name))
        .bind(search.before.map(|NoticeId(before)| before))
        .bind(search.limit);
        let rows = self.db().rows(found).await?;
        rows.iter().map(|row| notice_row::read(&row.keyed("notices", "notice"), self.sealer())).collect()
    }

    async fn retry(&self, id: NoticeId, now: Timestamp) -> Result<bool, StorageError> {
        let retry = sql("UPDATE notices SET state = 'pending', due_at = $2
             WHERE notice = $1 AND state = 'failed'
               AND NOT EXISTS (SELECT 1 FROM notices later
                               WHERE later.seat = notices.seat AND later.state = 'delivered'
                                 AND later.notice > notices.notice)");
        Ok(self.db().execute(retry.bind(id.0).bind(now)).await? > 0)
    }
}

impl Storage {
    /// One record that cannot be read must not keep the others from the EHR:
    /// it is reported and left out, and so is a token alone.
    fn read_taken(&self, row: &Row, now: Timestamp) -> Option<Notice> {
        let cells = row.keyed("notices", "notice");
        let report = |error: &StorageError| tracing::error!(%error, "cannot read what the EHR is to be told");
        let mut notice = notice_row::read(&cells, self.sealer()).inspect_err(report).ok()?;

        let seat = row.of("seats", &notice.about.seat);
        let card = seat_card::read(&seat, self.sealer(), &notice.about.seat).inspect_err(report);
        let (token, expires_at) = card.ok().flatten().and_then(|card| card.launch_token).unzip();
        let is_good = expires_at.flatten().is_none_or(|expires_at| expires_at > now);
        notice.launch_token = token.filter(|_| is_good);
        Some(notice)
    }
}

/// As far as time goes.
fn after(moment: Timestamp, by: SignedDuration) -> Timestamp {
    moment.checked_add(by).unwrap_or(Timestamp::MAX)
}
