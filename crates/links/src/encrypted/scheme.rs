use aws_lc_rs::constant_time::verify_slices_are_equal;
use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use secrecy::{ExposeSecret, SecretString};

use super::{
    Cause, Cipher, InitializationVector, KeyDerivation, LinkRefused, OpenedLink, Weakness,
    cipher::LinkKey,
    claims::Claims,
    fields::{Fields, decode_base64},
};

/// Shorter secrets could be guessed by whoever holds one link: it is a test
/// for guesses that needs no server.
const SHORTEST_SECRET: usize = 16;
/// What Epic's `LinkValidityPeriod` allows: 43,200 minutes.
const LONGEST_WINDOW: SignedDuration = SignedDuration::from_hours(30 * 24);
const LARGEST_SKEW: SignedDuration = SignedDuration::from_mins(10);

/// How links of one EHR connection look, as configured.
#[derive(Debug)]
pub struct LinkSettings {
    /// The query parameter that holds the encrypted text.
    pub parameter: String,
    /// The account that a link must name, where the scheme has one.
    pub account: Option<Account>,
    /// What is shared with the EHR.
    pub secret: SecretString,
    /// The cipher.
    pub cipher: Cipher,
    /// How its key is made from the secret.
    pub derivation: KeyDerivation,
    /// Where its initialization vector comes from.
    pub iv: InitializationVector,
    /// What the fields of the encrypted text are called.
    pub names: FieldNames,
    /// Which roles may come by link, and by which codes.
    pub roles: RoleCodes,
    /// For how long a link opens.
    pub window: Window,
    /// The time zone of the EHR's appointment times, which are local times
    /// without zone. `None`: they are not looked at.
    pub appointment_zone: Option<TimeZone>,
    /// Whether links without any time open: for ever, and again and again.
    pub accept_without_time: bool,
}

/// The account that a link names in clear.
#[derive(Debug, Clone)]
pub struct Account {
    /// The parameters that may name it; a link has one of them.
    pub parameters: Vec<String>,
    /// Its name.
    pub id: String,
}

/// What the fields of the encrypted text are called; read in whatever case.
#[derive(Debug, Clone)]
pub struct FieldNames {
    /// What all links of one visit share, and its SMART launches where there
    /// are both.
    pub session: String,
    /// How the EHR calls the person.
    pub external_id: String,
    /// What the person is: one of [`RoleCodes`].
    pub role: String,
    /// A name to be shown.
    pub first_name: String,
    /// A name to be shown.
    pub last_name: String,
    /// When the link was made, in seconds of Unix time.
    pub timestamp: Option<String>,
    /// How many minutes it is good for, from the timestamp or, without one,
    /// from the appointment's time; 0 for no end of its own.
    pub validity: Option<String>,
    /// When the appointment is: `MM/DD/YYYY hh:mm AM`, local time.
    pub appointment_time: Option<String>,
}

/// The codes by which a link says what somebody is. A role without code does
/// not come by link; leaving out providers is the safe choice.
#[derive(Debug, Clone)]
pub struct RoleCodes {
    /// The code of providers.
    pub provider: Option<String>,
    /// The code of patients.
    pub patient: Option<String>,
}

impl Default for RoleCodes {
    /// `1` for providers and `2` for patients: so in Zoom's sample; inferred
    /// for Epic's `ExternalIDType`.
    fn default() -> Self {
        Self { provider: Some("1".into()), patient: Some("2".into()) }
    }
}

/// For how long a link opens.
#[derive(Debug, Clone, Copy)]
pub struct Window {
    /// The longest that a link opens after the time that it carries, whatever
    /// it says itself; before an appointment's time as well. At most 30 days.
    pub longest: SignedDuration,
    /// How far ahead of ours the EHR's clock may be. At most 10 minutes.
    pub clock_skew: SignedDuration,
}

impl Default for Window {
    fn default() -> Self {
        Self { longest: SignedDuration::from_hours(1), clock_skew: SignedDuration::from_mins(2) }
    }
}

