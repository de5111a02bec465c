use std::fmt;

use aws_lc_rs::hmac;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use visit::{Admitted, RoomName, SeatId};

use crate::MeetingError;

/// How long a ticket is good: long enough for a slow phone to answer the
/// camera question, short enough to be worthless later.
pub const TICKET_LIFETIME: SignedDuration = SignedDuration::from_mins(2);

/// The credential of one seat, as it goes to the browser.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum JoinTicket {
    /// For our own page and server.
    Native {
        /// Goes with each offer.
        ticket: String,
        /// Until when a new offer is taken.
        expires_at: Timestamp,
        /// People in one room, oneself included.
        max_people: u32,
    },
}

/// Whom a ticket is for.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TicketSubject {
    /// The room.
    #[serde(rename = "r")]
    pub room: RoomName,
    /// The seat.
    #[serde(rename = "s")]
    pub seat: SeatId,
    /// The arrival that holds the seat.
    #[serde(rename = "t")]
    pub tab: u32,
}

impl TicketSubject {
    /// The seat that was let in, with its room.
    pub fn of(admitted: &Admitted<'_>) -> Self {
        Self { room: admitted.visit().room.clone(), seat: admitted.seat().clone(), tab: admitted.tab() }
    }
}

#[derive(Serialize, Deserialize)]
struct Claims {
    #[serde(flatten)]
    subject: TicketSubject,
    #[serde(rename = "x")]
    expires_at_ms: i64,
}

/// Signs and checks tickets of backends that mint their own (HMAC-SHA256).
/// Nodes that share the key take one another's tickets.
pub struct TicketSigner(hmac::Key);

impl TicketSigner {
    /// A signer with this key.
    pub fn new(key: &[u8; 32]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, key))
    }

    /// Signs a ticket that is good for [`TICKET_LIFETIME`].
    pub fn sign(&self, subject: TicketSubject, now: Timestamp) -> (String, Timestamp) {
        let expires_at = now + TICKET_LIFETIME;
        let claims = Claims { subject, expires_at_ms: expires_at.as_millisecond() };
        // Plain strings and numbers: there is nothing that could fail.
        let claims = serde_json::to_vec(&claims).unwrap_or_default();
        let signature = hmac::sign(&self.0, &claims);
        let ticket = format!("{}.{}", URL_SAFE_NO_PAD.encode(&claims), URL_SAFE_NO_PAD.encode(signature));
        (ticket, expires_at)
    }

    /// Checks that the ticket is ours, good now, and for this very seat.
    pub fn check(&self, ticket: &str, expected: &TicketSubject, now: Timestamp) -> Result<(), MeetingError> {
        let claims = self.open(ticket).ok_or(MeetingError::WrongTicket)?;
        if claims.subject != *expected {
            return Err(MeetingError::WrongTicket);
        }
        if now.as_millisecond() >= claims.expires_at_ms {
            return Err(MeetingError::ExpiredTicket);
        }
        Ok(())
    }

    fn open(&self, ticket: &str) -> Option<Claims> {
        let (claims, signature) = ticket.split_once('.')?;
        let claims = URL_SAFE_NO_PAD.decode(claims).ok()?;
        let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
        hmac::verify(&self.0, &claims, &signature).ok()?;
        serde_json::from_slice(&claims).ok()
    }
}

impl fmt::Debug for TicketSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TicketSigner(…)")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn subject(seat: char, tab: u32) -> TicketSubject {
        TicketSubject {
            room: "room000000000000000000".parse().unwrap(),
            seat: seat.to_string().repeat(22).parse().unwrap(),
            tab,
        }
    }

    #[test]
    fn a_ticket_is_good_for_its_seat_and_minutes_only() {
        let signer = TicketSigner::new(&[7; 32]);
        let now = Timestamp::UNIX_EPOCH;
        let (ticket, expires_at) = signer.sign(subject('a', 1), now);
        assert!(signer.check(&ticket, &subject('a', 1), now).is_ok());
        for wrong in [subject('b', 1), subject('a', 2)] {
            assert!(matches!(signer.check(&ticket, &wrong, now), Err(MeetingError::WrongTicket)));
        }
        let late = signer.check(&ticket, &subject('a', 1), expires_at);
        assert!(matches!(late, Err(MeetingError::ExpiredTicket)));
        let other = TicketSigner::new(&[8; 32]);
        assert!(matches!(other.check(&ticket, &subject('a', 1), now), Err(MeetingError::WrongTicket)));
    }

    proptest! {
        #[test]
        fn no_other_text_is_a_ticket(at in 0..100_usize, with in "[A-Za-z0-9._-]", junk in "\\PC{0,80}") {
            let signer = TicketSigner::new(&[7; 32]);
            let now = Timestamp::UNIX_EPOCH;
            let (ticket, _) = signer.sign(subject('a', 1), now);
            let at = at % ticket.len();
            let mut forged = ticket.clone();
            forged.replace_range(at..=at, &with);
            // The last characters of base64 hold spare bits that decoders refuse.
            if forged != ticket {
                prop_assert!(signer.check(&forged, &subject('a', 1), now).is_err());
            }
            prop_assert!(signer.check(&junk, &subject('a', 1), now).is_err());
        }
    }
}
