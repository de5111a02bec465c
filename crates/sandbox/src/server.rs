use std::{io, net::SocketAddr, sync::Arc};

use axum::{
    Router,
    routing::{any, get, post},
};
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};
use url::Url;

use crate::{
    config::{App, ConfigError, SandboxConfig},
    control,
    day::Appointment,
    ehr::{Ehr, Outside},
    fhir_api,
    launch::{LaunchKind, LaunchRefused},
    oauth, pages,
    signing::SigningKey,
    status::{self, StatusMode, StatusReport},
    urls::Urls,
};

/// Where Epic publishes its keys; the number differs between installations.
pub(crate) const JWKS_PATH: &str = "/interconnect/api/epic/2019/Security/Open/PublicKeys/530027/OIDC";

/// The two paths under which the status service is known.
const STATUS_PATHS: [&str; 2] = [
    "/interconnect/api/epic/2018/Telehealth/ContextLinking/SetExternalConnectionStatus",
    "/interconnect/api/epic/2018/Clinical/Patient/SETEXTERNALCONNECTIONSTATUS/Telemedicine/SetExternalConnectionStatus",
];

/// The simulated EHR, not yet running.
pub struct Sandbox;

/// Why the simulated EHR does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration does not hold.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The address cannot be listened on.
    #[error("the simulated EHR cannot listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// No address for others came of it.
    #[error("the simulated EHR's own address cannot be told")]
    Address,
    /// No key.
    #[error("the simulated EHR could not make its key")]
    Key,
}

impl Sandbox {
    /// Listens and serves from now on, until the handle is stopped or dropped.
    pub async fn start(config: SandboxConfig, outside: Outside) -> Result<RunningSandbox, StartError> {
        let checked = config.check()?;
        let address = config.listen;
        let cannot_listen = |source| StartError::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(cannot_listen)?;
        let address = listener.local_addr().map_err(cannot_listen)?;
        let base_url = match &config.public_url {
            Some(url) => url.clone(),
            None => Url::parse(&format!("http://{address}")).map_err(|_| StartError::Address)?,
        };
        let signing_key = Arc::new(SigningKey::generate().map_err(|_| StartError::Key)?);
        let ehr = Arc::new(Ehr::new(config, checked, Urls::new(&base_url), outside, signing_key));

        let (stop, stopped) = oneshot::channel::<()>();
        let router = router(Arc::clone(&ehr));
        let serving = tokio::spawn(async move {
            let until_stopped = async move {
                // Also a dropped handle ends the wait, by an error.
                let _ = stopped.await;
            };
            axum::serve(listener, router).with_graceful_shutdown(until_stopped).await
        });
        Ok(RunningSandbox { ehr, address, base_url, stop, serving })
    }
}

/// The simulated EHR while it runs. Dropped, it stops by itself.
pub struct RunningSandbox {
    ehr: Arc<Ehr>,
    address: SocketAddr,
    base_url: Url,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<io::Result<()>>,
}

impl RunningSandbox {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its index page, where somebody chooses who to be.
    pub fn base_url(&self) -> &Url {
        &self.base_url
    }

    /// The `iss` of its launches.
    pub fn fhir_base_url(&self) -> String {
        self.ehr.urls.fhir()
    }

    /// Where connection status is reported to.
    pub fn status_url(&self) -> String {
        format!("{}{}", self.base_url.as_str().trim_end_matches('/'), STATUS_PATHS[0])
    }

    /// Registers another app in place of the present one.
    pub fn set_app(&self, app: App) {
        self.ehr.set_app(app);
    }

    /// A launch token, as a click on that link would make: good once, for five
    /// minutes. Also for visits whose link the pages don't show, as cancelled ones.
    pub fn make_launch(
        &self,
        kind: LaunchKind,
        user: &str,
        appointment: Option<&str>,
    ) -> Result<String, LaunchRefused> {
        self.ehr.make_launch(kind, user, appointment)
    }

    /// The address that a click on that link would open, with `iss` and a new launch token.
    pub fn launch_url(
        &self,
        kind: LaunchKind,
        user: &str,
        appointment: Option<&str>,
    ) -> Result<Url, LaunchRefused> {
        self.ehr.launch_url(kind, user, appointment)
    }

    /// All appointments by their start.
    pub fn appointments(&self) -> Vec<Appointment> {
        self.ehr.day().appointments().to_vec()
    }

    /// The appointment with this key.
    pub fn appointment(&self, key: &str) -> Option<Appointment> {
        self.ehr.day().find(key).cloned()
    }