impl LinkSettings {
    /// Zoom's telehealth URL: `?org_id={account}&data={encrypted}`, with the
    /// API secret. It carries no time, so that it makes no scheme until
    /// `accept_without_time` is set by somebody who knows what that means.
    pub fn zoom(account: String, secret: SecretString) -> Self {
        Self {
            parameter: "data".into(),
            account: Some(Account { parameters: vec!["org_id".into(), "key".into()], id: account }),
            secret,
            cipher: Cipher::Aes128Cbc,
            derivation: KeyDerivation::default(),
            iv: InitializationVector::default(),
            names: FieldNames {
                session: "sessionid".into(),
                external_id: "userid".into(),
                role: "usertype".into(),
                first_name: "firstname".into(),
                last_name: "lastname".into(),
                timestamp: None,
                validity: None,
                appointment_time: None,
            },
            roles: RoleCodes::default(),
            window: Window::default(),
            appointment_zone: None,
            accept_without_time: false,
        }
    }

    /// Epic's context-aware linking: `?extData={encrypted}`, where the FDI
    /// record's CRYPTSTRING has the fields. For group visits the shared id is
    /// `ConferenceID`.
    pub fn epic(secret: SecretString) -> Self {
        Self {
            parameter: "extData".into(),
            account: None,
            cipher: Cipher::Aes256Cbc,
            names: FieldNames {
                session: "SessionID".into(),
                external_id: "ExternalID".into(),
                role: "ExternalIDType".into(),
                first_name: "FirstName".into(),
                last_name: "LastName".into(),
                timestamp: Some("Timestamp".into()),
                validity: Some("LinkValidityPeriod".into()),
                appointment_time: Some("AppointmentTime".into()),
            },
            ..Self::zoom(String::new(), secret)
        }
    }
}

/// Settings that make no scheme.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SchemeError {
    /// A verbatim key that does not fit.
    #[error("the secret is the key and must have {needed} bytes")]
    KeyLength {
        /// What the cipher takes.
        needed: usize,
    },
    /// A secret that can be guessed.
    #[error("the secret must have {SHORTEST_SECRET} bytes or more")]
    ShortSecret,
    /// An empty name, or one that stands for two things.
    #[error("parameters and fields must have names, each its own")]
    Names,
    /// No role, an empty code, or one code for both.
    #[error("a role that comes by link must have a code, and not the other's")]
    Roles,
    /// A window out of bounds.
    #[error("links open for 1 minute to 30 days, with at most 10 minutes between the clocks")]
    Window,
    /// No link would ever open.
    #[error("links of this scheme carry no time: they open only where links without time are accepted")]
    NoTime,
}

/// How links of one EHR connection are opened: settings that were checked.
#[derive(Debug)]
pub struct LinkScheme {
    pub(super) names: FieldNames,
    pub(super) roles: RoleCodes,
    pub(super) window: Window,
    pub(super) appointment_zone: Option<TimeZone>,
    pub(super) accept_without_time: bool,
    pub(super) iv: InitializationVector,
    parameter: String,
    account: Option<Account>,
    key: LinkKey,
}

impl LinkScheme {
    /// Checks the settings.
    pub fn new(settings: LinkSettings) -> Result<Self, SchemeError> {
        let secret = settings.secret.expose_secret().as_bytes();
        if secret.len() < SHORTEST_SECRET {
            return Err(SchemeError::ShortSecret);
        }
        if !settings.names_are_good() {
            return Err(SchemeError::Names);
        }
        if !settings.roles.are_good() {
            return Err(SchemeError::Roles);
        }
        if !settings.window.is_good() {
            return Err(SchemeError::Window);
        }
        if !settings.has_time() && !settings.accept_without_time {
            return Err(SchemeError::NoTime);
        }
        Ok(Self {
            key: LinkKey::new(settings.cipher, settings.derivation, settings.iv, secret)?,
            appointment_zone: settings.appointment_zone,
            names: settings.names,
            roles: settings.roles,
            window: settings.window,
            accept_without_time: settings.accept_without_time,
            iv: settings.iv,
            parameter: settings.parameter,
            account: settings.account,
        })
    }

