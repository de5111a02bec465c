//! What the simulated EHR is told before it starts.

use std::net::SocketAddr;

use jiff::tz::TimeZone;
use url::Url;

use crate::{
    fdi::{ContextTemplate, UnknownToken},
    launch::LaunchKind,
};

/// Everything that the simulated EHR is told before it starts.
#[derive(Debug, Clone)]
pub struct SandboxConfig {
    /// Where it listens; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Two settings that must both be given to listen beyond loopback.
    pub beyond_loopback: BeyondLoopback,
    /// Its address as browsers and apps see it, where that is not `http://{listen}`.
    pub public_url: Option<Url>,
    /// The hospital's name on its pages.
    pub hospital: String,
    /// The hospital's time zone, an IANA name.
    pub time_zone: String,
    /// The app that its links open.
    pub app: App,
    /// Custom keys of the token response.
    pub contexts: FdiContexts,
    /// How much its SMART configuration tells.
    pub discovery: Discovery,
    /// How authorize may be asked.
    pub authorize: AuthorizeMethods,
    /// Whether the backend client is mapped to a background user. Where it is
    /// not, Epic answers client credentials by 400 `unauthorized_client`.
    pub backend_is_mapped: bool,
    /// How the status endpoint knows who reports.
    pub status_auth: StatusAuth,
}

impl SandboxConfig {
    /// An EHR of today on a free loopback port, in Chicago, for this app.
    pub fn for_app(app: App) -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            beyond_loopback: BeyondLoopback::default(),
            public_url: None,
            hospital: "Lamna Healthcare".to_owned(),
            time_zone: "America/Chicago".to_owned(),
            app,
            contexts: FdiContexts::default(),
            discovery: Discovery::Current,
            authorize: AuthorizeMethods::GetAndPost,
            backend_is_mapped: true,
            status_auth: StatusAuth::LaunchToken,
        }
    }

    pub(crate) fn check(&self) -> Result<Checked, ConfigError> {
        let address = self.listen.ip();
        let BeyondLoopback { listen_beyond_loopback, anyone_may_be_anybody } = self.beyond_loopback;
        let told_twice = listen_beyond_loopback && anyone_may_be_anybody;
        if !address.is_loopback() && !told_twice {
            return Err(ConfigError::BeyondLoopback(self.listen));
        }
        if address.is_unspecified() && self.public_url.is_none() {
            return Err(ConfigError::NoPublicUrl(self.listen));
        }
        let time_zone = TimeZone::get(&self.time_zone)
            .map_err(|source| ConfigError::TimeZone { name: self.time_zone.clone(), source })?;
        Ok(Checked {
            time_zone,
            visit: ContextTemplate::parse(&self.contexts.visit)?,
            group: ContextTemplate::parse(&self.contexts.group)?,
        })
    }
}

/// What the check of a configuration made of its texts.
#[derive(Debug, Clone)]
pub(crate) struct Checked {
    pub(crate) time_zone: TimeZone,
    pub(crate) visit: ContextTemplate,
    pub(crate) group: ContextTemplate,
}

/// Why the simulated EHR does not start with this configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// Reachable from other machines, and not both settings allow that.
    #[error(
        "the simulated EHR does not listen on {0}: it asks nobody for a password, so everyone who reaches it \
         may act as any clinician or patient. Keep it on 127.0.0.1, or, on a network that you trust, set both \
         `listen_beyond_loopback` and `anyone_may_be_anybody`"
    )]
    BeyondLoopback(SocketAddr),
    /// Listening everywhere says nothing about the address to hand out.
    #[error("with {0} the simulated EHR also needs `public_url`, the address that browsers and apps use")]
    NoPublicUrl(SocketAddr),
    /// No such time zone.
    #[error("{name} is no time zone; an IANA name is needed, as America/Chicago")]
    TimeZone {
        /// What the configuration says.
        name: String,
        /// What the time zone database says.
        #[source]
        source: jiff::Error,
    },
    /// A CONTEXT with a token that nobody knows.
    #[error(transparent)]
    Context(#[from] UnknownToken),
}

/// Both must be set before the simulated EHR listens beyond loopback. They are
/// two so that nobody does it by copying one line.
#[derive(Debug, Clone, Copy, Default)]
pub struct BeyondLoopback {
    /// Other machines may connect.
    pub listen_beyond_loopback: bool,
    /// Understood: there are no passwords.
    pub anyone_may_be_anybody: bool,
}

/// The app as it is registered with this EHR.
#[derive(Debug, Clone)]
pub struct App {
    /// Its clients; one may serve all kinds.
    pub clients: Vec<Client>,
    /// Where the EHR's links lead.
    pub launch_urls: LaunchUrls,
}

/// One registered client.
#[derive(Debug, Clone)]
pub struct Client {
    /// The client id.
    pub id: String,
    /// Who uses it.
    pub kinds: Vec<ClientKind>,
    /// Where its public keys are, fetched when it first shows an assertion.
    pub jwks_url: Url,
    /// Where it may be sent back to, compared letter by letter.
    pub redirect_uris: Vec<String>,
}

