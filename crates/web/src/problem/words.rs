//! What a problem is called and what the person can do.

use axum::http::StatusCode;
use fhir::FhirError;
use jiff::{Timestamp, tz::TimeZone};
use meeting::MeetingError;
use oauth::LaunchError;
use visit::Refusal;

use super::Problem;
use crate::state::Ehr;

mod of_links;

const START_AGAIN: &str = "Close this window and open the video visit again.";
const LATER: &str = "Wait a minute, then open the video visit again.";
const CALL: &str = "Please call the clinic.";

/// How a problem is told.
#[derive(Debug)]
pub(crate) struct Words {
    /// The status.
    pub(crate) status: StatusCode,
    /// The stable code (`data-error`, contract).
    pub(crate) code: &'static str,
    /// The heading.
    pub(crate) title: &'static str,
    /// One plain sentence.
    pub(crate) happened: String,
    /// One thing to do.
    pub(crate) advice: String,
    /// When to come again, in seconds.
    pub(crate) retry_after: Option<u64>,
    /// Whether an operator must look: nobody at the browser did this.
    pub(crate) is_ours: bool,
}

impl Words {
    /// Tells a problem; times in the EHR connection's zone.
    pub(crate) fn of(problem: &Problem, ehr: Option<&Ehr>) -> Self {
        match problem {
            Problem::Launch(error) => of_launch(error),
            Problem::Fhir(error) => of_fhir(error),
            Problem::NoVisit(refusal) => of_refusal(refusal, ehr),
            Problem::NoSuchLaunch => Self::new(
                StatusCode::BAD_REQUEST,
                "launch-unknown",
                "Please start again",
                "This link was used already, is too old, or was opened in another browser.",
                START_AGAIN,
            ),
            Problem::NoSuchGuestLink => of_links::unknown(),
            Problem::Guest(refused) => of_links::of_guest(*refused),
            Problem::Link(_) => of_links::refused(),
            Problem::LinkUsed => of_links::used(),
            Problem::SignedOut => Self::new(
                StatusCode::UNAUTHORIZED,
                "signed-out",
                "Please open your visit again",
                "This window is no longer connected to your visit.",
                "Open the video visit again where you opened it before.",
            ),
            Problem::Forged => Self::new(
                StatusCode::FORBIDDEN,
                "form-expired",
                "That did not work",
                "This page was open for too long.",
                "Go back, reload the page and try again.",
            ),
            Problem::NotFound => Self::new(
                StatusCode::NOT_FOUND,
                "not-found",
                "There is no such page",
                "The address leads nowhere.",
                "Open the video visit again where you opened it before.",
            ),
            Problem::BadRequest(what) => {
                Self::new(StatusCode::BAD_REQUEST, "bad-request", "That did not work", *what, START_AGAIN)
            }
            Problem::TooLarge => Self::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "too-large",
                "That did not work",
                "What was sent is too large.",
                START_AGAIN,
            ),
            Problem::WrongMethod => Self::new(
                StatusCode::METHOD_NOT_ALLOWED,
                "method-not-allowed",
                "That did not work",
                "This address cannot be used in this way.",
                START_AGAIN,
            ),
            Problem::TooMany(wait) => Self::new(
                StatusCode::TOO_MANY_REQUESTS,
                "too-many-requests",
                "Too many at once",
                "This was tried too often in a short time.",
                LATER,
            )
            .retried_after(wait.as_secs().max(1)),
            Problem::Refused(refusal) => of_rule(*refusal),
            Problem::Meeting(error) => of_meeting(error),
            Problem::Busy(_) => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "unavailable",
                "Video visits are interrupted",
                "Our system does not answer at the moment.",
                "Wait a minute, then reload this page.",
            )
            .retried_after(5)
            .ours(),
            Problem::Internal(_) => Self::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "internal",
                "Something went wrong",
                "Something went wrong on our side.",
                LATER,
            )
            .ours(),
        }
    }

    fn new(
        status: StatusCode,
        code: &'static str,
        title: &'static str,
        happened: impl Into<String>,
        advice: impl Into<String>,
    ) -> Self {
        Self {
            status,
            code,
            title,
            happened: happened.into(),
            advice: advice.into(),
            retry_after: None,
            is_ours: false,
        }
    }

    fn ours(self) -> Self {
        Self { is_ours: true, ..self }
    }

    fn retried_after(self, seconds: u64) -> Self {
        Self { retry_after: Some(seconds), ..self }
    }
}