    /// Opens the link that this query string is.
    ///
    /// A caller limits tries by address: without a MAC each try is a question
    /// about the key's other texts, and one in some hundred thousand altered
    /// links reads well.
    pub fn open(&self, query: &str, now: Timestamp) -> Result<OpenedLink, LinkRefused> {
        let query = Fields::of_query(query).ok_or(Cause::NoLink)?;
        let encrypted = query.only(&self.parameter).ok_or(Cause::NoLink)?;
        if !self.account.as_ref().is_none_or(|account| account.is_named_by(&query)) {
            return Err(Cause::OtherAccount.into());
        }
        let claims = self.decrypt(encrypted).ok_or(Cause::Unreadable)?;
        OpenedLink::of(claims, self, now)
    }

    /// Whatever is wrong with the link is `None`, after the same work: wrong
    /// padding is read like good padding and refused with the rest.
    fn decrypt(&self, encrypted: &str) -> Option<Claims> {
        let plain = self.key.decrypt(&decode_base64(encrypted)?)?;
        let claims = Claims::read(plain.text(), self);
        claims.filter(|_| plain.sound)
    }

    /// What links of this scheme cannot protect, at their weakest: for the log
    /// at the start and for operators' pages.
    pub fn cannot_protect(&self) -> Vec<Weakness> {
        [
            Some(Weakness::Alterable),
            Some(Weakness::Bearer),
            Some(match self.iv {
                InitializationVector::Zero => Weakness::Deterministic,
                InitializationVector::Leading => Weakness::FirstBlockAlterable,
            }),
            self.roles.provider.is_some().then_some(Weakness::ProviderByLink),
            self.appointment_zone.is_some().then_some(Weakness::Reusable),
            self.accept_without_time.then_some(Weakness::NoTime),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

impl LinkSettings {
    fn has_time(&self) -> bool {
        self.names.timestamp.is_some()
            || (self.names.appointment_time.is_some() && self.appointment_zone.is_some())
    }

    fn names_are_good(&self) -> bool {
        let names = &self.names;
        let inside = [&names.session, &names.external_id, &names.role, &names.first_name, &names.last_name]
            .into_iter()
            .chain(&names.timestamp)
            .chain(&names.validity)
            .chain(&names.appointment_time);
        let accounts = self.account.iter().flat_map(|account| &account.parameters);
        let has_account = self.account.as_ref().is_none_or(|a| !a.id.is_empty() && !a.parameters.is_empty());
        has_account && differ(inside) && differ(accounts.chain([&self.parameter]))
    }
}

/// Whether no name is empty and no two are the same in whatever case.
fn differ<'a>(names: impl Iterator<Item = &'a String>) -> bool {
    let mut seen: Vec<String> = names.map(|name| name.to_ascii_lowercase()).collect();
    let all = seen.len();
    seen.sort();
    seen.dedup();
    seen.len() == all && !seen.iter().any(String::is_empty)
}

impl Account {
    fn is_named_by(&self, query: &Fields) -> bool {
        let mut named = self.parameters.iter().filter_map(|name| query.only(name));
        let first = named.next().unwrap_or_default();
        verify_slices_are_equal(first.as_bytes(), self.id.as_bytes()).is_ok() && named.next().is_none()
    }
}

impl RoleCodes {
    fn are_good(&self) -> bool {
        let codes = [&self.provider, &self.patient];
        codes.iter().any(|code| code.is_some())
            && codes.into_iter().flatten().all(|code| !code.trim().is_empty())
            && self.provider != self.patient
    }
}

impl Window {
    fn is_good(&self) -> bool {
        (SignedDuration::from_mins(1)..=LONGEST_WINDOW).contains(&self.longest)
            && (SignedDuration::ZERO..=LARGEST_SKEW).contains(&self.clock_skew)
    }
}
