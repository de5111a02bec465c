use std::{fmt, sync::Arc};

use outside::HttpError;

use crate::{KeyError, id_token::IdTokenFault};

/// What was asked of the EHR when something went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// The discovery documents.
    Discovery,
    /// The token endpoint.
    Token,
    /// The key set that signs id_tokens.
    Keys,
}

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Discovery => "discovery",
            Self::Token => "token",
            Self::Keys => "key set",
        })
    }
}

/// An OAuth error answer (RFC 6749 4.1.2.1 and 5.2), cut down to what is safe
/// to show once escaped.
#[derive(Clone, PartialEq, Eq)]
pub struct OAuthRefusal {
    /// The `error` code, as `access_denied`; `unknown` when it is no code.
    pub error: String,
    /// `error_description`, without control characters, at most 300
    /// characters. For the page, not for the log.
    pub description: Option<String>,
    /// `error_uri`, https only. Oracle Health wants it offered to the user.
    pub uri: Option<url::Url>,
}

impl OAuthRefusal {
    pub(crate) fn new(error: &str, description: Option<&str>, uri: Option<&str>) -> Box<Self> {
        let is_code = (1..=64).contains(&error.len())
            && error.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'));
        let description = description
            .map(|text| text.chars().filter(|c| !c.is_control()).take(300).collect::<String>())
            .filter(|text| !text.trim().is_empty());
        let uri = uri.and_then(|uri| url::Url::parse(uri).ok()).filter(|uri| uri.scheme() == "https");
        let error = if is_code { error } else { "unknown" }.to_owned();
        // Boxed, as every error type that holds one would be large.
        Box::new(Self { error, description, uri })
    }
}

impl fmt::Debug for OAuthRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.error)
    }
}