fn of_launch(error: &LaunchError) -> Words {
    let code = error.code();
    if error.is_passing() && !matches!(error, LaunchError::LaunchExpired) {
        return Words::new(
            StatusCode::BAD_GATEWAY,
            code,
            "The clinic's system does not answer",
            "The clinic's records system did not answer in time.",
            LATER,
        )
        .retried_after(30)
        .ours();
    }
    match error {
        LaunchError::LaunchIncomplete(_) => Words::new(
            StatusCode::BAD_REQUEST,
            code,
            "This link is not complete",
            "The link that brought you here is not complete.",
            "Open the video visit from the clinic's own page.",
        ),
        LaunchError::UnknownIss => Words::new(
            StatusCode::FORBIDDEN,
            code,
            "This clinic is not known here",
            "The link comes from a system that is not connected to this service.",
            CALL,
        ),
        LaunchError::LaunchExpired | LaunchError::CallbackInvalid(_) | LaunchError::CallbackMixedUp => {
            Words::new(
                StatusCode::BAD_REQUEST,
                code,
                "Please start again",
                "Signing in took too long, or was started somewhere else.",
                START_AGAIN,
            )
        }
        LaunchError::AuthorizationDenied(refusal) | LaunchError::AuthorizationFailed(refusal) => {
            let said =
                refusal.description.as_ref().map(|text| format!(" It says: “{text}”")).unwrap_or_default();
            Words::new(
                StatusCode::FORBIDDEN,
                code,
                "The clinic's system said no",
                format!("The clinic's records system did not let you in.{said}"),
                START_AGAIN,
            )
        }
        LaunchError::TokenRefused(_) => Words::new(
            StatusCode::BAD_GATEWAY,
            code,
            "Please start again",
            "The clinic's records system no longer accepts this link.",
            START_AGAIN,
        ),
        LaunchError::UserUnknown(_) | LaunchError::IdTokenMissing | LaunchError::IdTokenInvalid(_) => {
            Words::new(
                StatusCode::FORBIDDEN,
                code,
                "We cannot tell who you are",
                "The clinic's records system did not say for certain who you are.",
                CALL,
            )
            .ours()
        }
        LaunchError::WrongEntrance { .. } => Words::new(
            StatusCode::FORBIDDEN,
            code,
            "This link is not for you",
            "This link is for other people of the visit.",
            "Open the video visit from your own page at the clinic.",
        ),
        _ => Words::new(
            StatusCode::BAD_GATEWAY,
            code,
            "The visit cannot be opened",
            "The connection to the clinic's records system is not set up correctly.",
            CALL,
        )
        .ours(),
    }
}

fn of_fhir(error: &FhirError) -> Words {
    let code = error.code();
    let words = if error.is_passing() {
        Words::new(
            StatusCode::BAD_GATEWAY,
            code,
            "The clinic's system does not answer",
            "The clinic's records system did not tell us about your visit in time.",
            LATER,
        )
        .retried_after(30)
    } else {
        Words::new(
            StatusCode::BAD_GATEWAY,
            code,
            "Your visit cannot be found",
            "The clinic's records system did not let us look up this visit.",
            CALL,
        )
    };
    words.ours()
}

