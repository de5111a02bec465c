//! Words for people whose direct or encrypted link does not open.

use axum::http::StatusCode;
use links::guest::GuestRefused;

use super::{CALL, START_AGAIN, Words};

const ASK_FOR_ANOTHER: &str = "Ask the clinic for a new link.";
const CLOSED: &str = "This link is closed";

pub(super) fn unknown() -> Words {
    Words::new(
        StatusCode::NOT_FOUND,
        "guest-link-unknown",
        "There is no such link",
        "The link is not complete, or its visit is long over.",
        ASK_FOR_ANOTHER,
    )
}

/// Whatever the cause, so that nobody learns how near a forged link came.
pub(super) fn refused() -> Words {
    Words::new(
        StatusCode::FORBIDDEN,
        "link-refused",
        "This link does not work",
        "The link is too old, or is not complete.",
        START_AGAIN,
    )
}

pub(super) fn used() -> Words {
    Words::new(
        StatusCode::FORBIDDEN,
        "link-used",
        "Please start again",
        "This link was used already, in another browser.",
        START_AGAIN,
    )
}

pub(super) fn of_guest(refused: GuestRefused) -> Words {
    let new = Words::new;
    match refused {
        GuestRefused::Revoked => new(
            StatusCode::GONE,
            "guest-link-revoked",
            CLOSED,
            "The clinic has closed this link.",
            ASK_FOR_ANOTHER,
        ),
        GuestRefused::Expired => new(
            StatusCode::GONE,
            "guest-link-expired",
            CLOSED,
            "The time of this link is over.",
            ASK_FOR_ANOTHER,
        ),
        GuestRefused::TooEarly => new(
            StatusCode::FORBIDDEN,
            "guest-link-early",
            "It is too early",
            "This link does not open yet.",
            "Come back at the time of the visit.",
        ),
        GuestRefused::Locked => new(
            StatusCode::FORBIDDEN,
            "guest-link-locked",
            CLOSED,
            "There were too many wrong answers.",
            ASK_FOR_ANOTHER,
        ),
        GuestRefused::HeldElsewhere => new(
            StatusCode::CONFLICT,
            "guest-link-other-device",
            "This link is open on another device",
            "Only one device at a time can use this link.",
            "Go on there, or ask the clinic to allow this device.",
        ),
        GuestRefused::AnswerNeeded(_) => {
            new(StatusCode::FORBIDDEN, "guest-link-answer", "One more thing", "An answer is needed.", CALL)
        }
    }
}
