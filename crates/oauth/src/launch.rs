use std::fmt;

use aws_lc_rs::{constant_time::verify_slices_are_equal, digest};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::{SignedDuration, Timestamp};
use outside::{Random, RandomExt};
use serde::{Deserialize, Serialize};
use url::Url;
use visit::EhrId;

use crate::{AuthorizeMethod, ClientId, Connection, LaunchError, discovery::Endpoints, secret::Secret};

/// How long a launch may take from begin to callback, the person's sign-in
/// at the EHR included.
pub const LAUNCH_LIFETIME: SignedDuration = SignedDuration::from_mins(10);

/// Longer launch tokens are nobody's. Epic's may be JWTs of some hundred
/// characters.
const LONGEST_LAUNCH_TOKEN: usize = 8192;

/// The entrance that a launch came through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LaunchKind {
    /// A clinician, from the schedule or the chart.
    Provider,
    /// A patient or proxy, from the portal.
    Patient,
    /// A patient who tests camera and microphone.
    DeviceTest,
    /// Staff who watch over visits.
    Monitor,
}

impl LaunchKind {
    /// The name in addresses, database and log.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Provider => "provider",
            Self::Patient => "patient",
            Self::DeviceTest => "device-test",
            Self::Monitor => "monitor",
        }
    }
}

impl fmt::Display for LaunchKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The OAuth `state`: 256 random bits without content, base64url. Also the
/// id under which the launch is stored.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct LaunchState(String);

/// A text that is no state of ours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("this is no state: 43 characters of base64url")]
pub struct InvalidState;

impl LaunchState {
    /// The text form.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Compares in constant time.
    pub fn is(&self, received: &str) -> bool {
        verify_slices_are_equal(self.0.as_bytes(), received.as_bytes()).is_ok()
    }
}

impl TryFrom<String> for LaunchState {
    type Error = InvalidState;

    fn try_from(text: String) -> Result<Self, InvalidState> {
        let valid = text.len() == 43
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
        if valid { Ok(Self(text)) } else { Err(InvalidState) }
    }
}

impl From<LaunchState> for String {
    fn from(state: LaunchState) -> String {
        state.0
    }
}

impl fmt::Debug for LaunchState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LaunchState(…)")
    }
}

/// A launch between begin and callback. It is stored on the server, taken out
/// once, and bound to the browser by whoever stores it. Serialised it holds
/// secrets; its `Debug` form does not.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PendingLaunch {
    /// The state, under which it is stored.
    pub state: LaunchState,
    /// The EHR connection that it went to.
    pub ehr: EhrId,
    /// The entrance.
    pub kind: LaunchKind,
    /// `iss` as received.
    pub iss: String,
    /// Which client it is.
    pub client_id: ClientId,
    /// The redirect URI, which the token request repeats.
    pub redirect_uri: Url,
    /// When it ends.
    pub expires_at: Timestamp,
    pub(crate) nonce: Secret,
    pub(crate) pkce_verifier: Secret,
}

/// How the browser is sent to the EHR.
#[derive(Clone, PartialEq, Eq)]
pub enum AuthorizeRequest {
    /// Redirect to this address.
    Redirect(Url),
    /// A page with a form that submits itself.
    Form {
        /// The form's action.
        action: Url,
        /// Its hidden fields.
        fields: Vec<(&'static str, String)>,
    },
}

impl fmt::Debug for AuthorizeRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Redirect(_) => "AuthorizeRequest::Redirect(…)",
            Self::Form { .. } => "AuthorizeRequest::Form(…)",
        })
    }
}

/// Begins a launch: what to store, and where to send the browser.
///
/// State, nonce and PKCE verifier are 256 random bits each; PKCE is S256
/// always (RFC 7636, RFC 9700 2.1.1); `aud` is the `iss` as received.
pub(crate) fn begin(
    connection: &Connection,
    endpoints: &Endpoints,
    kind: LaunchKind,
    iss: &str,
    launch: &str,
    random: &dyn Random,
    now: Timestamp,
) -> (PendingLaunch, AuthorizeRequest) {
    let pending = PendingLaunch {
        state: LaunchState(random.token::<32>()),
        ehr: connection.ehr.clone(),
        kind,
        iss: iss.to_owned(),
        client_id: connection.client_for(kind).clone(),
        redirect_uri: connection.redirect_uri.clone(),
        expires_at: now + LAUNCH_LIFETIME,
        nonce: Secret::new(random.token::<32>()),
        pkce_verifier: Secret::new(random.token::<32>()),
    };
    let fields = vec![
        ("response_type", "code".to_owned()),
        ("client_id", pending.client_id.as_str().to_owned()),
        ("redirect_uri", pending.redirect_uri.as_str().to_owned()),
        ("scope", connection.scope_for(kind).to_owned()),
        ("launch", launch.to_owned()),
        ("aud", iss.to_owned()),
        ("state", pending.state.as_str().to_owned()),
        ("nonce", pending.nonce.expose().to_owned()),
        ("code_challenge", pkce_challenge(pending.pkce_verifier.expose())),
        ("code_challenge_method", "S256".to_owned()),
    ];
    let mut action = endpoints.authorization.clone();
    let request = match connection.authorize_method {
        AuthorizeMethod::Post => AuthorizeRequest::Form { action, fields },
        AuthorizeMethod::Get => {
            action.query_pairs_mut().extend_pairs(fields);
            AuthorizeRequest::Redirect(action)
        }
    };
    (pending, request)
}

