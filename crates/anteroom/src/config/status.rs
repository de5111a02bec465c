use std::collections::BTreeMap;

use jiff::SignedDuration;
use notify::{
    BasicCredentials, EpicClientId, ParameterNames, StatusAuth, StatusMethod, StatusPolicy, StatusUrl,
    Vocabulary, Word,
};
use oauth::{Clients, Vendor};
use url::Url;
use visit::Role;

use super::{
    section::{Noted, Section, Wrong},
    server::TlsFiles,
    values::{list_of, number, one_of, parsed, path, secret, text},
};

/// `[ehr.connection_status]`: what an EHR is told of who is connected, and
/// how. All of [`notify::StatusTarget`] but the client that sends.
#[derive(Debug, Clone)]
pub(crate) struct ConnectionStatus {
    /// Where reports go.
    pub(crate) url: StatusUrl,
    /// Where the parameters stand.
    pub(crate) method: StatusMethod,
    /// How a report is signed.
    pub(crate) auth: StatusAuth,
    /// Sent as `Epic-Client-ID`.
    pub(crate) epic_client_id: Option<EpicClientId>,
    /// The words of a report.
    pub(crate) vocabulary: Vocabulary,
    /// Who is reported.
    pub(crate) policy: StatusPolicy,
    /// What we show in the TLS handshake.
    pub(crate) client_certificate: Option<TlsFiles>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Auth {
    None,
    Basic,
    LaunchToken,
    BackendServices,
    Mtls,
}

const URL: &str = "the address of the EHR's SetExternalConnectionStatus";
const WORD: &str = "1 to 100 characters without blanks at the ends";

impl ConnectionStatus {
    pub(super) fn read(
        mut section: Section<'_>,
        vendor: Option<Vendor>,
        clients: Option<&Clients>,
    ) -> Result<Self, Noted> {
        let url = section.required("url", URL, |field| {
            let url: Url = parsed(URL)(field)?;
            StatusUrl::try_from(url).map_err(|error| Wrong::new(error.rule, URL))
        });
        let method = method(&mut section);
        let client_certificate = client_certificate(&mut section);
        let auth = auth(&mut section, clients, client_certificate.as_ref().ok());
        let right = "what the EHR checks as Epic-Client-ID";
        let epic_client_id = section.optional("epic_client_id", parsed::<EpicClientId>(right));
        let vocabulary = vocabulary(&mut section);
        let policy = policy(&mut section);

        let auth = auth?;
        let default_client = || match (vendor?, &auth) {
            (Vendor::Epic, StatusAuth::BackendServices) => clients?.backend.as_ref(),
            (Vendor::Epic, _) => Some(&clients?.provider),
            _ => None,
        };
        let epic_client_id = epic_client_id?.or_else(|| default_client()?.as_str().parse().ok());
        Ok(Self {
            url: url?,
            method: method?,
            auth,
            epic_client_id,
            vocabulary: vocabulary?,
            policy: policy?,
            client_certificate: client_certificate?,
        })
    }

    /// Whether reports bear the token of the launch that they are about, so
    /// that it has to be kept.
    pub(super) fn uses_launch_token(&self) -> bool {
        matches!(self.auth, StatusAuth::LaunchToken)
    }
}

fn method(section: &mut Section<'_>) -> Result<StatusMethod, Noted> {
    let is_post = section.or("method", false, one_of(&[("GET", false), ("POST", true)]));
    let bodies = [("form", StatusMethod::PostForm), ("json", StatusMethod::PostJson)];
    let body = section.optional("body", one_of(&bodies));
    match (is_post?, body?) {
        (true, body) => Ok(body.unwrap_or(StatusMethod::PostForm)),
        (false, None) => Ok(StatusMethod::Get),
        (false, Some(_)) => {
            Err(section.wrong("body", Wrong::new("a GET has no body", "method = \"POST\", or no body")))
        }
    }
}

fn client_certificate(section: &mut Section<'_>) -> Result<Option<TlsFiles>, Noted> {
    let certificate = section.optional("client_certificate_file", path);
    let key = section.optional("client_key_file", path);
    let alone = |key, other| Err(section.wrong(key, Wrong::new("this is alone", format!("{other} as well"))));
    match (certificate?, key?) {
        (Some(certificate), Some(key)) => Ok(Some(TlsFiles { certificate, key })),
        (None, None) => Ok(None),
        (Some(_), None) => alone("client_certificate_file", "client_key_file"),
        (None, Some(_)) => alone("client_key_file", "client_certificate_file"),
    }
}

/// `clients` and `certificate` are `None` where they are wrong themselves.
fn auth(
    section: &mut Section<'_>,
    clients: Option<&Clients>,
    certificate: Option<&Option<TlsFiles>>,
) -> Result<StatusAuth, Noted> {
    let words = [
        ("none", Auth::None),
        ("basic", Auth::Basic),
        ("launch-token", Auth::LaunchToken),
        ("backend-services", Auth::BackendServices),
        ("mtls", Auth::Mtls),
    ];
    let right = "\"none\", \"basic\", \"launch-token\", \"backend-services\" or \"mtls\"";
    let auth = section.required("auth", right, one_of(&words));
    let user = section.optional("user", text("the user that reports, as \"emp$reporter\""));
    let password = secret(section, "password", "password_file");
    let refused = |what: &str, right: &str| Err(section.wrong("auth", Wrong::new(what, right)));
    match (auth?, user?, password?) {
        (Auth::Basic, Some(user), Some(password)) => {
            BasicCredentials::new(user, password).map(StatusAuth::Basic).map_err(|error| {
                section.wrong("user", Wrong::new("user and password cannot be used", error.rule))
            })
        }
        (Auth::Basic, ..) => {
            refused("\"basic\" needs a user and a password", "user, and password or password_file, as well")
        }
        (_, Some(_), _) | (_, _, Some(_)) => {
            refused("user and password are there", "\"basic\", or neither of them")
        }
        (Auth::LaunchToken, ..) => Ok(StatusAuth::LaunchToken),
        (Auth::BackendServices, ..) if clients.is_some_and(|clients| clients.backend.is_none()) => {
            refused("\"backend-services\" needs a client", "clients.backend as well")
        }
        (Auth::BackendServices, ..) => Ok(StatusAuth::BackendServices),
        (Auth::Mtls, ..) if certificate.is_some_and(Option::is_none) => {
            refused("\"mtls\" needs a certificate", "client_certificate_file and client_key_file as well")
        }
        // With a certificate the handshake signs, not the request.
        (Auth::None | Auth::Mtls, ..) => Ok(StatusAuth::None),
    }
}

fn vocabulary(section: &mut Section<'_>) -> Result<Vocabulary, Noted> {
    let defaults = Vocabulary::default();
    let word = |section: &mut Section<'_>, key, default: &Word| {
        section.or(key, default.clone(), parsed::<Word>(WORD))
    };
    let vendor_name = word(section, "vendor_name", defaults.vendor_name());

