use std::str::FromStr;

use serde::{Deserialize, Serialize};
use url::{Host, Url};
use visit::EhrId;

use crate::{FhirBase, LaunchError, LaunchKind, fhir_base::check_secure};

/// An OAuth client id, as the EHR registered it: 1 to 255 visible ASCII
/// characters.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ClientId(String);

/// A text that is no client id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("this is no client id: 1 to 255 visible ASCII characters")]
pub struct InvalidClientId;

impl ClientId {
    /// The text form.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for ClientId {
    type Error = InvalidClientId;

    fn try_from(text: String) -> Result<Self, InvalidClientId> {
        let valid = (1..=255).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        if valid { Ok(Self(text)) } else { Err(InvalidClientId) }
    }
}

impl FromStr for ClientId {
    type Err = InvalidClientId;

    fn from_str(text: &str) -> Result<Self, InvalidClientId> {
        text.to_owned().try_into()
    }
}

impl From<ClientId> for String {
    fn from(id: ClientId) -> String {
        id.0
    }
}

/// Whose software the EHR is, where that changes how an answer is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Vendor {
    /// Epic: `sub` is the FHIR id of the user.
    Epic,
    /// Oracle Health.
    OracleHealth,
    /// Any SMART on FHIR server.
    Generic,
}

/// How client assertions are signed (SMART App Launch 2.2 wants both known).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum SigningAlgorithm {
    /// ECDSA on P-384 with SHA-384.
    ES384,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    RS384,
}

impl SigningAlgorithm {
    /// Both.
    pub const ALL: [Self; 2] = [Self::ES384, Self::RS384];

    /// The JOSE name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ES384 => "ES384",
            Self::RS384 => "RS384",
        }
    }
}

/// How the browser goes to the authorization endpoint. Epic recommends POST
/// for EHR launches, where the launch token makes addresses long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AuthorizeMethod {
    /// By a redirect.
    Get,
    /// By a form that submits itself.
    Post,
}

/// The client ids of one connection. At Epic a client has one kind of user,
/// so there are up to three; elsewhere one id may serve all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clients {
    /// For clinicians.
    pub provider: ClientId,
    /// For patients and their proxies.
    pub patient: ClientId,
    /// For backend-services tokens.
    pub backend: Option<ClientId>,
}

/// The scopes that are asked for, space-separated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scopes {
    /// By provider and monitor launches.
    pub provider: String,
    /// By patient and device-test launches.
    pub patient: String,
    /// By the backend client.
    pub backend: String,
}

impl Default for Scopes {
    /// Identity and the resources that finding the visit reads. In SMART v1
    /// form, which v1 and v2 servers both take.
    fn default() -> Self {
        let read = |who| {
            ["Appointment", "Encounter", "Patient", "Practitioner", "RelatedPerson"]
                .map(|resource| format!("{who}/{resource}.read"))
                .join(" ")
        };
        Self {
            provider: format!("launch openid fhirUser {}", read("user")),
            patient: format!("launch openid fhirUser {}", read("patient")),
            backend: "system/Appointment.read".to_owned(),
        }
    }
}

/// What is configured instead of discovered. All of it: nothing is asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FixedEndpoints {
    /// `authorization_endpoint`.
    pub authorization: Option<Url>,
    /// `token_endpoint`.
    pub token: Option<Url>,
    /// `issuer`: what the id_token's `iss` must be, to the letter.
    pub issuer: Option<String>,
    /// `jwks_uri`.
    pub jwks: Option<Url>,
}

/// One EHR connection as OAuth sees it: one FHIR base of one customer in one
/// environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connection {
    /// Its id.
    pub ehr: EhrId,
    /// Its FHIR base.
    pub fhir_base: FhirBase,
    /// Whose software it is.
    pub vendor: Vendor,
    /// Its client ids.
    pub clients: Clients,
    /// What is asked for.
    pub scopes: Scopes,
    /// Our callback, as registered: `{public_url}/ehr/{ehr}/callback`.
    pub redirect_uri: Url,
    /// How client assertions are signed.
    pub signing_algorithm: SigningAlgorithm,
    /// How the browser goes to authorize.
    pub authorize_method: AuthorizeMethod,
    /// What is not discovered.
    pub fixed: FixedEndpoints,
    /// Further host names that discovery may send us to, exactly.
    pub allowed_hosts: Vec<String>,
}

impl Connection {
    /// The client id of a launch.
    pub fn client_for(&self, kind: LaunchKind) -> &ClientId {
        match kind {
            LaunchKind::Provider | LaunchKind::Monitor => &self.clients.provider,
            LaunchKind::Patient | LaunchKind::DeviceTest => &self.clients.patient,
        }
    }

