use std::fmt;

use async_trait::async_trait;
use jiff::Timestamp;
use visit::{EhrId, Person};

use crate::StorageError;

/// One device test of one person.
#[derive(Clone, PartialEq, Eq)]
pub struct DeviceTestRecord {
    /// When it was finished.
    pub taken_at: Timestamp,
    /// The result as `web` writes it (JSON, at most 8 KiB). Sealed: devices
    /// are often named after people.
    pub result: String,
}

/// Without the result.
impl fmt::Debug for DeviceTestRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeviceTestRecord").field("taken_at", &self.taken_at).finish_non_exhaustive()
    }
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
