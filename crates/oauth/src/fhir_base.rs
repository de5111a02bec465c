use std::{fmt, str::FromStr};

use url::{Host, Url};

/// The base address of one FHIR server, as configured.
#[derive(Clone, PartialEq, Eq)]
pub struct FhirBase(Url);

/// A text that cannot be a FHIR base.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("this is no FHIR base address: {0}")]
pub struct InvalidFhirBase(&'static str);

/// Longer addresses are nobody's FHIR base.
const LONGEST: usize = 2048;

impl FhirBase {
    /// The address without a slash at its end, so that `{base}/Patient/1`
    /// can be written.
    pub fn as_str(&self) -> &str {
        self.0.as_str().trim_end_matches('/')
    }

    /// The address as parsed.
    pub fn url(&self) -> &Url {
        &self.0
    }

    /// `{base}/{path}`, whatever slash the base ends with (SMART App Launch
    /// 2.2: the well-known path is appended even if the base has a path).
    pub(crate) fn join(&self, path: &str) -> Option<Url> {
        Url::parse(&format!("{}/{path}", self.as_str())).ok()
    }

    /// Whether a received `iss` means this base: case of scheme and host, the
    /// default port and one trailing slash do not matter; everything else,
    /// the path's case included, does.
    pub fn matches(&self, iss: &str) -> bool {
        iss.parse::<Self>().is_ok_and(|received| received.significant() == self.significant())
    }

    fn significant(&self) -> (&str, Option<Host<&str>>, Option<u16>, &str) {
        let path = self.0.path();
        let path = path.strip_suffix('/').unwrap_or(path);
        (self.0.scheme(), self.0.host(), self.0.port_or_known_default(), path)
    }
}

impl FromStr for FhirBase {
    type Err = InvalidFhirBase;

    fn from_str(text: &str) -> Result<Self, InvalidFhirBase> {
        if text.len() > LONGEST || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(InvalidFhirBase("only visible ASCII characters, at most 2048"));
        }
        let url = Url::parse(text).map_err(|_| InvalidFhirBase("it must be an absolute address"))?;
        check_secure(&url).map_err(InvalidFhirBase)?;
        if url.query().is_some() || url.fragment().is_some() {
            return Err(InvalidFhirBase("no query and no fragment"));
        }
        // The parser resolves `..` and `\`; an address that needs this was
        // not written by an EHR.
        let path_as_written =
            text.split_once("://").map(|(_, rest)| rest.find('/').map_or("/", |at| &rest[at..]));
        if path_as_written != Some(url.path()) {
            return Err(InvalidFhirBase("the path must be written plainly, without dots or backslashes"));
        }
        Ok(Self(url))
    }
}

impl fmt::Debug for FhirBase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for FhirBase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The rule for every address that tokens or codes are sent to: https (plain
/// http on loopback only), a host, no user name in it.
pub(crate) fn check_secure(url: &Url) -> Result<(), &'static str> {
    if !url.username().is_empty() || url.password().is_some() {
        return Err("it holds a user name or password");
    }
    match url.scheme() {
        "https" => Ok(()),
        "http" if is_loopback(url) => Ok(()),
        "http" => Err("plain http is for loopback only"),
        _ => Err("only https is used"),
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn base(text: &str) -> FhirBase {
        text.parse().unwrap()
    }

    #[test]
    fn what_does_not_matter_does_not_matter() {
        let configured = base("https://fhir.example.org/api/FHIR/R4");
        for iss in [
            "https://fhir.example.org/api/FHIR/R4",
            "https://fhir.example.org/api/FHIR/R4/",
            "HTTPS://FHIR.Example.ORG/api/FHIR/R4",
            "https://fhir.example.org:443/api/FHIR/R4/",
        ] {
            assert!(configured.matches(iss), "{iss}");
        }
    }

    #[test]
    fn what_matters_matters() {
        let configured = base("https://fhir.example.org/api/FHIR/R4/");
        for iss in [
            "",
            "fhir.example.org/api/FHIR/R4",
            "http://fhir.example.org/api/FHIR/R4",
            "https://fhir.example.org/api/fhir/r4",
            "https://fhir.example.org/api/FHIR/R4//",
            "https://fhir.example.org/api/FHIR/R4/x",
            "https://fhir.example.org/x/../api/FHIR/R4",
            "https://fhir.example.org\\api\\FHIR\\R4",
            "https://fhir.example.org/api/FHIR/R4?x=1",
            "https://fhir.example.org/api/FHIR/R4#x",
            "https://fhir.example.org:8443/api/FHIR/R4",
            "https://fhir.example.org.evil.example/api/FHIR/R4",
            "https://fhir.example.org@evil.example/api/FHIR/R4",
            "https://fhir.example.org./api/FHIR/R4",
            " https://fhir.example.org/api/FHIR/R4",
            "https://fhir.example.org/api/FHIR/R4\n",
        ] {
            assert!(!configured.matches(iss), "{iss:?}");
        }
    }

    #[test]
    fn cleartext_is_for_loopback() {
        assert!("http://localhost:9001/fhir".parse::<FhirBase>().is_ok());
        assert!("http://127.0.0.1:9001/fhir".parse::<FhirBase>().is_ok());
        for bad in ["http://ehr.example.org/fhir", "javascript:alert(1)", "https://a:b@ehr.example.org/"] {
            assert!(bad.parse::<FhirBase>().is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn matching_never_panics(iss in ".{0,80}") {
            base("https://fhir.example.org/api/FHIR/R4").matches(&iss);
        }

        #[test]
        fn every_base_matches_itself_and_no_other_path(
            host in "[a-z]{1,8}\\.[a-z]{2,6}", path in "(/[A-Za-z0-9]{1,6}){0,3}", other in "[A-Za-z0-9]{1,6}"
        ) {
            let text = format!("https://{host}{path}");
            let slashed = format!("{text}/");
            let deeper = format!("{text}/{other}");
            prop_assert!(base(&text).matches(&slashed));
            prop_assert!(base(&slashed).matches(&text));
            prop_assert!(!base(&text).matches(&deeper));
        }
    }
}
