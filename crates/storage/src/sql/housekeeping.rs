use async_trait::async_trait;
use audit::Actor;
use jiff::Timestamp;
use visit::{EhrId, Person};

use super::purge;
use crate::{
    Deleted, Housekeeping, Purge, Retention, Storage, StorageError,
    db::{Db, sql},
};

/// So many visits or records are deleted in one transaction: others wait for
/// milliseconds only.
const BATCH: u32 = 100;

#[async_trait]
impl Housekeeping for Storage {
    async fn delete_old(&self, retention: &Retention, now: Timestamp) -> Result<Deleted, StorageError> {
        // Before time began there is nothing to delete.
        let before = |kept| now.checked_sub(kept).unwrap_or(Timestamp::MIN);
        let mut deleted = Deleted::default();
        while delete_visits(self.db(), before(retention.visits), &mut deleted).await? {}
        while delete_notices(self.db(), before(retention.notices), &mut deleted).await? {}
        Ok(deleted)
    }

    async fn purge_person(
        &self,
        ehr: &EhrId,
        person: &Person,
        by: &Actor,
        now: Timestamp,
    ) -> Result<Purge, StorageError> {
        purge::person(self, ehr, person, by, now).await
    }
}

/// Deletes some, and answers whether there may be more. A visit that somebody
/// is about to reopen is left to the next time.
async fn delete_visits(db: &Db, before: Timestamp, deleted: &mut Deleted) -> Result<bool, StorageError> {
    let mut tx = db.begin().await?;
    let old = sql("SELECT visit FROM visits WHERE ended_at < $1
         ORDER BY ended_at LIMIT $2 FOR UPDATE SKIP LOCKED");
    let old = tx.rows(old.bind(before).bind(BATCH)).await?;
    let mut batch = Deleted::default();
    for row in &old {
        let visit = row.keyed("visits", "visit").text("visit")?;
        batch.events += tx.execute(sql("DELETE FROM events WHERE visit = $1").bind(visit.as_str())).await?;
        batch.seats += tx.execute(sql("DELETE FROM seats WHERE visit = $1").bind(visit.as_str())).await?;
        batch.visits += tx.execute(sql("DELETE FROM visits WHERE visit = $1").bind(visit)).await?;
    }
    tx.commit(|| ()).await?;
    deleted.visits += batch.visits;
    deleted.seats += batch.seats;
    deleted.events += batch.events;
    Ok(old.len() >= BATCH as usize)
}

async fn delete_notices(db: &Db, before: Timestamp, deleted: &mut Deleted) -> Result<bool, StorageError> {
    let old = sql("DELETE FROM notices WHERE notice IN (
             SELECT n.notice FROM notices n WHERE n.happened_at < $1
             ORDER BY n.happened_at LIMIT $2 FOR UPDATE SKIP LOCKED)");
    let count = db.execute(old.bind(before).bind(BATCH)).await?;
    deleted.notices += count;
    Ok(count >= BATCH.into())
}
