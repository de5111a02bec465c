use std::fmt;

use aws_lc_rs::digest::{Context, SHA256};
use jiff::{SignedDuration, Timestamp};
use visit::{EhrId, Person, Role, SessionId};

use super::{InitializationVector, LinkScheme, claims::Claims, fields::Fields};
use crate::person;

const LONGEST_NAME: usize = 100;

/// A link that does not open. There is one refusal for the person, whatever
/// the cause, so that nobody learns from it how near a forged link came.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("this link cannot be opened")]
pub struct LinkRefused(Cause);

impl LinkRefused {
    /// For the log of operators, never for the person.
    pub fn cause(self) -> Cause {
        self.0
    }
}

impl From<Cause> for LinkRefused {
    fn from(cause: Cause) -> Self {
        Self(cause)
    }
}

/// Why a link does not open, as far as operators need it. What does not
/// decrypt and what does not read well are one even here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// The parameter is missing or repeated, or the query is too long.
    NoLink,
    /// It names another account or none.
    OtherAccount,
    /// It does not decrypt to what the scheme says: another key, cipher or
    /// derivation, a link that was altered, an unknown role.
    Unreadable,
    /// It carries no time, and such links are not accepted.
    NoTime,
    /// Too old, or from the future.
    OutsideWindow,
}

impl Cause {
    /// The name in the log.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoLink => "no-link",
            Self::OtherAccount => "other-account",
            Self::Unreadable => "unreadable",
            Self::NoTime => "no-time",
            Self::OutsideWindow => "outside-window",
        }
    }
}

/// What somebody who opened a link says they are. It is the word of whoever
/// held the link, and only that.
#[derive(Debug, Clone)]
pub struct OpenedLink {
    /// The visit's shared id.
    pub session: SessionId,
    /// What the person is: a provider or a patient.
    pub role: Role,
    /// How the EHR calls the person: for connection status.
    pub external_id: ExternalId,
    /// The name that others see.
    pub name: Option<DisplayName>,
    /// When the link was made, where it says so.
    pub issued_at: Option<Timestamp>,
    /// When it ceases to open, where it carries a time.
    pub good_until: Option<Timestamp>,
    /// What the caller remembers so that the link opens once; `None` where
    /// the link does not say when it was made and is meant to open again.
    pub replay: Option<Replay>,
    /// What this link does not protect.
    pub cannot_protect: Vec<Weakness>,
    fields: Fields,
}

/// What makes a link known again. The caller keeps it beside the EHR
/// connection until the link has expired, and refuses what it has already.
///
/// A browser that reloads the page sends the same link again: the caller looks
/// first whether this browser holds the seat.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Replay {
    /// A hash of who, as what, to which visit and when; not of the encrypted
    /// text, which can be altered without a change to any of these.
    pub key: [u8; 32],
    /// When it may be forgotten.
    pub keep_until: Timestamp,
}

impl fmt::Debug for Replay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Replay(… until {})", self.keep_until)
    }
}

/// What a link cannot protect, for the log and for operators' pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weakness {
    /// CBC without a MAC.
    Alterable,
    /// The initialization vector travels in the link.
    FirstBlockAlterable,
    /// The initialization vector is the same for all links.
    Deterministic,
    /// Nothing but the link says who somebody is.
    Bearer,
    /// It makes its holder a provider.
    ProviderByLink,
    /// It carries the appointment's time, not its own.
    Reusable,
    /// It carries no time.
    NoTime,
}

impl Weakness {
    /// The name in the log.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Alterable => "alterable",
            Self::FirstBlockAlterable => "first-block-alterable",
            Self::Deterministic => "deterministic",
            Self::Bearer => "bearer",
            Self::ProviderByLink => "provider-by-link",
            Self::Reusable => "reusable",
            Self::NoTime => "no-time",
        }
    }
}

impl fmt::Display for Weakness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Alterable => "Links can be altered; most alterations are noticed, but not all.",
            Self::FirstBlockAlterable => "The first 16 characters can be altered without trace.",
            Self::Deterministic => "Links with the same beginning look the same.",
            Self::Bearer => "Whoever holds the link is taken for the person it names.",
            Self::ProviderByLink => "Whoever holds a provider's link runs the visit.",
            Self::Reusable => "A link opens again and again until its appointment is over.",
            Self::NoTime => "A link opens again and again, for ever.",
        })
    }
}

