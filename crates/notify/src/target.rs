use std::{str::FromStr, sync::Arc};

use outside::HttpClient;
use secrecy::{ExposeSecret, SecretString};
use url::{Host, Url};

use crate::{InvalidSetting, StatusPolicy, Vocabulary};

/// Where one EHR connection hears of connects and disconnects, and how.
#[derive(Clone)]
pub struct StatusTarget {
    /// The address.
    pub url: StatusUrl,
    /// Where the parameters stand.
    pub method: StatusMethod,
    /// How a report is signed.
    pub auth: StatusAuth,
    /// Sent as `Epic-Client-ID`, which Epic requires since February 2019.
    pub epic_client_id: Option<EpicClientId>,
    /// The words of a report.
    pub vocabulary: Vocabulary,
    /// Who is reported, how soon and for how long.
    pub policy: StatusPolicy,
    /// The client that sends. For mutual TLS it holds the client's
    /// certificate, beside whatever `auth` says.
    pub http: Arc<dyn HttpClient>,
}

/// Where the parameters of a report stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum StatusMethod {
    /// In the query of a GET, as Epic's 2018 service takes them.
    #[default]
    Get,
    /// In the body of a POST, as form fields.
    PostForm,
    /// In the body of a POST, as a JSON object.
    PostJson,
}

/// How a report is signed.
#[derive(Debug, Clone)]
pub enum StatusAuth {
    /// Not at all, or by the client's certificate alone.
    None,
    /// User name and password.
    Basic(BasicCredentials),
    /// The access token of the launch that the report is about. It lives for
    /// about an hour: a person who is connected for longer is not reported
    /// as gone.
    LaunchToken,
    /// A backend-services token of the EHR connection ([`crate::BackendTokens`]).
    BackendServices,
}

/// The address that takes reports: https (http on loopback only), no user
/// name, no fragment. A query that it has is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusUrl(Url);

impl StatusUrl {
    /// The address.
    pub fn as_url(&self) -> &Url {
        &self.0
    }
}

impl TryFrom<Url> for StatusUrl {
    type Error = InvalidSetting;

    fn try_from(url: Url) -> Result<Self, InvalidSetting> {
        let refused = |rule| Err(InvalidSetting { what: "address for connection status", rule });
        if !(url.scheme() == "https" || url.scheme() == "http" && is_loopback(&url)) {
            return refused("it must begin with https:// (http:// on loopback only)");
        }
        if !url.username().is_empty() || url.password().is_some() {
            return refused("a user name or password belongs into `auth = \"basic\"`");
        }
        if url.fragment().is_some() {
            return refused("it must not have a fragment (#...)");
        }
        Ok(Self(url))
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        None => false,
    }
}

/// User name and password for HTTP Basic (RFC 7617).
#[derive(Debug, Clone)]
pub struct BasicCredentials {
    user: String,
    password: SecretString,
}

impl BasicCredentials {
    /// A user name has no colon (RFC 7617, section 2), and neither part has
    /// control characters.
    pub fn new(user: String, password: SecretString) -> Result<Self, InvalidSetting> {
        let refused = |rule| Err(InvalidSetting { what: "pair of user name and password", rule });
        if user.is_empty() || user.contains(':') {
            return refused("the user name must not be empty or have a colon");
        }
        if user.chars().chain(password.expose_secret().chars()).any(char::is_control) {
            return refused("neither may have control characters");
        }
        Ok(Self { user, password })
    }

    pub(crate) fn user(&self) -> &str {
        &self.user
    }

    pub(crate) fn password(&self) -> &SecretString {
        &self.password
    }
}

/// What stands in the header `Epic-Client-ID`: 1 to 100 visible ASCII
/// characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EpicClientId(String);

impl EpicClientId {
    /// The text form.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for EpicClientId {
    type Err = InvalidSetting;

    fn from_str(text: &str) -> Result<Self, InvalidSetting> {
        if (1..=100).contains(&text.len()) && text.chars().all(|c| c.is_ascii_graphic()) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidSetting { what: "client id", rule: "1 to 100 visible ASCII characters" })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status_url(text: &str) -> Result<StatusUrl, InvalidSetting> {
        Url::parse(text).unwrap().try_into()
    }

    #[test]
    fn reports_go_over_tls_except_on_loopback() {
        for good in [
            "https://ehr.example.org/x?tenant=7",
            "http://127.0.0.1:9/x",
            "http://[::1]/",
            "http://localhost/",
        ] {
            assert!(status_url(good).is_ok(), "{good}");
        }
        for bad in [
            "http://ehr.example.org/",
            "ftp://ehr.example.org/",
            "https://u:p@ehr.example.org/",
            "https://e.org/#x",
        ] {
            assert!(status_url(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn credentials_that_basic_cannot_carry_are_refused() {
        let pair = |user: &str, password: &str| BasicCredentials::new(user.into(), password.into());
        assert!(pair("emp$reporter", "pa:ss").is_ok());
        assert!(pair("a:b", "x").is_err());
        assert!(pair("", "x").is_err());
        assert!(pair("a", "x\n").is_err());
    }

    #[test]
    fn a_password_is_not_in_debug() {
        let pair = BasicCredentials::new("emp$reporter".into(), "open sesame".into()).unwrap();
        assert!(!format!("{pair:?}").contains("sesame"));
    }
}
