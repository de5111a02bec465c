use async_trait::async_trait;
use audit::{Break, BrokenAt, Chain, Entry, Record};

use crate::StorageError;

/// The audit log: append only, one hash chain for all nodes.
///
/// What happens in visits is recorded by [`crate::Visits::save`] in the
/// transaction of the events, and a purge by [`crate::Housekeeping`]. All else
/// is recorded by whoever does it, with [`Self::append`].
///
/// Appending takes turns: the chain's end is locked from the append, which
/// comes last in its transaction, to the commit. On PostgreSQL all nodes
/// together so make one recorded commit after another: some 200 in a second,
/// measured with an unoptimized build, clients and server on two busy cores.
/// SQLite writes one after another anyway. A visit of two makes about eight
/// entries: 100,000 visits in a day of ten hours are 22 in a second.
#[async_trait]
pub trait AuditLog: Send + Sync {
    /// Puts a record at the end of the chain and answers its number.
    async fn append(&self, record: &Record) -> Result<u64, StorageError>;

    /// How far the chain goes.
    async fn audit_chain(&self) -> Result<Chain, StorageError>;

    /// Entries after this number (0: from the first), oldest first, at most
    /// `limit`.
    async fn audit_entries_after(&self, number: u64, limit: u32) -> Result<Vec<Entry>, StorageError>;
}

/// How many entries are read at a time.
const PAGE: u32 = 1000;

/// Follows the whole chain to the end that is on record, so that entries
/// missing at the end are found too. Others may append meanwhile.
pub async fn verify_audit(log: &dyn AuditLog) -> Result<Result<Chain, BrokenAt>, StorageError> {
    let mut seen = Chain::default();
    loop {
        // Read before the entries: up to here they must be there.
        let end = log.audit_chain().await?;
        loop {
            let page = log.audit_entries_after(seen.length, PAGE).await?;
            if page.is_empty() {
                break;
            }
            for entry in &page {
                if let Err(broken) = seen.follow(entry) {
                    return Ok(Err(broken));
                }
                if entry.number == end.length && entry.hash != end.hash {
                    return Ok(Err(BrokenAt { number: entry.number, how: Break::Changed }));
                }
            }
        }
        if seen.length < end.length {
            return Ok(Err(BrokenAt { number: seen.length + 1, how: Break::Missing }));
        }
        // Read after the entries: no further than here may they go.
        let end = log.audit_chain().await?;
        if seen.length > end.length {
            return Ok(Err(BrokenAt { number: end.length + 1, how: Break::Added }));
        }
        if seen.length == end.length {
            let same = seen.hash == end.hash;
            let broken = BrokenAt { number: end.length, how: Break::Changed };
            return Ok(if same { Ok(seen) } else { Err(broken) });
        }
    }
}