    let mut parameters = section.section_or_empty("parameters");
    let names = defaults.names();
    let conference_id = word(&mut parameters, "conference_id", &names.conference_id);
    let external_id = word(&mut parameters, "external_id", &names.external_id);
    let external_id_type = word(&mut parameters, "external_id_type", &names.external_id_type);
    let vendor_parameter = word(&mut parameters, "vendor_name", &names.vendor_name);
    let connection_status = word(&mut parameters, "connection_status", &names.connection_status);
    drop(parameters);

    let mut values = section.section_or_empty("status_values");
    let connected = word(&mut values, "connected", defaults.connected());
    let disconnected = word(&mut values, "disconnected", defaults.disconnected());
    drop(values);

    let names = ParameterNames {
        conference_id: conference_id?,
        external_id: external_id?,
        external_id_type: external_id_type?,
        vendor_name: vendor_parameter?,
        connection_status: connection_status?,
    };
    Vocabulary::new(vendor_name?, names, connected?, disconnected?).map_err(|error| {
        section.wrong("parameters and status_values", Wrong::new("they cannot be used", error.rule))
    })
}

fn policy(section: &mut Section<'_>) -> Result<StatusPolicy, Noted> {
    let mut id_types = StatusPolicy::default_id_types();
    let mut given = section.section_or_empty("id_types");
    let mut outcome = Ok(());
    for role in Role::ALL {
        match given.optional(role.as_str(), parsed::<Word>(WORD)) {
            Ok(Some(word)) => drop(id_types.insert(role, word)),
            Ok(None) => {}
            Err(noted) => outcome = Err(noted),
        }
    }
    drop(given);
    let roles =
        section.optional("roles", list_of::<Role>("roles, as [\"provider\", \"patient\", \"proxy\"]"));
    let grace = section.or("grace_seconds", StatusPolicy::DEFAULT_GRACE.as_secs(), number(0..=600));
    let longest = 7 * 24 * 60;
    let give_up = section.or(
        "give_up_after_minutes",
        StatusPolicy::DEFAULT_GIVE_UP_AFTER.as_mins(),
        number(1..=longest),
    );
    outcome?;
    let id_types = match roles? {
        None => id_types,
        Some(roles) => of_roles(section, &id_types, roles)?,
    };
    let (grace, give_up) = (SignedDuration::from_secs(grace?), SignedDuration::from_mins(give_up?));
    StatusPolicy::new(id_types, grace, give_up)
        .map_err(|error| section.wrong("grace_seconds", Wrong::new("it cannot be used", error.rule)))
}

/// Keeps the id types of these roles alone.
fn of_roles(
    section: &Section<'_>,
    id_types: &BTreeMap<Role, Word>,
    roles: Vec<Role>,
) -> Result<BTreeMap<Role, Word>, Noted> {
    let with_id_type = |role: Role| {
        let word = id_types.get(&role).ok_or_else(|| {
            let what = format!("{} has no id type", role.as_str());
            let right = format!("id_types = {{ {} = \"…\" }} as well", role.as_str());
            section.wrong("roles", Wrong::new(what, right))
        })?;
        Ok((role, word.clone()))
    };
    roles.into_iter().map(with_id_type).collect()
}
