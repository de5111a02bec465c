//! `[[ehr.links]]`: encrypted query links of an older integration. Off unless
//! it is there.

use jiff::{SignedDuration, tz::TimeZone};
use links::{
    Cipher, InitializationVector, KeyDerivation, LinkScheme, LinkSettings, RoleCodes, SchemeError, Window,
};

use super::{
    section::{Noted, Section, Wrong},
    values::{number, one_of, secret, text},
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scheme {
    Zoom,
    Epic,
}

/// 30 days, the most that Epic's links allow.
const LONGEST_WINDOW: i64 = 43_200;

/// Reads one scheme. `zone` is the EHR connection's, `None` where that is
/// wrong itself.
pub(super) fn read(mut section: Section<'_>, zone: Option<&TimeZone>) -> Result<LinkScheme, Noted> {
    let schemes = [("zoom", Scheme::Zoom), ("epic", Scheme::Epic)];
    let scheme = section.required("scheme", "\"zoom\" or \"epic\"", one_of(&schemes));
    let account = section.optional("account", text("the id in the links' org_id or key"));
    let shared = secret(&mut section, "secret", "secret_file");
    let ciphers = [("aes-128-cbc", Cipher::Aes128Cbc), ("aes-256-cbc", Cipher::Aes256Cbc)];
    let cipher = section.optional("cipher", one_of(&ciphers));
    let derivations =
        [("crypt-derive-key-sha1", KeyDerivation::CryptDeriveKeySha1), ("verbatim", KeyDerivation::Verbatim)];
    let derivation = section.or("derivation", KeyDerivation::default(), one_of(&derivations));
    let vectors = [("zero", InitializationVector::Zero), ("leading", InitializationVector::Leading)];
    let iv = section.or("initialization_vector", InitializationVector::default(), one_of(&vectors));
    let parameter = section.optional("parameter", text("the query parameter with the link, as \"extData\""));
    let session = section.optional("session_field", text("the field that names the visit, as \"SessionID\""));
    let minutes =
        section.or("window_minutes", Window::default().longest.as_mins(), number(1..=LONGEST_WINDOW));
    let refused_or_accepted = [("refused", false), ("accepted", true)];
    let without_time = section.or("links_without_time", false, one_of(&refused_or_accepted));
    let ignored_or_counts = [("ignored", false), ("counts", true)];
    let appointment_time = section.or("appointment_time", false, one_of(&ignored_or_counts));
    let roles = section.section("roles").map_or(Ok(RoleCodes::default()), roles);

    let scheme = scheme?;
    let Some(shared) = shared? else {
        return Err(section.wrong("secret", Wrong::new("this is missing", "what is shared with the EHR")));
    };
    let mut settings = match (scheme, account?) {
        (Scheme::Zoom, Some(account)) => LinkSettings::zoom(account, shared),
        (Scheme::Epic, None) => LinkSettings::epic(shared),
        (Scheme::Zoom, None) => {
            let right = "the id in the links' org_id or key";
            return Err(section.wrong("account", Wrong::new("this is missing", right)));
        }
        (Scheme::Epic, Some(_)) => {
            let what = "links of Epic's name no account";
            return Err(section.wrong("account", Wrong::new(what, "no such key beside scheme = \"epic\"")));
        }
    };
    settings.cipher = cipher?.unwrap_or(settings.cipher);
    settings.derivation = derivation?;
    settings.iv = iv?;
    settings.parameter = parameter?.unwrap_or(settings.parameter);
    settings.names.session = session?.unwrap_or(settings.names.session);
    settings.window.longest = SignedDuration::from_mins(minutes?);
    settings.accept_without_time = without_time?;
    settings.roles = roles?;
    settings.appointment_zone = zone.filter(|_| matches!(appointment_time, Ok(true))).cloned();
    appointment_time?;
    LinkScheme::new(settings).map_err(|error| {
        let (key, right) = place_of(&error);
        section.wrong(key, Wrong::new(error.to_string(), right))
    })
}

/// A role that is left out does not come by link.
fn roles(mut section: Section<'_>) -> Result<RoleCodes, Noted> {
    let provider = section.optional("provider", text("a code, as \"1\""));
    let patient = section.optional("patient", text("a code, as \"2\""));
    Ok(RoleCodes { provider: provider?, patient: patient? })
}

/// The key that makes a scheme impossible, and what would be right.
fn place_of(error: &SchemeError) -> (&'static str, &'static str) {
    match error {
        SchemeError::KeyLength { .. } => {
            ("secret", "a secret of that length, or derivation = \"crypt-derive-key-sha1\"")
        }
        SchemeError::ShortSecret => ("secret", "a long random secret"),
        SchemeError::Names => ("session_field", "names that differ from one another"),
        SchemeError::Roles => ("roles", "roles = { patient = \"2\" }, or provider as well with its own code"),
        SchemeError::Window => ("window_minutes", "1 to 43200"),
        SchemeError::NoTime => (
            "links_without_time",
            "links_without_time = \"accepted\", by somebody who knows that such links open for ever",
        ),
    }
}