    pub(crate) fn scope_for(&self, kind: LaunchKind) -> &str {
        match kind {
            LaunchKind::Provider | LaunchKind::Monitor => &self.scopes.provider,
            LaunchKind::Patient | LaunchKind::DeviceTest => &self.scopes.patient,
        }
    }

    /// Refuses a discovered address that codes, tokens or trust must not go
    /// to: https, and on the FHIR base's host, the configured issuer's host,
    /// an allowed host, or a sibling of the FHIR base's host.
    pub(crate) fn check_endpoint(&self, name: &'static str, url: &Url) -> Result<(), LaunchError> {
        let refused = |rule| LaunchError::EndpointRefused {
            name,
            host: url.host_str().unwrap_or("none").to_owned(),
            rule,
        };
        check_secure(url).map_err(refused)?;
        let host = url.host_str().ok_or_else(|| refused("it has no host"))?;
        let base = self.fhir_base.url();
        let issuer = self.fixed.issuer.as_deref().and_then(|issuer| Url::parse(issuer).ok());
        let allowed = base.host_str() == Some(host)
            || issuer.is_some_and(|issuer| issuer.host_str() == Some(host))
            || self.allowed_hosts.iter().any(|allowed| allowed.eq_ignore_ascii_case(host))
            || is_sibling(base, url);
        if allowed { Ok(()) } else { Err(refused("its host is not in allowed_hosts")) }
    }
}

/// Whether two hosts share a parent domain that one organisation owns:
/// `fhir.example.org` and `login.example.org`. Without a list of public
/// suffixes the parent needs two labels, and three under a country
/// (`co.uk`, `com.au`); what this leaves out is configured.
fn is_sibling(base: &Url, url: &Url) -> bool {
    let (Some(Host::Domain(base)), Some(Host::Domain(other))) = (base.host(), url.host()) else {
        return false;
    };
    let Some((_, parent)) = base.split_once('.') else { return false };
    let labels = parent.split('.').count();
    let under_a_country = parent.rsplit('.').next().is_some_and(|last| last.len() == 2);
    let owned = if under_a_country { labels >= 3 } else { labels >= 2 };
    owned && other.strip_suffix(parent).is_some_and(|rest| rest.ends_with('.') && rest.len() > 1)
}

/// The connection that a received `iss` means, if any. What is not here gets
/// no request.
pub fn match_iss<'a>(connections: &'a [Connection], iss: &str) -> Option<&'a Connection> {
    connections.iter().find(|connection| connection.fhir_base.matches(iss))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::connection;

    fn allows(base: &str, endpoint: &str) -> bool {
        let connection = Connection { fhir_base: base.parse().unwrap(), ..connection() };
        connection.check_endpoint("token_endpoint", &Url::parse(endpoint).unwrap()).is_ok()
    }

    #[test]
    fn endpoints_stay_with_the_organisation() {
        let base = "https://fhir.example.org/api/FHIR/R4";
        assert!(allows(base, "https://fhir.example.org/oauth2/token"));
        assert!(allows(base, "https://login.example.org/token"));
        assert!(allows(base, "https://a.b.example.org/token"));
        for elsewhere in [
            "https://example.org/token",
            "https://evilexample.org/token",
            "https://fhir.example.org.evil.example/token",
            "https://evil.example/token",
            "http://fhir.example.org/oauth2/token",
            "https://user@fhir.example.org/oauth2/token",
            "javascript:alert(1)",
            "data:text/html,x",
        ] {
            assert!(!allows(base, elsewhere), "{elsewhere}");
        }
    }

    #[test]
    fn public_suffixes_make_no_siblings() {
        assert!(!allows("https://hospital.org/fhir", "https://evil.org/token"));
        assert!(!allows("https://trust.nhs.uk/fhir", "https://evil.nhs.uk/token"));
        assert!(allows("https://fhir.trust.nhs.uk/fhir", "https://login.trust.nhs.uk/token"));
        assert!(!allows("https://10.0.0.1/fhir", "https://11.0.0.1/token"));
        assert!(allows("http://127.0.0.1:9001/fhir", "http://127.0.0.1:9002/token"));
    }

    #[test]
    fn the_connection_is_found_by_iss() {
        let connections = [connection()];
        assert!(match_iss(&connections, "https://FHIR.example.org/api/FHIR/R4/").is_some());
        assert!(match_iss(&connections, "https://fhir.example.org/api/FHIR/R5").is_none());
    }
}
