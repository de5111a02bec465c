//! Why a browser was not let in.

/// Why an offer got no answer. Nothing has changed when one of these is returned.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JoinError {
    /// The room has as many people as it may.
    #[error("the room is full")]
    Full,
    /// The server holds as many rooms, or runs as many connection checks, as it may.
    #[error("the media server is at its limit")]
    Busy,
    /// The connection id is in use in the room. A new page load needs a new one.
    #[error("the connection id is already in use")]
    ConnectionInUse,
    /// There is no such connection to restart: it has ended. The page joins anew.
    #[error("the connection has ended")]
    Gone,
    /// The offer has more bytes or media lines than allowed.
    #[error("the offer is too large")]
    OfferTooLarge,
    /// The offer is no SDP, or lacks what WebRTC needs. The text is for the log, not for people.
    #[error("the offer cannot be used: {0}")]
    BadOffer(String),
    /// The server has stopped or is stopping.
    #[error("the media server has stopped")]
    Stopped,
}
