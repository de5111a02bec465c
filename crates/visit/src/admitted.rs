use crate::{Role, Seat, SeatId, Visit};

/// The proof that a seat was let in. Only [`Visit::admitted`] makes it, and a
/// join ticket cannot be minted without it.
#[derive(Debug)]
pub struct Admitted<'a> {
    visit: &'a Visit,
    seat: &'a Seat,
}

impl<'a> Admitted<'a> {
    /// The visit.
    pub fn visit(&self) -> &'a Visit {
        self.visit
    }

    /// The seat that was let in.
    pub fn seat(&self) -> &'a SeatId {
        &self.seat.id
    }

    /// The arrival that holds the seat.
    pub fn tab(&self) -> u32 {
        self.seat.tab
    }

    /// What the person is in the visit.
    pub fn role(&self) -> Role {
        self.seat.role
    }
}

impl Visit {
    /// Proves that this seat was let in and that the visit goes on.
    pub fn admitted(&self, seat: &SeatId) -> Option<Admitted<'_>> {
        let seat = self.seat(seat)?;
        (self.is_open() && seat.is_let_in()).then_some(Admitted { visit: self, seat })
    }
}
