use async_trait::async_trait;
use jiff::Timestamp;
use visit::{EhrId, Person};

use crate::StorageError;

/// One device test of one person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceTestRecord {
    /// When it was finished.
    pub taken_at: Timestamp,
    /// The result as `web` writes it (JSON, at most 8 KiB). Sealed: devices
    /// are often named after people.
    pub result: String,
}

/// Results of device tests, the newest of each person. They are forgotten by
/// [`crate::Visits::forget_before`].
#[async_trait]
pub trait DeviceTests: Send + Sync {
    /// Keeps a result in place of the person's earlier one.
    async fn keep(&self, ehr: &EhrId, person: &Person, record: &DeviceTestRecord)
    -> Result<(), StorageError>;

    /// The person's newest result, if taken after this moment.
    async fn newest(
        &self,
        ehr: &EhrId,
        person: &Person,
        after: Timestamp,
    ) -> Result<Option<DeviceTestRecord>, StorageError>;
}
