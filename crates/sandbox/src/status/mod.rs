//! `SetExternalConnectionStatus`: who is connected to which visit, what was
//! reported, and how the endpoint was told to behave.

mod control;
mod endpoint;
#[cfg(test)]
mod tests;

use std::{
    collections::{HashSet, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

pub(crate) use control::{log, set_mode};
pub(crate) use endpoint::{by_get, by_post};

const LONGEST_LOG: usize = 10_000;

/// How the status endpoint answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum StatusMode {
    /// As Epic does.
    #[default]
    #[serde(rename = "ok")]
    Normal,
    /// 400 with Epic's .NET error, which a sender must not repeat.
    #[serde(rename = "400")]
    BadRequest,
    /// 429 with `Retry-After`.
    #[serde(rename = "429")]
    TooManyRequests,
    /// 500.
    #[serde(rename = "500")]
    ServerError,
    /// No answer at all, until the mode changes.
    #[serde(rename = "hang")]
    Hang,
}

/// One request to the status endpoint, as it came and as it was answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StatusReport {
    /// From 1, in the order of arrival.
    pub number: u64,
    /// When it arrived.
    pub at: Timestamp,
    /// `GET` or `POST`.
    pub method: String,
    /// The scheme of the Authorization header, as `Basic`, without what follows.
    pub authorization: Option<String>,
    /// The header `Epic-Client-ID`.
    pub client_id: Option<String>,
    /// `ConferenceID`.
    pub conference_id: Option<String>,
    /// `ExternalID`.
    pub external_id: Option<String>,
    /// `ExternalIDType`.
    pub external_id_type: Option<String>,
    /// `VendorName`.
    pub vendor_name: Option<String>,
    /// `ConnectionStatus`.
    pub connection_status: Option<String>,
    /// The HTTP status that was answered; none for a request that was left hanging.
    pub answered: Option<u16>,
    /// `accepted`, or why not.
    pub outcome: String,
}

/// Somebody connected to a visit.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub(crate) struct Connected {
    pub(crate) conference_id: String,
    pub(crate) person: &'static str,
}

/// The endpoint's memory.
pub(crate) struct StatusDesk {
    memory: Mutex<Memory>,
    mode_changes: watch::Sender<()>,
}

#[derive(Debug, Default)]
struct Memory {
    mode: StatusMode,
    /// How many requests the mode still meets; none for all.
    times: Option<u32>,
    reports: VecDeque<StatusReport>,
    arrived: u64,
    connected: HashSet<Connected>,
}

impl Default for StatusDesk {
    fn default() -> Self {
        Self { memory: Mutex::default(), mode_changes: watch::Sender::new(()) }
    }
}

impl StatusDesk {
    /// Behaves so from now on, or for this many requests.
    pub(crate) fn set_mode(&self, mode: StatusMode, times: Option<u32>) {
        let mut memory = self.memory();
        memory.mode = mode;
        memory.times = times;
        drop(memory);
        self.mode_changes.send_replace(());
    }

    /// All reports, oldest first.
    pub(crate) fn reports(&self) -> Vec<StatusReport> {
        self.memory().reports.iter().cloned().collect()
    }

    /// Who is connected now.
    pub(crate) fn connected(&self) -> HashSet<Connected> {
        self.memory().connected.clone()
    }

    /// Nobody is connected and nothing was reported.
    pub(crate) fn forget(&self) {
        let mut memory = self.memory();
        memory.connected.clear();
        memory.reports.clear();
    }

    /// The mode that meets the next request, which counts as met.
    fn next_mode(&self) -> StatusMode {
        let mut memory = self.memory();
        let mode = memory.mode;
        match memory.times {
            None => mode,
            Some(0) => StatusMode::Normal,
            Some(left) => {
                memory.times = Some(left - 1);
                mode
            }
        }
    }

    fn record(&self, mut report: StatusReport) {
        let mut memory = self.memory();
        memory.arrived += 1;
        report.number = memory.arrived;
        memory.reports.push_back(report);
        if memory.reports.len() > LONGEST_LOG {
            memory.reports.pop_front();
        }
    }

    pub(crate) fn set_connected(&self, who: Connected, connected: bool) {
        let mut memory = self.memory();
        if connected {
            memory.connected.insert(who);
        } else {
            memory.connected.remove(&who);
        }
    }

    /// Tells of each change of the mode from now on.
    fn mode_changes(&self) -> watch::Receiver<()> {
        self.mode_changes.subscribe()
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
