//! The one place that changes visits: judges a command ([`visit::apply`]),
//! stores what happened together with what the EHR is to be told, and sees
//! that the meeting backend obeys.

mod arrival;
mod backends;
mod change;
mod contact;
mod node;
mod presence;
mod room;

use std::{collections::HashMap, sync::Arc};

use notify::{StatusPolicy, Wake};
use outside::{Clock, Random};
use storage::Visits;
use visit::{EhrId, Refusal};

pub use arrival::{Arrived, Arriving};
pub use backends::Backends;
pub use node::{Node, NodeSettings};

/// Everything a visit is changed with.
#[derive(Clone)]
pub struct Reception {
    visits: Arc<dyn Visits>,
    backends: Arc<Backends>,
    policies: Arc<HashMap<EhrId, StatusPolicy>>,
    deliver_now: Wake,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
}

impl Reception {
    /// A reception; EHR connections without a policy are told nothing.
    /// `deliver_now` rings when there is something to tell.
    pub fn new(
        visits: Arc<dyn Visits>,
        backends: Arc<Backends>,
        policies: HashMap<EhrId, StatusPolicy>,
        deliver_now: Wake,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Self {
        Self { visits, backends, policies: Arc::new(policies), deliver_now, clock, random }
    }

    /// The visits, to read.
    pub fn visits(&self) -> &Arc<dyn Visits> {
        &self.visits
    }

    /// The meeting backends.
    pub fn backends(&self) -> &Backends {
        &self.backends
    }
}

/// Why a visit was not changed.
#[derive(Debug, thiserror::Error)]
pub enum ReceptionError {
    /// The visit's rules say no.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// There is no such visit or seat.
    #[error("there is no such visit")]
    NoSuchVisit,
    /// The visit was opened with a meeting backend that is no longer
    /// configured.
    #[error("the visit's meeting backend is no longer configured")]
    NoSuchBackend,
    /// The meeting backend says no, or nothing.
    #[error(transparent)]
    Meeting(#[from] meeting::MeetingError),
    /// The database does not answer.
    #[error(transparent)]
    Storage(#[from] storage::StorageError),
}

#[cfg(test)]
mod tests;
