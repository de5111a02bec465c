use std::{fmt, time::Duration};

use http::StatusCode;
use outside::HttpError;

use crate::Kind;

/// A code from an OperationOutcome: up to 40 letters, digits and hyphens, so
/// that nothing else a server writes there reaches a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssueCode(String);

impl IssueCode {
    pub(crate) fn new(text: &str) -> Option<Self> {
        let plain =
            (1..=40).contains(&text.len()) && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
        plain.then(|| Self(text.to_owned()))
    }

    /// The code.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for IssueCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why the FHIR server could not say which visit is meant. Texts tell kinds of
/// resources, status and codes; never ids, names or what the server wrote.
#[derive(Debug, thiserror::Error)]
pub enum FhirError {
    /// No answer.
    #[error("the FHIR server did not answer")]
    NoAnswer(#[source] HttpError),
    /// The answers took longer than a person waits.
    #[error("the FHIR server took longer than {} s in all", .0.as_secs())]
    TooSlow(Duration),
    /// 401: the token is not accepted, or no longer.
    #[error("the FHIR server does not accept the access token")]
    Unauthorized,
    /// 403 that names the scope as the reason (RFC 6750, 3.1).
    #[error("the access token has no scope for {0}")]
    InsufficientScope(Kind),
    /// 403 for another reason: the API is not enabled for this client, or this
    /// user may not see this record.
    #[error("the FHIR server forbids reading {kind}{}", shown(issue.as_ref()))]
    Forbidden {
        /// What was read.
        kind: Kind,
        /// The server's code.
        issue: Option<IssueCode>,
    },
    /// 404.
    #[error("the FHIR server has no such {0}")]
    NotFound(Kind),
    /// 410: it was there and is deleted.
    #[error("the FHIR server has deleted this {0}")]
    Gone(Kind),
    /// 429: too many requests.
    #[error("the FHIR server asks to wait{}", retry_after.map(|wait| format!(" {} s", wait.as_secs())).unwrap_or_default())]
    Busy {
        /// How long, where it says so in seconds.
        retry_after: Option<Duration>,
    },
    /// 5xx.
    #[error("the FHIR server failed with {0}")]
    Failed(StatusCode),
    /// Another status than success.
    #[error("the FHIR server refused {kind} with {status}{}", shown(issue.as_ref()))]
    Refused {
        /// What was asked for.
        kind: Kind,
        /// The status.
        status: StatusCode,
        /// The server's code.
        issue: Option<IssueCode>,
    },
    /// The server cannot search appointments by practitioner, so a launch
    /// without patient must name its visit in the launch context.
    #[error("the FHIR server cannot search appointments by practitioner{}", shown(.0.as_ref()))]
    NoSearchByPractitioner(Option<IssueCode>),
    /// Success, and no JSON.
    #[error("the FHIR server answered something else than JSON for {0}")]
    NotJson(Kind),
    /// Another resource than the one asked for.
    #[error("the FHIR server answered another resource than the {0} that was asked for")]
    WrongResource(Kind),
}

fn shown(issue: Option<&IssueCode>) -> String {
    issue.map(|issue| format!(" (code {issue})")).unwrap_or_default()
}

impl FhirError {
    /// The stable code that the error page carries.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoAnswer(HttpError::TimedOut { .. }) | Self::TooSlow(_) => "fhir-too-slow",
            Self::NoAnswer(_) => "fhir-unreachable",
            Self::Unauthorized => "fhir-token-refused",
            Self::InsufficientScope(_) => "fhir-scope-missing",
            Self::Forbidden { .. } => "fhir-forbidden",
            Self::NotFound(_) => "fhir-not-found",
            Self::Gone(_) => "fhir-deleted",
            Self::Busy { .. } => "fhir-busy",
            Self::Failed(_) => "fhir-failed",
            Self::Refused { .. } => "fhir-refused",
            Self::NoSearchByPractitioner(_) => "fhir-no-search-by-practitioner",
            Self::NotJson(_) => "fhir-not-json",
            Self::WrongResource(_) => "fhir-wrong-resource",
        }
    }

    /// Whether the same launch may go through later.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::NoAnswer(error) => error.is_passing(),
            Self::TooSlow(_) | Self::Busy { .. } | Self::Failed(_) => true,
            _ => false,
        }
    }
}