/// Who uses a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientKind {
    /// Clinicians, from the schedule.
    Provider,
    /// Patients and their proxies, from the portal.
    Patient,
    /// No person: client credentials.
    Backend,
}

/// Where the EHR's links lead.
#[derive(Debug, Clone)]
pub struct LaunchUrls {
    /// "Begin video visit" on the schedule.
    pub provider: Url,
    /// "Begin video visit" in the portal.
    pub patient: Url,
    /// "Test my device" in the portal.
    pub device_test: Url,
    /// "Monitor" on the schedule.
    pub monitor: Url,
}

impl LaunchUrls {
    /// Anteroom's launch addresses below its public address.
    pub fn below(public_url: &Url) -> Self {
        let address = |path: &str| {
            let mut url = public_url.clone();
            url.set_path(&format!("{}/launch/{path}", public_url.path().trim_end_matches('/')));
            url
        };
        Self {
            provider: address("provider"),
            patient: address("patient"),
            device_test: address("device-test"),
            monitor: address("monitor"),
        }
    }

    pub(crate) fn of(&self, kind: LaunchKind) -> &Url {
        match kind {
            LaunchKind::Provider => &self.provider,
            LaunchKind::Patient => &self.patient,
            LaunchKind::DeviceTest => &self.device_test,
            LaunchKind::Monitor => &self.monitor,
        }
    }
}

/// The CONTEXT fields of the integration records. An Epic site needs two:
/// group visits share a conference id, other visits a CSN.
#[derive(Debug, Clone)]
pub struct FdiContexts {
    /// For one patient's visit.
    pub visit: String,
    /// For group visits.
    pub group: String,
}

impl Default for FdiContexts {
    fn default() -> Self {
        Self {
            visit: "sessionId=%CSN%&userId=%EPICUSERID%".to_owned(),
            group: "sessionId=%CONFERENCEID%&userId=%EPICUSERID%".to_owned(),
        }
    }
}

/// How much the SMART configuration tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Discovery {
    /// All that Epic tells today.
    Current,
    /// As Epic in November 2022: no `issuer`, `jwks_uri`, `grant_types_supported`
    /// or `code_challenge_methods_supported`, fewer capabilities.
    Of2022,
}

/// How authorize may be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuthorizeMethods {
    /// Either way.
    GetAndPost,
    /// By redirect only, as Epic before November 2020.
    GetOnly,
    /// By form only, to prove that a client can.
    PostOnly,
}

/// How the status endpoint knows who reports. `Epic-Client-ID` is required in
/// any case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StatusAuth {
    /// Nothing more.
    None,
    /// Basic, as `emp$user` and password.
    Basic {
        /// The whole user name with its `emp$`.
        user: String,
        /// The password.
        password: String,
    },
    /// The access token of a launch, by clinician or patient.
    LaunchToken,
    /// The access token of client credentials.
    BackendToken,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(listen: &str) -> SandboxConfig {
        let url: Url = "http://127.0.0.1:8080".parse().unwrap();
        let app = App { clients: Vec::new(), launch_urls: LaunchUrls::below(&url) };
        SandboxConfig { listen: listen.parse().unwrap(), ..SandboxConfig::for_app(app) }
    }

    #[test]
    fn beyond_loopback_needs_both_settings() {
        let mut config = config("192.0.2.7:8000");
        for (first, second) in [(false, false), (true, false), (false, true)] {
            config.beyond_loopback =
                BeyondLoopback { listen_beyond_loopback: first, anyone_may_be_anybody: second };
            assert!(matches!(config.check(), Err(ConfigError::BeyondLoopback(_))));
        }

        config.beyond_loopback = BeyondLoopback { listen_beyond_loopback: true, anyone_may_be_anybody: true };
        assert!(config.check().is_ok());
    }

    #[test]
    fn the_refusal_says_what_to_set() {
        let refusal = config("0.0.0.0:8000").check().unwrap_err().to_string();

        assert!(refusal.contains("listen_beyond_loopback") && refusal.contains("anyone_may_be_anybody"));
    }

    #[test]
    fn loopback_is_also_what_ip_version_six_calls_it() {
        assert!(config("[::1]:0").check().is_ok());
    }

    #[test]
    fn everywhere_is_no_address_to_hand_out() {
        let mut config = config("0.0.0.0:8000");
        config.beyond_loopback = BeyondLoopback { listen_beyond_loopback: true, anyone_may_be_anybody: true };

        assert!(matches!(config.check(), Err(ConfigError::NoPublicUrl(_))));
    }

    #[test]
    fn a_wrong_time_zone_is_named() {
        let config = SandboxConfig { time_zone: "America/Chicgo".to_owned(), ..config("127.0.0.1:0") };

        assert!(config.check().unwrap_err().to_string().contains("America/Chicgo"));
    }

    #[test]
    fn launch_addresses_keep_the_path_before_them() {
        let urls = LaunchUrls::below(&"https://example.org/video/".parse().unwrap());

        assert_eq!(urls.device_test.as_str(), "https://example.org/video/launch/device-test");
    }
}