    /// Whether somebody's light on the visit is green.
    pub fn is_connected(&self, appointment: &str, person: &str) -> bool {
        let Some(Appointment { conference_id, .. }) = self.appointment(appointment) else { return false };
        let connected = self.ehr.status.connected();
        connected.iter().any(|one| one.conference_id == conference_id && one.person == person)
    }

    /// Lets the status endpoint behave so from now on, or for this many requests.
    pub fn set_status_mode(&self, mode: StatusMode, times: Option<u32>) {
        self.ehr.status.set_mode(mode, times);
    }

    /// All that was sent to the status endpoint, oldest first.
    pub fn status_log(&self) -> Vec<StatusReport> {
        self.ehr.status.reports()
    }

    /// Lays the visits out anew around the present moment, under new numbers,
    /// with nobody connected and an empty log.
    pub fn reset(&self) {
        self.ehr.reset();
    }

    /// Stops: requests that are under way are answered first.
    pub async fn stop(self) {
        self.ehr.status.set_mode(StatusMode::Normal, None);
        // Neither can fail but by a server that has ended already.
        let _ = self.stop.send(());
        let _ = self.serving.await;
    }
}

/// All addresses of the simulated EHR.
pub(crate) fn router(ehr: Arc<Ehr>) -> Router {
    let authorization_server = Router::new()
        .route("/interconnect/oauth2/authorize", get(oauth::by_redirect).post(oauth::by_form))
        .route("/interconnect/oauth2/token", any(oauth::token))
        .route("/interconnect/oauth2/.well-known/openid-configuration", get(oauth::openid_configuration))
        .route("/interconnect/api/FHIR/R4/.well-known/openid-configuration", get(oauth::openid_configuration))
        .route("/interconnect/api/FHIR/R4/.well-known/smart-configuration", get(oauth::smart_configuration))
        .route(JWKS_PATH, get(oauth::jwks));
    let fhir = Router::new()
        .route("/interconnect/api/FHIR/R4/{type}", get(fhir_api::search))
        .route("/interconnect/api/FHIR/R4/{type}/{id}", get(fhir_api::read));
    let status = STATUS_PATHS
        .into_iter()
        .fold(Router::new(), |router, path| router.route(path, get(status::by_get).post(status::by_post)));
    let control = Router::new()
        .route("/sandbox/control/status", post(status::set_mode))
        .route("/sandbox/control/status-log", get(status::log))
        .route("/sandbox/control/launch", post(control::launch))
        .route("/sandbox/control/visits", get(control::visits))
        .route("/sandbox/control/resources", get(control::resources))
        .route("/sandbox/control/tokens", get(control::tokens))
        .route("/sandbox/control/reset", post(control::reset));
    authorization_server.merge(fhir).merge(status).merge(control).merge(pages::router()).with_state(ehr)
}

#[cfg(test)]
mod tests {
    use outside::{
        HttpClient, Limits, RealHttp, RealHttpOptions, Request,
        testing::{FakeHttp, TestClock, TestRandom, json_response},
    };
    use serde_json::json;

    use super::*;
    use crate::config::LaunchUrls;

    fn outside() -> Outside {
        Outside {
            clock: Arc::new(TestClock::at("2026-11-21T20:03:21Z")),
            random: Arc::new(TestRandom::seeded(1)),
            http: Arc::new(FakeHttp::answering(|_| Ok(json_response(200, &json!({"keys": []}))))),
        }
    }

    fn config() -> SandboxConfig {
        let launch_urls = LaunchUrls::below(&"http://127.0.0.1:8080".parse().unwrap());
        SandboxConfig::for_app(App { clients: Vec::new(), launch_urls })
    }

    #[tokio::test]
    async fn it_answers_on_a_free_port_until_it_is_stopped() {
        let sandbox = Sandbox::start(config(), outside()).await.unwrap();
        let client = RealHttp::new(RealHttpOptions::default()).unwrap();
        let discovery = format!("{}/.well-known/smart-configuration", sandbox.fhir_base_url());
        let ask = || client.send(Request::get(discovery.parse().unwrap(), Limits::OAUTH));

        assert_eq!(ask().await.unwrap().status, 200);
        sandbox.stop().await;
        assert!(ask().await.is_err());
    }

    #[tokio::test]
    async fn it_does_not_start_where_others_can_reach_it() {
        let everywhere = SandboxConfig { listen: "0.0.0.0:0".parse().unwrap(), ..config() };

        let refused = Sandbox::start(everywhere, outside()).await.err();

        assert!(matches!(refused, Some(StartError::Config(ConfigError::BeyondLoopback(_)))));
    }
}