/// Why a launch, or a token, did not come about. The text is for the log and
/// for operators: it holds no token, code, name or query. What people see is
/// chosen by [`code`](Self::code).
#[derive(Debug, Clone, thiserror::Error)]
pub enum LaunchError {
    /// `iss` or `launch` is missing or misshapen.
    #[error("the launch address came without a usable {0}")]
    LaunchIncomplete(&'static str),
    /// No EHR connection has this `iss`; nothing was sent to it.
    #[error("no EHR connection has this iss")]
    UnknownIss,
    /// The EHR did not answer in time.
    #[error("the EHR's {asked} answer did not come in time")]
    EhrTimeout {
        /// What was asked.
        asked: Asked,
        /// What the client said; none when the whole step took too long.
        #[source]
        source: Option<Arc<HttpError>>,
    },
    /// No connection to the EHR.
    #[error("the EHR's {asked} address cannot be reached")]
    EhrUnreachable {
        /// What was asked.
        asked: Asked,
        /// What the client said.
        #[source]
        source: Arc<HttpError>,
    },
    /// The EHR's answer was cut off: too large, or a redirect elsewhere.
    #[error("the EHR's {asked} answer is not accepted")]
    EhrAnswerRefused {
        /// What was asked.
        asked: Asked,
        /// What the client said.
        #[source]
        source: Arc<HttpError>,
    },
    /// The EHR answered with a status that tells nothing more.
    #[error("the EHR answered the {asked} request with status {status}")]
    EhrFailed {
        /// What was asked.
        asked: Asked,
        /// The HTTP status.
        status: u16,
    },
    /// The discovery documents cannot be used.
    #[error("discovery: {0}")]
    DiscoveryInvalid(String),
    /// Discovery or configuration names an address that may not be used.
    #[error("the {name} at host {host} is not used: {rule}")]
    EndpointRefused {
        /// Its name in the discovery document.
        name: &'static str,
        /// Its host.
        host: String,
        /// The rule that it breaks.
        rule: &'static str,
    },
    /// The person or the EHR said no (`access_denied`).
    #[error("the EHR denied the authorization")]
    AuthorizationDenied(Box<OAuthRefusal>),
    /// The authorization server answered another error.
    #[error("the EHR answered the authorization with {0:?}")]
    AuthorizationFailed(Box<OAuthRefusal>),
    /// The callback has no code, or its state is not this launch's.
    #[error("the callback is not usable: {0}")]
    CallbackInvalid(&'static str),
    /// The callback came from another server than the launch went to
    /// (RFC 9207, RFC 9700 4.4).
    #[error("the callback came from another authorization server")]
    CallbackMixedUp,
    /// More than ten minutes passed between begin and callback.
    #[error("the launch has expired")]
    LaunchExpired,
    /// The token endpoint refused the code (`invalid_grant` and others).
    #[error("the token endpoint refused with {0:?}")]
    TokenRefused(Box<OAuthRefusal>),
    /// The token endpoint does not accept who we are: `invalid_client` or
    /// `unauthorized_client`. Client id, key set or its registration.
    #[error("the token endpoint does not accept this client: {0:?}")]
    ClientRefused(Box<OAuthRefusal>),
    /// The token answer breaks a rule.
    #[error("the token answer cannot be used: {0}")]
    TokenAnswerInvalid(String),
    /// The token answer has no id_token; without one nobody is identified.
    #[error("the token answer has no id_token (are the scopes openid and fhirUser granted?)")]
    IdTokenMissing,
    /// The id_token failed a check.
    #[error("the id_token is refused")]
    IdTokenInvalid(#[source] IdTokenFault),
    /// The EHR's key set cannot be read.
    #[error("the EHR's key set: {0}")]
    EhrKeysInvalid(String),
    /// The id_token does not tell which FHIR resource the user is.
    #[error("the user cannot be identified: {0}")]
    UserUnknown(&'static str),
    /// Somebody came through a door that is not theirs, such as a patient
    /// through the provider launch.
    #[error("a {user} launched through the {kind} entrance")]
    WrongEntrance {
        /// The FHIR type of the user.
        user: &'static str,
        /// The launch.
        kind: crate::LaunchKind,
    },
    /// The connection has no backend client id.
    #[error("the EHR connection has no backend client id")]
    NoBackendClient,
    /// `unauthorized_client` for the backend client: at Epic, it is not yet
    /// mapped to a background user.
    #[error("the backend client is not authorized; at Epic: map it to a background user")]
    BackendUserUnmapped(Box<OAuthRefusal>),
    /// Our own signing keys cannot be read or made.
    #[error("our own signing keys cannot be used")]
    OwnKeys(#[source] Arc<KeyError>),
}

impl LaunchError {
    /// The stable code of the error page (`data-error`) and the log.
    pub fn code(&self) -> &'static str {
        match self {
            Self::LaunchIncomplete(_) => "launch-incomplete",
            Self::UnknownIss => "unknown-iss",
            Self::EhrTimeout { .. } => "ehr-timeout",
            Self::EhrUnreachable { .. } => "ehr-unreachable",
            Self::EhrAnswerRefused { .. } => "ehr-answer-refused",
            Self::EhrFailed { .. } => "ehr-failed",
            Self::DiscoveryInvalid(_) => "discovery-invalid",
            Self::EndpointRefused { .. } => "endpoint-refused",
            Self::AuthorizationDenied(_) => "authorization-denied",
            Self::AuthorizationFailed(_) => "authorization-failed",
            Self::CallbackInvalid(_) => "callback-invalid",
            Self::CallbackMixedUp => "callback-mixed-up",
            Self::LaunchExpired => "launch-expired",
            Self::TokenRefused(_) => "token-refused",
            Self::ClientRefused(_) => "client-refused",
            Self::TokenAnswerInvalid(_) => "token-answer-invalid",
            Self::IdTokenMissing => "id-token-missing",
            Self::IdTokenInvalid(_) => "id-token-invalid",
            Self::EhrKeysInvalid(_) => "ehr-keys-invalid",
            Self::UserUnknown(_) => "user-unknown",
            Self::WrongEntrance { .. } => "wrong-entrance",
            Self::NoBackendClient => "backend-client-missing",
            Self::BackendUserUnmapped(_) => "backend-user-unmapped",
            Self::OwnKeys(_) => "own-keys",
        }
    }

    /// What an operator does about it.
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::LaunchIncomplete(_) => {
                "Open the launch from the EHR; it appends iss and launch to the address by itself."
            }
            Self::UnknownIss => "Add an EHR connection with this FHIR base, or correct fhir_base_url.",
            Self::EhrTimeout { .. } | Self::EhrUnreachable { .. } => {
                "Check network, firewall and TLS between this server and the EHR."
            }
            Self::EhrAnswerRefused { .. } => {
                "Correct the address: redirects to another origin are not followed, nor large answers read."
            }
            Self::EhrFailed { .. } => "Look at the EHR's log at this time; correct the address if it is 404.",
            Self::DiscoveryInvalid(_) => {
                "Correct fhir_base_url, or set authorization_endpoint, token_endpoint, issuer and jwks_uri."
            }
            Self::EndpointRefused { .. } => "If the host belongs to the EHR, add it to allowed_hosts.",
            Self::AuthorizationDenied(_) => {
                "Nothing, if the person said no; else check the client's users and scopes at the EHR."
            }
            Self::AuthorizationFailed(_) => {
                "Compare client id, redirect URI and scopes with the registration at the EHR."
            }
            Self::CallbackInvalid(_) | Self::CallbackMixedUp | Self::LaunchExpired => {
                "Start again from the EHR. If it stays: each connection needs its own redirect URI."
            }
            Self::TokenRefused(_) => {
                "Start again from the EHR. If it stays: compare the redirect URI and this server's clock."
            }
            Self::ClientRefused(_) => {
                "Check that the EHR knows this client id and key set address, and can reach that address."
            }
            Self::TokenAnswerInvalid(_) => "Show the reason to the EHR's support; check the FDI record.",
            Self::IdTokenMissing => "Grant the client the scopes openid and fhirUser.",
            Self::IdTokenInvalid(_) => {
                "Check issuer and jwks_uri of this connection and the clocks of both servers."
            }
            Self::EhrKeysInvalid(_) => "Check jwks_uri of this connection.",
            Self::UserUnknown(_) => "Grant the client the scopes openid and fhirUser, with FHIR R4.",
            Self::WrongEntrance { .. } => {
                "Give each FDI record the launch address of its users: provider or patient."
            }
            Self::NoBackendClient => "Set clients.backend of this connection.",
            Self::BackendUserUnmapped(_) => {
                "Ask the EHR's administrator to map the backend client to a background user."
            }
            Self::OwnKeys(_) => "Check the keys directory in data_dir: owner, mode, free space.",
        }
    }

    /// Whether starting again later may help without anybody changing
    /// anything.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::EhrTimeout { .. } | Self::EhrUnreachable { .. } | Self::LaunchExpired => true,
            Self::EhrFailed { status, .. } => *status == 429 || *status >= 500,
            _ => false,
        }
    }

    pub(crate) fn no_answer(asked: Asked, error: HttpError) -> Self {
        let source = Arc::new(error);
        match *source {
            HttpError::TimedOut { .. } => Self::EhrTimeout { asked, source: Some(source) },
            HttpError::Unreachable { .. } => Self::EhrUnreachable { asked, source },
            _ => Self::EhrAnswerRefused { asked, source },
        }
    }
}

impl From<KeyError> for LaunchError {
    fn from(error: KeyError) -> Self {
        Self::OwnKeys(Arc::new(error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_keeps_only_what_is_safe_to_show() {
        let refusal = OAuthRefusal::new("<script>", Some("line\u{0}\nbreak"), Some("javascript:alert(1)"));
        assert_eq!(refusal.error, "unknown");
        assert_eq!(refusal.description.as_deref(), Some("linebreak"));
        assert_eq!(refusal.uri, None);
        let long = "x".repeat(1000);
        assert_eq!(OAuthRefusal::new("access_denied", Some(&long), None).description.unwrap().len(), 300);
    }
}
