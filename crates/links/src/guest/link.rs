use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use visit::{Person, Role, SeatId, VisitId};

use super::{DeviceSecret, Event, SecondFactor, SecretHash};
use crate::person;

const LONGEST: SignedDuration = SignedDuration::from_hours(30 * 24);

/// What a direct link is made from.
#[derive(Debug, Clone)]
pub struct NewGuestLink {
    /// The seat it leads to: a fresh random id, which nobody else gets. It is
    /// the link's id as well.
    pub seat: SeatId,
    /// The visit.
    pub visit: VisitId,
    /// What its holder is in the visit.
    pub role: Role,
    /// The hash of its token.
    pub token: SecretHash,
    /// What is asked besides.
    pub second_factor: Option<SecondFactor>,
    /// From when on it opens.
    pub not_before: Timestamp,
    /// From when on it does not.
    pub expires_at: Timestamp,
}

/// A direct link that must not be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidGuestLink {
    /// Whoever runs or watches a visit signs in.
    #[error("a direct link is for a patient, a proxy, an interpreter or a guest")]
    Role,
    /// It never opens, or for too long.
    #[error("a direct link opens for some time, at most 30 days")]
    Time,
}

/// A direct link: one seat of one visit for whoever holds its token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GuestLink {
    /// The seat it leads to; its id.
    pub seat: SeatId,
    /// The visit.
    pub visit: VisitId,
    /// What its holder is in the visit.
    pub role: Role,
    /// The hash of its token.
    pub token: SecretHash,
    /// What is asked besides, of each device anew.
    pub second_factor: Option<SecondFactor>,
    /// From when on it opens.
    pub not_before: Timestamp,
    /// From when on it does not.
    pub expires_at: Timestamp,
    /// How often the second factor was answered wrongly in all; no right
    /// answer and no renewal sets it back.
    pub wrong_answers: u8,
    /// What it is now.
    pub state: GuestState,
}

/// What a direct link is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "kebab-case")]
pub enum GuestState {
    /// The next device that opens it holds it.
    Free,
    /// One device holds it.
    Held {
        /// The hash of its secret.
        device: SecretHash,
    },
    /// There were too many wrong answers. For good.
    Locked,
    /// Revoked. For good.
    Revoked,
}

impl GuestLink {
    /// Makes a link that nobody has opened.
    pub fn issue(new: NewGuestLink) -> Result<Self, InvalidGuestLink> {
        if !matches!(new.role, Role::Patient | Role::Proxy | Role::Interpreter | Role::Guest) {
            return Err(InvalidGuestLink::Role);
        }
        let lasts = new.expires_at.duration_since(new.not_before);
        if lasts <= SignedDuration::ZERO || lasts > LONGEST {
            return Err(InvalidGuestLink::Time);
        }
        Ok(Self {
            seat: new.seat,
            visit: new.visit,
            role: new.role,
            token: new.token,
            second_factor: new.second_factor,
            not_before: new.not_before,
            expires_at: new.expires_at,
            wrong_answers: 0,
            state: GuestState::Free,
        })
    }

    /// Takes in what happened.
    pub fn evolve(&mut self, event: &Event) {
        match event {
            Event::Opened { device } => self.state = GuestState::Held { device: *device },
            Event::AnsweredWrongly => self.wrong_answers = self.wrong_answers.saturating_add(1),
            Event::Locked => self.state = GuestState::Locked,
            Event::Released | Event::Renewed { .. } => self.state = GuestState::Free,
            Event::Revoked { .. } => self.state = GuestState::Revoked,
        }
    }

    /// Proves that this device holds the link and that the link is good now.
    ///
    /// It is asked when somebody is led to their seat. Who is seated stays
    /// seated when the link expires; whoever revokes a link removes the seat
    /// too.
    pub fn entry(&self, device: &DeviceSecret, now: Timestamp) -> Option<Entry<'_>> {
        let in_time = (self.not_before..self.expires_at).contains(&now);
        (in_time && self.is_held_by(device)).then_some(Entry { link: self })
    }

    pub(super) fn is_held_by(&self, device: &DeviceSecret) -> bool {
        matches!(self.state, GuestState::Held { device: holder } if holder == device.hash())
    }
}

/// The proof that a device may take the seat of a direct link. Only
/// [`GuestLink::entry`] makes it.
#[derive(Debug)]
pub struct Entry<'a> {
    link: &'a GuestLink,
}

impl<'a> Entry<'a> {
    /// The seat.
    pub fn seat(&self) -> &'a SeatId {
        &self.link.seat
    }

    /// Its visit.
    pub fn visit(&self) -> &'a VisitId {
        &self.link.visit
    }

    /// What the holder is in the visit.
    pub fn role(&self) -> Role {
        self.link.role
    }

    /// Who arrives: a stand-in that no FHIR server knows
    /// ([`crate::came_by_link`]), the same each time this link is opened. A
    /// patient who comes by direct link is not the `Patient` of a launch.
    pub fn person(&self) -> Person {
        person::by_guest_link(self.link.seat.as_str(), self.link.role)
    }
}
