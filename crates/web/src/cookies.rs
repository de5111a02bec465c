//! The one place that makes cookies.
//!
//! Over https they are `SameSite=None; Secure; Partitioned`, so that they
//! work in the EHR's frame (CHIPS) and are of no use elsewhere; on http
//! loopback `Lax`. Each launch and each seat has its own, so that tabs don't
//! disturb one another.

use axum_extra::extract::cookie::{Cookie, CookieJar};
use jiff::{SignedDuration, Timestamp};
use oauth::LaunchState;
use visit::SeatId;

use crate::state::AppState;

/// Which cookie.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Purpose<'a> {
    /// Binds a launch to the browser that began it.
    Launch(&'a LaunchState),
    /// Holds a seat.
    Seat(&'a SeatId),
    /// Holds a choice among visits, by its id.
    Choice(&'a str),
    /// Shows that this device opened a direct link, which leads to this seat.
    GuestDevice(&'a SeatId),
    /// Shows that this browser opened an encrypted link, by its id.
    OpenedLink(&'a str),
    /// An operator's session.
    Operator,
    /// Guards the operators' sign-in form.
    OperatorForm,
}

impl Purpose<'_> {
    fn name(self) -> String {
        match self {
            // Part of the state tells launches apart; the whole is a secret.
            Self::Launch(state) => {
                format!("anteroom-launch-{}", state.as_str().get(..12).unwrap_or_default())
            }
            Self::Seat(seat) => format!("anteroom-seat-{seat}"),
            Self::Choice(id) => format!("anteroom-choice-{id}"),
            Self::GuestDevice(seat) => format!("anteroom-guest-{seat}"),
            Self::OpenedLink(id) => format!("anteroom-link-{id}"),
            Self::Operator => "anteroom-operator".to_owned(),
            Self::OperatorForm => "anteroom-operator-form".to_owned(),
        }
    }

    fn path(self) -> String {
        match self {
            Self::Launch(_) | Self::Choice(_) => "/ehr".to_owned(),
            Self::Seat(seat) => format!("/seat/{seat}"),
            Self::GuestDevice(_) => "/guest".to_owned(),
            Self::OpenedLink(_) => "/link".to_owned(),
            Self::Operator | Self::OperatorForm => "/admin".to_owned(),
        }
    }
}

/// What the browser sent for this purpose.
pub(crate) fn read(jar: &CookieJar, purpose: Purpose<'_>) -> Option<String> {
    jar.get(&purpose.name()).map(|cookie| cookie.value().to_owned())
}

/// Gives the browser a cookie until this moment. The value is base64url.
pub(crate) fn give(
    state: &AppState,
    jar: CookieJar,
    purpose: Purpose<'_>,
    value: &str,
    until: Timestamp,
) -> CookieJar {
    let seconds = until.duration_since(state.clock.now()).max(SignedDuration::ZERO).as_secs();
    with(state, jar, purpose, value, seconds)
}

/// Takes a cookie away.
pub(crate) fn take_away(state: &AppState, jar: CookieJar, purpose: Purpose<'_>) -> CookieJar {
    with(state, jar, purpose, "", 0)
}

fn with(state: &AppState, jar: CookieJar, purpose: Purpose<'_>, value: &str, max_age: i64) -> CookieJar {
    let (name, path) = (purpose.name(), purpose.path());
    let reach = match (state.is_https(), purpose) {
        (true, Purpose::Operator | Purpose::OperatorForm) => "SameSite=Strict; Secure",
        (false, Purpose::Operator | Purpose::OperatorForm) => "SameSite=Strict",
        (true, _) => "SameSite=None; Secure; Partitioned",
        (false, _) => "SameSite=Lax",
    };
    let text = format!("{name}={value}; Path={path}; Max-Age={max_age}; HttpOnly; {reach}");
    // A name, a path and attributes of our own making always parse.
    match Cookie::parse(text) {
        Ok(cookie) => jar.add(cookie),
        Err(_) => jar,
    }
}
