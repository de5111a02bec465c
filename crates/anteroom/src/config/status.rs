use std::collections::BTreeMap;

use jiff::SignedDuration;
use notify::{
    BasicCredentials, EpicClientId, ParameterNames, StatusAuth, StatusMethod, StatusPolicy, StatusUrl,
    Vocabulary, Word,
};
use oauth::{Clients, Vendor};
use secrecy::SecretString;
use url::Url;
use visit::Role;

use super::{
    section::{Section, Wrong},
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
    ) -> Option<Self> {
        let url = section.required("url", URL, |field| {
            let url: Url = parsed(URL)(field)?;
            StatusUrl::try_from(url).map_err(|error| Wrong::new(error.rule, URL))
        });
        let method = method(&mut section);
        let client_certificate = client_certificate(&mut section);
        let auth = auth(&mut section, clients, client_certificate.as_ref());
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
        Some(Self {
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

fn method(section: &mut Section<'_>) -> Option<StatusMethod> {
    let is_post = section.or("method", false, one_of(&[("GET", false), ("POST", true)]));
    let bodies = [("form", StatusMethod::PostForm), ("json", StatusMethod::PostJson)];
    let body = section.optional("body", one_of(&bodies));
    match (is_post?, body?) {
        (true, body) => Some(body.unwrap_or(StatusMethod::PostForm)),
        (false, None) => Some(StatusMethod::Get),
        (false, Some(_)) => {
            section.wrong("body", Wrong::new("a GET has no body", "method = \"POST\", or no body"));
            None
        }
    }
}

fn client_certificate(section: &mut Section<'_>) -> Option<Option<TlsFiles>> {
    let certificate = section.optional("client_certificate_file", path);
    let key = section.optional("client_key_file", path);
    match (certificate?, key?) {
        (Some(certificate), Some(key)) => Some(Some(TlsFiles { certificate, key })),
        (None, None) => Some(None),
        _ => {
            let wrong = Wrong::new("one is there without the other", "both, or neither");
            section.wrong("client_certificate_file and client_key_file", wrong);
            None
        }
    }
}

fn auth(
    section: &mut Section<'_>,
    clients: Option<&Clients>,
    certificate: Option<&Option<TlsFiles>>,
) -> Option<StatusAuth> {
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
    let (auth, user, password) = (auth?, user?, password?);
    if auth != Auth::Basic && (user.is_some() || password.is_some()) {
        let wrong = Wrong::new("user and password are there", "\"basic\", or neither of them");
        section.wrong("auth", wrong);
    }
    match auth {
        Auth::Basic => basic(section, user, password),
        Auth::LaunchToken => Some(StatusAuth::LaunchToken),
        Auth::None => Some(StatusAuth::None),
        Auth::BackendServices if clients.is_none_or(|clients| clients.backend.is_some()) => {
            Some(StatusAuth::BackendServices)
        }
        Auth::BackendServices => {
            let wrong = Wrong::new("\"backend-services\" needs a client", "clients.backend as well");
            section.wrong("auth", wrong);
            None
        }
        // The handshake signs; `certificate` is `None` where it is wrong.
        Auth::Mtls if certificate.is_none_or(Option::is_some) => Some(StatusAuth::None),
        Auth::Mtls => {
            let right = "client_certificate_file and client_key_file as well";
            section.wrong("auth", Wrong::new("\"mtls\" needs a certificate", right));
            None
        }
    }
}

fn basic(section: &Section<'_>, user: Option<String>, password: Option<SecretString>) -> Option<StatusAuth> {
    let (Some(user), Some(password)) = (user, password) else {
        let right = "user, and password or password_file, as well";
        section.wrong("auth", Wrong::new("\"basic\" needs a user and a password", right));
        return None;
    };
    match BasicCredentials::new(user, password) {
        Ok(pair) => Some(StatusAuth::Basic(pair)),
        Err(error) => {
            section.wrong("user", Wrong::new("user and password cannot be used", error.rule));
            None
        }
    }
}

fn vocabulary(section: &mut Section<'_>) -> Option<Vocabulary> {
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
    match Vocabulary::new(vendor_name?, names, connected?, disconnected?) {
        Ok(vocabulary) => Some(vocabulary),
        Err(error) => {
            section.wrong("parameters and status_values", Wrong::new("they cannot be used", error.rule));
            None
        }
    }
}

fn policy(section: &mut Section<'_>) -> Option<StatusPolicy> {
    let mut id_types = StatusPolicy::default_id_types();
    let mut given = section.section_or_empty("id_types");
    let mut all_good = true;
    for role in Role::ALL {
        match given.optional(role.as_str(), parsed::<Word>(WORD)) {
            Some(Some(word)) => drop(id_types.insert(role, word)),
            Some(None) => {}
            None => all_good = false,
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
    let id_types = match roles? {
        None => id_types,
        Some(roles) => of_roles(section, &id_types, roles)?,
    };
    if !all_good {
        return None;
    }
    let grace = SignedDuration::from_secs(grace?);
    StatusPolicy::new(id_types, grace, SignedDuration::from_mins(give_up?)).ok()
}

fn of_roles(
    section: &Section<'_>,
    id_types: &BTreeMap<Role, Word>,
    roles: Vec<Role>,
) -> Option<BTreeMap<Role, Word>> {
    let without = roles.iter().find(|role| !id_types.contains_key(role));
    if let Some(role) = without {
        let role = role.as_str();
        let wrong =
            Wrong::new(format!("{role} has no id type"), format!("id_types = {{ {role} = \"…\" }} as well"));
        section.wrong("roles", wrong);
        return None;
    }
    let chosen = roles.into_iter().filter_map(|role| Some((role, id_types.get(&role)?.clone())));
    Some(chosen.collect())
}
