use std::{net::IpAddr, ops::Deref, sync::Arc};

use audit::{Action, Actor, Outcome, Record};
use jiff::tz::TimeZone;
use meeting::MeetingBackend;
use oauth::{KeyStore, SmartClient};
use outside::{Clock, HttpClient, Random};
use reception::Reception;
use storage::{AuditLog, DeviceTests, Notices, Operators, Pending, TabSessions};
use tokio::sync::watch;
use url::Url;
use visit::{Admittance, EhrId};

use crate::{Links, limits::Limits, live::Hub, pages::Brand};

/// One EHR connection as the pages need it.
#[derive(Debug)]
pub struct Ehr {
    /// Its name and looks.
    pub brand: Brand,
    /// How to launch.
    pub connection: oauth::Connection,
    /// Whom to ask for FHIR resources.
    pub fhir: Arc<fhir::FhirServer>,
    /// When visits may be entered.
    pub rules: fhir::Rules,
    /// Who decides about entering.
    pub admittance: Admittance,
    /// The zone that times are told in.
    pub time_zone: TimeZone,
    /// Origins that may embed our pages.
    pub frame_ancestors: Vec<String>,
    /// The FDI key that holds the session id (`%CSN%` or `%CONFERENCEID%`).
    pub session_id_key: String,
    /// The FDI key that holds the user's id for connection status.
    pub external_id_key: String,
    /// Whether connection status is reported with the launch's own token, so
    /// that it must be kept.
    pub keeps_launch_token: bool,
}

impl Ehr {
    /// Its id.
    pub fn id(&self) -> &EhrId {
        &self.connection.ehr
    }
}

/// What the web is made of.
pub struct Parts {
    /// Where browsers find this program.
    pub public_url: Url,
    /// Proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpAddr>,
    /// All EHR connections.
    pub ehrs: Vec<Arc<Ehr>>,
    /// The SMART client.
    pub smart: SmartClient,
    /// Our signing keys.
    pub keys: Arc<KeyStore>,
    /// Outgoing requests to FHIR servers.
    pub http: Arc<dyn HttpClient>,
    /// Where visits are changed.
    pub reception: Reception,
    /// Launches under way.
    pub pending: Arc<dyn Pending>,
    /// Browsers' sessions.
    pub sessions: Arc<dyn TabSessions>,
    /// Results of device tests.
    pub device_tests: Arc<dyn DeviceTests>,
    /// Ways in without OAuth.
    pub links: Links,
    /// Operators.
    pub operators: Arc<dyn Operators>,
    /// Notification records.
    pub notices: Arc<dyn Notices>,
    /// The audit log.
    pub audit: Arc<dyn AuditLog>,
    /// Wakes the deliverer after a retry.
    pub deliver_now: notify::Wake,
    /// Asked for `/readyz`.
    pub readiness: Arc<dyn Readiness>,
    /// What carries connection checks, if any backend does.
    pub checker: Option<Arc<dyn MeetingBackend>>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub random: Arc<dyn Random>,
    /// Becomes `true` when the program stops: event streams say goodbye.
    pub stopping: watch::Receiver<bool>,
}

/// Whether the program can do its work.
#[async_trait::async_trait]
pub trait Readiness: Send + Sync {
    /// `Err` says in one line what is missing.
    async fn ready(&self) -> Result<(), String>;
}

/// What handlers share. Cheap to clone.
#[derive(Clone)]
pub struct AppState(Arc<Shared>);

/// The parts, and what is made of them.
pub struct Shared {
    parts: Parts,
    /// Wakes event streams.
    pub hub: Hub,
    /// How often strangers may knock.
    pub(crate) limits: Limits,
}

impl AppState {
    /// The state, with a task that wakes event streams for as long as it
    /// lives.
    pub fn new(parts: Parts) -> Self {
        let hub = Hub::following(parts.reception.visits().wakes());
        let limits = Limits::new(&parts.clock);
        Self(Arc::new(Shared { parts, hub, limits }))
    }

    /// The EHR connection with this id.
    pub fn ehr(&self, id: &EhrId) -> Option<&Arc<Ehr>> {
        self.ehrs.iter().find(|ehr| ehr.id() == id)
    }

    /// The EHR connection that a received `iss` means.
    pub fn ehr_of_iss(&self, iss: &str) -> Option<&Arc<Ehr>> {
        self.ehrs.iter().find(|ehr| ehr.connection.fhir_base.matches(iss))
    }

    /// Writes down what was done outside visits. (What happens in visits is
    /// written by storage with it.) A log that cannot be written keeps nobody
    /// from their visit, and the operators learn of it.
    pub(crate) async fn record(&self, action: Action, actor: Actor, outcome: Outcome) {
        let record = Record { outcome, ..Record::new(self.clock.now(), action, actor) };
        if let Err(error) = self.audit.append(&record).await {
            tracing::error!(error = %error, "the audit log could not be written");
        }
    }

    /// Whether browsers come by https, so that cookies can be `Secure`.
    pub fn is_https(&self) -> bool {
        self.public_url.scheme() == "https"
    }
}

impl Deref for AppState {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

impl Deref for Shared {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.parts
    }
}
