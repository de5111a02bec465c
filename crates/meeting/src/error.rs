use std::time::Duration;

/// Why a backend did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum MeetingError {
    /// This backend has no such operation.
    #[error("this meeting backend cannot do that")]
    Unsupported,
    /// The ticket is forged, of another seat or room, or of a tab that was
    /// replaced.
    #[error("the join ticket does not belong here")]
    WrongTicket,
    /// The ticket's minutes are over; a new one can be had.
    #[error("the join ticket has expired")]
    ExpiredTicket,
    /// The connection to carry on is not there: join anew.
    #[error("there is no such connection any more")]
    NoSuchConnection,
    /// The room is full.
    #[error("the room is full")]
    Full,
    /// What the browser offers cannot be used.
    #[error("the browser's offer cannot be used: {0}")]
    BadOffer(String),
    /// A webhook whose signature or age is wrong.
    #[error("the webhook is not from the backend, or too old")]
    UntrustedWebhook,
    /// The backend does not answer, or only later.
    #[error("the meeting backend does not answer")]
    Unavailable {
        /// When to try again, if it said so.
        retry_after: Option<Duration>,
        /// What went wrong.
        #[source]
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
}

impl MeetingError {
    /// Not there for the moment.
    pub fn unavailable(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Unavailable { retry_after: None, source: Some(source.into()) }
    }
}
