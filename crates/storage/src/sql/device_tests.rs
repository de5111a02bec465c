use async_trait::async_trait;
use jiff::Timestamp;
use visit::{EhrId, Person};

use crate::{DeviceTestRecord, DeviceTests, Storage, StorageError, db::sql};

#[async_trait]
impl DeviceTests for Storage {
    async fn keep(
        &self,
        ehr: &EhrId,
        person: &Person,
        record: &DeviceTestRecord,
    ) -> Result<(), StorageError> {
        let result = record.result.as_bytes();
        let sealed = self.sealer().seal("device_tests", "result", &place(ehr, person), result);
        let keep = sql("INSERT INTO device_tests (ehr, person, taken_at, result) VALUES ($1, $2, $3, $4)
             ON CONFLICT (ehr, person) DO UPDATE SET taken_at = excluded.taken_at, result = excluded.result
             WHERE excluded.taken_at >= device_tests.taken_at");
        let keep = keep.bind(ehr.as_str()).bind(person.to_string()).bind(record.taken_at).bind(sealed);
        self.db().execute(keep).await.map(drop)
    }

    async fn newest(
        &self,
        ehr: &EhrId,
        person: &Person,
        after: Timestamp,
    ) -> Result<Option<DeviceTestRecord>, StorageError> {
        let newest = sql("SELECT taken_at, result FROM device_tests
             WHERE ehr = $1 AND person = $2 AND taken_at > $3");
        let newest = newest.bind(ehr.as_str()).bind(person.to_string()).bind(after);
        let Some(row) = self.db().row(newest).await? else { return Ok(None) };
        let cells = row.of("device_tests", ehr);
        Ok(Some(DeviceTestRecord {
            taken_at: cells.time("taken_at")?,
            result: cells.sealed_text(self.sealer(), "result", &place(ehr, person))?,
        }))
    }
}

/// The row that a result is sealed for.
fn place(ehr: &EhrId, person: &Person) -> String {
    format!("{ehr}/{person}")
}