impl OpenedLink {
    pub(super) fn of(claims: Claims, scheme: &LinkScheme, now: Timestamp) -> Result<Self, LinkRefused> {
        let good_until = good_until(&claims, scheme, now)?;
        let replay = claims
            .issued_at
            .zip(good_until)
            .map(|(issued_at, keep_until)| Replay { key: replay_key(&claims, issued_at), keep_until });
        let cannot_protect = weaknesses(&claims, scheme);
        Ok(Self {
            session: claims.session,
            role: claims.role,
            external_id: claims.external_id,
            name: claims.name,
            issued_at: claims.issued_at,
            good_until,
            replay,
            cannot_protect,
            fields: claims.fields,
        })
    }

    /// Who this is to the visit: a stand-in that no FHIR server knows
    /// ([`crate::came_by_link`]). The appointment does not name them, and no
    /// launch of the same human's leads to the same person.
    pub fn person(&self, ehr: &EhrId) -> Person {
        person::by_encrypted_link(ehr.as_str(), self.role, self.external_id.0.trim())
    }

    /// Any other field of the link (Epic's `ConferenceID`, `CustomData1`;
    /// Zoom's `email`), in whatever case.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields.get(name)
    }
}

/// Until when the link opens, if it does now.
fn good_until(claims: &Claims, scheme: &LinkScheme, now: Timestamp) -> Result<Option<Timestamp>, Cause> {
    let longest = scheme.window.longest;
    let lasting = claims.validity.map_or(longest, |validity| validity.min(longest));
    let (from, earlier) = match (claims.issued_at, claims.appointment_at) {
        (Some(issued_at), _) => (issued_at, scheme.window.clock_skew),
        (None, Some(appointment_at)) => (appointment_at, longest),
        (None, None) if scheme.accept_without_time => return Ok(None),
        (None, None) => return Err(Cause::NoTime),
    };
    let age = now.duration_since(from);
    if SignedDuration::ZERO - earlier <= age && age < lasting {
        Ok(Some(from.checked_add(lasting).unwrap_or(Timestamp::MAX)))
    } else {
        Err(Cause::OutsideWindow)
    }
}

fn replay_key(claims: &Claims, issued_at: Timestamp) -> [u8; 32] {
    let mut context = Context::new(&SHA256);
    context.update(b"anteroom link replay 1");
    let when = issued_at.as_second().to_string();
    for part in [claims.session.as_str(), claims.role.as_str(), claims.external_id.0.trim(), &when] {
        // No part contains a zero byte.
        context.update(&[0]);
        context.update(part.as_bytes());
    }
    let mut key = [0; 32];
    key.copy_from_slice(context.finish().as_ref());
    key
}

fn weaknesses(claims: &Claims, scheme: &LinkScheme) -> Vec<Weakness> {
    let iv = match scheme.iv {
        InitializationVector::Zero => Weakness::Deterministic,
        InitializationVector::Leading => Weakness::FirstBlockAlterable,
    };
    let role = (claims.role == Role::Provider).then_some(Weakness::ProviderByLink);
    let time = match (claims.issued_at, claims.appointment_at) {
        (Some(_), _) => None,
        (None, Some(_)) => Some(Weakness::Reusable),
        (None, None) => Some(Weakness::NoTime),
    };
    [Weakness::Alterable, Weakness::Bearer, iv].into_iter().chain(role).chain(time).collect()
}

/// How the EHR calls a person, as the link has it: Epic's ids may begin with
/// a space. 1 to 128 printable ASCII characters, not all of them blank.
#[derive(Clone, PartialEq, Eq)]
pub struct ExternalId(String);

impl ExternalId {
    pub(super) fn read(text: &str) -> Option<Self> {
        let good = text.len() <= 128
            && !text.trim().is_empty()
            && text.chars().all(|c| c.is_ascii_graphic() || c == ' ');
        good.then(|| Self(text.to_owned()))
    }

    /// The text form.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ExternalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ExternalId(…)")
    }
}

/// A name to be shown; `Debug` keeps it from logs. At most 100 characters,
/// none of which steers the direction of writing.
#[derive(Clone, PartialEq, Eq)]
pub struct DisplayName(String);

impl DisplayName {
    pub(super) fn of(first: Option<&str>, last: Option<&str>) -> Option<Self> {
        let whole = [first, last].into_iter().flatten().map(str::trim).collect::<Vec<_>>().join(" ");
        let shown: String = whole.chars().filter(|c| !steers_direction(*c)).take(LONGEST_NAME).collect();
        (!shown.trim().is_empty()).then_some(Self(shown))
    }

    /// The text form.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn steers_direction(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{061c}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

impl fmt::Debug for DisplayName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DisplayName(…)")
    }
}