fn of_refusal(refusal: &fhir::Refusal, ehr: Option<&Ehr>) -> Words {
    use fhir::Refusal as R;
    let at = |moment: Timestamp| told(moment, ehr);
    let (title, happened, advice) = match refusal {
        R::WrongLaunchAddress => (
            "This link is not for you",
            "This link is for other people of the visit.".to_owned(),
            "Open the video visit from your own page at the clinic.".to_owned(),
        ),
        R::OtherPatient | R::NotAParticipant | R::NotTheProxy | R::PatientUnknown | R::Mismatch => (
            "This visit cannot be opened",
            "The visit does not belong to the patient whose page is open.".to_owned(),
            "Go back, check the patient, and open the visit again.".to_owned(),
        ),
        R::Cancelled => (
            "This visit is cancelled",
            "The clinic's schedule says that this visit is cancelled.".to_owned(),
            "Call the clinic if you think this is a mistake.".to_owned(),
        ),
        R::EnteredInError => (
            "This visit is not in the schedule",
            "The clinic has taken this visit out of its schedule.".to_owned(),
            "Call the clinic if you think this is a mistake.".to_owned(),
        ),
        R::NoShow => (
            "This visit is closed",
            "The clinic's schedule says that the patient did not come.".to_owned(),
            "Call the clinic to make a new appointment.".to_owned(),
        ),
        R::Finished => (
            "This visit is over",
            "The clinic's schedule says that this visit is over.".to_owned(),
            "Call the clinic if you think this is a mistake.".to_owned(),
        ),
        R::TooEarly { start, opens_at } => (
            "It is too early",
            format!("Your visit starts at {}.", at(*start)),
            format!("Come back at {}, or later.", at(*opens_at)),
        ),
        R::TooLate { closed_at } => (
            "It is too late",
            format!("This visit closed at {}.", at(*closed_at)),
            "Call the clinic to make a new appointment.".to_owned(),
        ),
        R::NothingFound | R::NotOffered => (
            "There is no video visit now",
            "We found no video visit for you that is open now.".to_owned(),
            "Check the time of your appointment, or call the clinic.".to_owned(),
        ),
        R::Unnameable => (
            "This visit cannot be opened",
            "The clinic's schedule does not name this visit in a way that we understand.".to_owned(),
            CALL.to_owned(),
        ),
    };
    Words::new(StatusCode::FORBIDDEN, refusal.code(), title, happened, advice)
}

/// As in "2:30 PM CST on Tuesday, March 3".
fn told(moment: Timestamp, ehr: Option<&Ehr>) -> String {
    let zone = ehr.map_or(TimeZone::UTC, |ehr| ehr.time_zone.clone());
    moment.to_zoned(zone).strftime("%-I:%M %p %Z on %A, %B %-d").to_string()
}

fn of_rule(refusal: Refusal) -> Words {
    let (code, happened) = match refusal {
        Refusal::NoSuchSeat => ("no-such-seat", "This person is not in the visit."),
        Refusal::NotAProvider => ("not-a-provider", "Only a clinician of this visit can do that."),
        Refusal::IsAProvider => ("is-a-provider", "A clinician cannot be removed or sent back."),
        Refusal::NotHere => ("not-here", "This person is no longer here."),
        Refusal::NotAdmitted => ("not-admitted", "You have not been let in yet."),
        Refusal::Ended => ("visit-ended", "The visit has ended."),
    };
    Words::new(StatusCode::CONFLICT, code, "That did not work", happened, "Go back and look again.")
}

fn of_meeting(error: &MeetingError) -> Words {
    let new =
        |status, code, happened, advice| Words::new(status, code, "That did not work", happened, advice);
    match error {
        MeetingError::WrongTicket => new(
            StatusCode::FORBIDDEN,
            "ticket-wrong",
            "This window is no longer connected.",
            "Reload the page.",
        ),
        MeetingError::ExpiredTicket => {
            new(StatusCode::FORBIDDEN, "ticket-expired", "Joining took too long.", "Join again.")
        }
        MeetingError::NoSuchConnection => {
            new(StatusCode::GONE, "connection-gone", "The connection was lost.", "Join again.")
        }
        MeetingError::Full => new(
            StatusCode::CONFLICT,
            "room-full",
            "The visit has as many people as it can have.",
            "Wait until somebody leaves.",
        ),
        MeetingError::BadOffer(_) => new(
            StatusCode::BAD_REQUEST,
            "offer-unusable",
            "This browser cannot take part in the video visit.",
            "Use another browser, such as Chrome, Edge, Firefox or Safari.",
        ),
        MeetingError::UntrustedWebhook => {
            new(StatusCode::UNAUTHORIZED, "webhook-untrusted", "The sender is not known.", "")
        }
        MeetingError::Unsupported => {
            new(StatusCode::NOT_IMPLEMENTED, "unsupported", "This cannot be done here.", CALL).ours()
        }
        MeetingError::Unavailable { retry_after, .. } => new(
            StatusCode::SERVICE_UNAVAILABLE,
            "meeting-unavailable",
            "The video service does not answer.",
            "Keep this page open. We try again.",
        )
        .retried_after(retry_after.map_or(3, |wait| wait.as_secs().max(1)))
        .ours(),
    }
}
