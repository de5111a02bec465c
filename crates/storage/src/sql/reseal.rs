use async_trait::async_trait;

use crate::{
    Resealed, SealingKeys, Storage, StorageError,
    db::{Row, Statement, sql},
};

/// A column of sealed cells that live long enough to be sealed again.
struct Column {
    table: &'static str,
    name: &'static str,
    /// The next rows after `$2` whose cell is not under the key `$1`: the row
    /// that the cell is sealed for, and the cell.
    next: &'static str,
    /// Before the first row.
    start: &'static str,
    /// Puts the cell `$1` into the row `$2` (and `$3`, where the row's name
    /// has two parts).
    put: &'static str,
}

/// Rows are taken in the order of their keys; those that are locked are
/// passed over, so that nobody waits for us while we wait for them.
const LONG_LIVED: [Column; 4] = [
    Column {
        table: "visits",
        name: "card",
        next: "SELECT visit AS place, card AS cell FROM visits
               WHERE card IS NOT NULL AND substr(card, 1, 4) <> $1 AND visit > $2
               ORDER BY visit LIMIT $3 FOR UPDATE SKIP LOCKED",
        start: "",
        put: "UPDATE visits SET card = $1 WHERE visit = $2",
    },
    Column {
        table: "seats",
        name: "card",
        next: "SELECT seat AS place, card AS cell FROM seats
               WHERE card IS NOT NULL AND substr(card, 1, 4) <> $1 AND seat > $2
               ORDER BY seat LIMIT $3 FOR UPDATE SKIP LOCKED",
        start: "",
        put: "UPDATE seats SET card = $1 WHERE seat = $2",
    },
    Column {
        table: "notices",
        name: "history",
        next: "SELECT CAST(notice AS TEXT) AS place, history AS cell FROM notices
               WHERE history IS NOT NULL AND substr(history, 1, 4) <> $1 AND notice > CAST($2 AS BIGINT)
               ORDER BY notice LIMIT $3 FOR UPDATE SKIP LOCKED",
        start: "0",
        put: "UPDATE notices SET history = $1 WHERE notice = CAST($2 AS BIGINT)",
    },
    Column {
        table: "device_tests",
        name: "result",
        next: "SELECT ehr || '/' || person AS place, result AS cell FROM device_tests
               WHERE substr(result, 1, 4) <> $1 AND ehr || '/' || person > $2
               ORDER BY ehr || '/' || person LIMIT $3 FOR UPDATE SKIP LOCKED",
        start: "",
        put: "UPDATE device_tests SET result = $1 WHERE ehr = $2 AND person = $3",
    },
];

/// All sealed columns.
const LEFT: &str = "SELECT
    (SELECT COUNT(*) FROM visits WHERE card IS NOT NULL AND substr(card, 1, 4) <> $1)
    + (SELECT COUNT(*) FROM seats WHERE card IS NOT NULL AND substr(card, 1, 4) <> $1)
    + (SELECT COUNT(*) FROM notices WHERE history IS NOT NULL AND substr(history, 1, 4) <> $1)
    + (SELECT COUNT(*) FROM device_tests WHERE substr(result, 1, 4) <> $1)
    + (SELECT COUNT(*) FROM pending WHERE substr(payload, 1, 4) <> $1)
    + (SELECT COUNT(*) FROM room_calls WHERE substr(request, 1, 4) <> $1 OR substr(answer, 1, 4) <> $1)
    AS cells";

#[async_trait]
impl SealingKeys for Storage {
    async fn reseal(
        &self,
        batch: u32,
        progress: &(dyn Fn(Resealed) + Send + Sync),
    ) -> Result<Resealed, StorageError> {
        let mut so_far = Resealed { resealed: 0, left: self.left().await? };
        for column in &LONG_LIVED {
            let mut after = column.start.to_owned();
            while let Some((resealed, last)) = self.reseal_after(column, &after, batch.max(1)).await? {
                so_far.resealed += resealed;
                so_far.left = so_far.left.saturating_sub(resealed);
                progress(so_far);
                after = last;
            }
        }
        so_far.left = self.left().await?;
        Ok(so_far)
    }
}

impl Storage {
    async fn left(&self) -> Result<u64, StorageError> {
        let row = self.db().row(sql(LEFT).bind(self.sealer().current_prefix())).await?;
        row.map_or(Ok(0), |row| row.of("sealed", "count").narrow("cells"))
    }

    /// Seals a batch again, and answers how many cells and which was the last
    /// it has looked at; `None` where there are no more.
    async fn reseal_after(
        &self,
        column: &Column,
        after: &str,
        batch: u32,
    ) -> Result<Option<(u64, String)>, StorageError> {
        let mut tx = self.db().begin().await?;
        let next = sql(column.next).bind(self.sealer().current_prefix()).bind(after).bind(batch);
        let rows = tx.rows(next).await?;
        let (mut resealed, mut last) = (0, None);
        for row in &rows {
            let place = row.keyed(column.table, "place").text("place")?;
            match self.sealed_again(row, column, &place) {
                Ok(cell) => {
                    let put = sql(column.put).bind(cell);
                    let put = place_parts(column, &place).fold(put, Statement::bind);
                    resealed += tx.execute(put).await?;
                }
                Err(error) => tracing::error!(%error, "none of the sealing keys opens this"),
            }
            last = Some(place);
        }
        tx.commit(|| ()).await?;
        Ok(last.map(|last| (resealed, last)))
    }

    fn sealed_again(&self, row: &Row, column: &Column, place: &str) -> Result<Vec<u8>, StorageError> {
        let sealer = self.sealer();
        let cell = row.of(column.table, "?").optional_bytes("cell")?.unwrap_or_default();
        let clear = sealer.unseal(column.table, column.name, place, &cell);
        let clear = clear.ok_or_else(|| StorageError::Corrupt {
            table: column.table,
            column: column.name,
            id: shown(column, place).to_owned(),
        })?;
        Ok(sealer.seal(column.table, column.name, place, &clear))
    }
}

/// `ehr/Type/id` is the row of a device test: the EHR connection, and the
/// person.
fn place_parts<'p>(column: &Column, place: &'p str) -> impl Iterator<Item = &'p str> {
    place.splitn(if column.table == "device_tests" { 2 } else { 1 }, '/')
}

/// What of a row's name may stand in a log: of a device test the EHR
/// connection alone.
fn shown<'p>(column: &Column, place: &'p str) -> &'p str {
    place_parts(column, place).next().unwrap_or("?")
}
