use async_trait::async_trait;
use audit::{Chain, ChainHash, Entry, Record};

use crate::{
    AuditLog, Storage, StorageError,
    db::{Cells, Row, Tx, sql},
};

#[async_trait]
impl AuditLog for Storage {
    async fn append(&self, record: &Record) -> Result<u64, StorageError> {
        let mut tx = self.db().begin().await?;
        let chain = append(&mut tx, [record]).await?;
        tx.commit(|| ()).await?;
        Ok(chain.length)
    }

    async fn audit_chain(&self) -> Result<Chain, StorageError> {
        let row = self.db().row(sql("SELECT length, hash FROM audit_chain")).await?;
        read_chain(row.as_ref())
    }

    async fn audit_entries_after(&self, number: u64, limit: u32) -> Result<Vec<Entry>, StorageError> {
        let entries = sql("SELECT number, body, hash FROM audit_log
             WHERE number > $1 ORDER BY number LIMIT $2");
        let entries = entries.bind(number.cast_signed()).bind(limit);
        self.db()
            .rows(entries)
            .await?
            .iter()
            .map(|row| {
                let cells = row.keyed("audit_log", "number");
                Ok(Entry {
                    number: cells.narrow("number")?,
                    body: cells.text("body")?,
                    hash: read_hash(&cells)?.ok_or_else(|| cells.corrupt("hash"))?,
                })
            })
            .collect()
    }
}

/// Puts records at the end of the chain, which stays locked until the commit:
/// let this be the last thing of a transaction.
pub(super) async fn append(
    tx: &mut Tx,
    records: impl IntoIterator<Item = &Record>,
) -> Result<Chain, StorageError> {
    let row = tx.row(sql("SELECT length, hash FROM audit_chain FOR UPDATE")).await?;
    let mut chain = read_chain(row.as_ref())?;
    for record in records {
        let entry = chain.append(record);
        let insert = sql("INSERT INTO audit_log (number, body, hash) VALUES ($1, $2, $3)")
            .bind(entry.number.cast_signed())
            .bind(entry.body)
            .bind(&entry.hash.0[..]);
        tx.execute(insert).await?;
    }
    let end = sql("UPDATE audit_chain SET length = $1, hash = $2");
    tx.execute(end.bind(chain.length.cast_signed()).bind(&chain.hash.0[..])).await?;
    Ok(chain)
}

/// Without its row the log takes nothing more, rather than begin a second
/// chain.
fn read_chain(row: Option<&Row>) -> Result<Chain, StorageError> {
    let missing = || StorageError::Corrupt { table: "audit_chain", column: "length", id: "?".to_owned() };
    let cells = row.ok_or_else(missing)?.of("audit_chain", "?");
    Ok(Chain { length: cells.narrow("length")?, hash: read_hash(&cells)?.unwrap_or_default() })
}

fn read_hash(cells: &Cells<'_>) -> Result<Option<ChainHash>, StorageError> {
    let hash = cells.optional_bytes("hash")?;
    hash.map(|bytes| bytes.try_into().map(ChainHash).map_err(|_| cells.corrupt("hash"))).transpose()
}
