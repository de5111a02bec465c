use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use jiff::Timestamp;
use outside::{Clock, HttpClient, Random, RandomExt};
use url::Url;

use crate::{
    config::{App, Checked, SandboxConfig},
    day::Day,
    fdi::ContextTemplate,
    launch::{Launch, LaunchKind, LaunchRefused},
    oauth::{ClientKeys, Grants, LAUNCH_LIFETIME},
    signing::SigningKey,
    status::StatusDesk,
    urls::Urls,
};

/// What the simulated EHR takes from the world outside it.
#[derive(Clone)]
pub struct Outside {
    /// The time of its visits and tokens.
    pub clock: Arc<dyn Clock>,
    /// Launch tokens, codes and access tokens.
    pub random: Arc<dyn Random>,
    /// Fetches the clients' key sets.
    pub http: Arc<dyn HttpClient>,
}

/// The one state behind all addresses of the simulated EHR.
pub(crate) struct Ehr {
    pub(crate) config: SandboxConfig,
    pub(crate) checked: Checked,
    pub(crate) urls: Urls,
    pub(crate) outside: Outside,
    pub(crate) signing_key: Arc<SigningKey>,
    pub(crate) client_keys: ClientKeys,
    pub(crate) status: StatusDesk,
    app: RwLock<App>,
    grants: Mutex<Grants>,
    day: Mutex<Day>,
}

impl Ehr {
    pub(crate) fn new(
        config: SandboxConfig,
        checked: Checked,
        urls: Urls,
        outside: Outside,
        signing_key: Arc<SigningKey>,
    ) -> Self {
        let day = Day::around(outside.clock.now(), &checked.time_zone);
        Self {
            client_keys: ClientKeys::new(Arc::clone(&outside.http)),
            status: StatusDesk::default(),
            app: RwLock::new(config.app.clone()),
            grants: Mutex::default(),
            day: Mutex::new(day),
            config,
            checked,
            urls,
            outside,
            signing_key,
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.outside.clock.now()
    }

    /// A secret of 384 bits: as long as Epic's, so that nobody counts on short ones.
    pub(crate) fn secret(&self) -> String {
        self.outside.random.token::<48>()
    }

    pub(crate) fn app(&self) -> App {
        self.app.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn set_app(&self, app: App) {
        *self.app.write().unwrap_or_else(PoisonError::into_inner) = app;
    }

    pub(crate) fn grants(&self) -> MutexGuard<'_, Grants> {
        self.grants.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn day(&self) -> MutexGuard<'_, Day> {
        self.day.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// New visits around the present moment; nobody is connected to them.
    pub(crate) fn reset(&self) {
        self.day().lay_out_again(self.now(), &self.checked.time_zone);
        self.status.forget();
    }

    /// Makes a launch token, as a click on a link does.
    pub(crate) fn make_launch(
        &self,
        kind: LaunchKind,
        user: &str,
        appointment: Option<&str>,
    ) -> Result<String, LaunchRefused> {
        let launch = Launch::of(&self.day(), kind, user, appointment)?;
        let token = self.secret();
        self.grants().launches.put(self.now(), LAUNCH_LIFETIME, token.clone(), launch);
        Ok(token)
    }

    /// The address that a click on the link opens: the record's URL, which may
    /// have a query of its own, with `iss` and `launch` appended.
    pub(crate) fn launch_url(
        &self,
        kind: LaunchKind,
        user: &str,
        appointment: Option<&str>,
    ) -> Result<Url, LaunchRefused> {
        let launch = self.make_launch(kind, user, appointment)?;
        let mut url = self.app().launch_urls.of(kind).clone();
        url.query_pairs_mut().append_pair("iss", &self.urls.fhir()).append_pair("launch", &launch);
        Ok(url)
    }

    /// The CONTEXT of the integration record that this launch came from.
    pub(crate) fn context_of(&self, launch: &Launch) -> &ContextTemplate {
        if launch.appointment().is_some_and(|appointment| appointment.is_group) {
            &self.checked.group
        } else {
            &self.checked.visit
        }
    }
}
