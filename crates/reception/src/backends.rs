use std::{collections::HashMap, sync::Arc};

use meeting::MeetingBackend;
use visit::{BackendName, Visit};

use crate::ReceptionError;

/// The configured meeting backends.
pub struct Backends {
    for_new_visits: BackendName,
    all: HashMap<BackendName, Arc<dyn MeetingBackend>>,
}

impl Backends {
    /// The backend that new visits are opened with, and any others that
    /// visits in progress may still have.
    pub fn new(
        for_new_visits: Arc<dyn MeetingBackend>,
        others: impl IntoIterator<Item = Arc<dyn MeetingBackend>>,
    ) -> Self {
        let name = for_new_visits.name().clone();
        let all = others
            .into_iter()
            .chain([for_new_visits])
            .map(|backend| (backend.name().clone(), backend))
            .collect();
        Self { for_new_visits: name, all }
    }

    /// What a new visit is opened with.
    pub fn for_new_visits(&self) -> &BackendName {
        &self.for_new_visits
    }

    /// The backend of this name.
    pub fn named(&self, name: &BackendName) -> Option<&Arc<dyn MeetingBackend>> {
        self.all.get(name)
    }

    /// The backend that carries this visit.
    pub fn of(&self, visit: &Visit) -> Result<&Arc<dyn MeetingBackend>, ReceptionError> {
        self.named(&visit.backend).ok_or(ReceptionError::NoSuchBackend)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<dyn MeetingBackend>> {
        self.all.values()
    }
}
