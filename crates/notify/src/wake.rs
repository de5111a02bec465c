use std::sync::Arc;

use tokio::sync::Notify;

/// Tells the [`crate::Deliverer`] that there is something to deliver, so that
/// it does not wait for its next look. Clones are the same bell.
#[derive(Debug, Clone, Default)]
pub struct Wake(Arc<Notify>);

impl Wake {
    /// Rings: call it after a change with notices was stored, and after an
    /// operator's retry. Rings that come before the deliverer looks are one.
    pub fn ring(&self) {
        self.0.notify_one();
    }

    pub(crate) async fn rung(&self) {
        self.0.notified().await;
    }
}