/// Refuses a launch token that is missing or misshapen. What it says is the
/// EHR's business.
pub(crate) fn check_launch_token(launch: &str) -> Result<(), LaunchError> {
    let usable = (1..=LONGEST_LAUNCH_TOKEN).contains(&launch.len()) && !launch.contains(char::is_control);
    if usable { Ok(()) } else { Err(LaunchError::LaunchIncomplete("launch")) }
}

/// RFC 7636 4.2.
fn pkce_challenge(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, verifier.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{ISS, begun, connection, endpoints};

    #[test]
    fn the_challenge_is_rfc_7636_appendix_b() {
        assert_eq!(
            pkce_challenge("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"),
            "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
        );
    }

    #[test]
    fn the_authorize_address() {
        let (_, request) = begun(&connection(), LaunchKind::Provider);
        let AuthorizeRequest::Redirect(url) = request else { panic!("a redirect") };
        insta::assert_snapshot!(url.as_str().replace('&', "\n&"), @r"
        https://fhir.example.org/oauth2/authorize?response_type=code
        &client_id=provider-client
        &redirect_uri=https%3A%2F%2Fanteroom.example.org%2Fehr%2Flamna-test%2Fcallback
        &scope=launch+openid+fhirUser+user%2FAppointment.read+user%2FEncounter.read+user%2FPatient.read+user%2FPractitioner.read+user%2FRelatedPerson.read
        &launch=a-launch%2Ftoken%2B
        &aud=https%3A%2F%2FFHIR.example.org%2Fapi%2FFHIR%2FR4%2F
        &state=5QULEB0WklbBXAKJ7C0KkWfsjmWhjeu-XlUy--6ik_g
        &nonce=C8lC7pCGwXG5tQHR2FS7cYACFZD_C03DpTw212zsmeA
        &code_challenge=UUzOSXyVm2i2DRTaZZjisCqSDNSDoZMKlaZuM3ymSGY
        &code_challenge_method=S256
        ");
    }

    #[test]
    fn the_authorize_form_has_the_same_fields() {
        let connection = Connection { authorize_method: AuthorizeMethod::Post, ..connection() };
        let (pending, request) = begun(&connection, LaunchKind::Patient);
        let AuthorizeRequest::Form { action, fields } = request else { panic!("a form") };
        assert_eq!(action, endpoints().authorization);
        let names: Vec<_> = fields.iter().map(|(name, _)| *name).collect();
        insta::assert_snapshot!(
            names.join(" "),
            @"response_type client_id redirect_uri scope launch aud state nonce code_challenge code_challenge_method"
        );
        assert!(fields.contains(&("client_id", "patient-client".to_owned())));
        assert!(fields.contains(&("aud", ISS.to_owned())));
        assert!(fields.contains(&("state", pending.state.as_str().to_owned())));
    }

    #[test]
    fn nothing_secret_is_shown() {
        let (pending, request) = begun(&connection(), LaunchKind::Provider);
        let shown = format!("{pending:?} {request:?}");
        for secret in [pending.state.as_str(), pending.nonce.expose(), pending.pkce_verifier.expose()] {
            assert!(!shown.contains(secret));
        }
    }

    #[test]
    fn a_stored_launch_comes_back_whole() {
        let (pending, _) = begun(&connection(), LaunchKind::DeviceTest);
        let stored = serde_json::to_string(&pending).unwrap();
        let back: PendingLaunch = serde_json::from_str(&stored).unwrap();
        assert_eq!(serde_json::to_string(&back).unwrap(), stored);
        assert!(back.state.is(pending.state.as_str()));
    }

    #[test]
    fn a_launch_token_is_opaque_but_not_anything() {
        assert!(check_launch_token("eyJhbGciOiJ+/=").is_ok());
        for bad in ["", "a\nb", &"x".repeat(9000)] {
            assert!(check_launch_token(bad).is_err());
        }
    }
}
