use askama::Template;
use links::guest::{FactorKind, GuestState};
use visit::{Role, SeatId};

use super::{Page, Shell, person::role_words};

/// A link that was made just now. It is shown once.
#[derive(Debug, Clone)]
pub struct FreshInvitation {
    /// Its address.
    pub url: String,
    /// The code that is asked besides, where one is.
    pub code: Option<String>,
    /// For whom it is.
    pub role: Role,
}

/// A link that is good.
#[derive(Debug, Clone)]
pub struct Invitation {
    /// The seat it leads to.
    pub seat: SeatId,
    /// For whom it is.
    pub role: Role,
    /// What it is.
    pub state: GuestState,
    /// Until when it opens, as in "2:30 PM CST".
    pub until: String,
}

impl Invitation {
    fn role_words(&self) -> &'static str {
        role_words(self.role)
    }

    fn state_words(&self) -> &'static str {
        match self.state {
            GuestState::Free => "not opened yet",
            GuestState::Held { .. } => "opened on one device",
            GuestState::Locked => "locked after wrong answers",
            GuestState::Revoked => "revoked",
        }
    }

    fn is_held(&self) -> bool {
        matches!(self.state, GuestState::Held { .. })
    }
}

/// What the form shows as chosen.
#[derive(Debug, Clone, Copy)]
pub struct Inviting {
    /// For whom the link is.
    pub role: Role,
    /// What is asked besides.
    pub asks: Option<FactorKind>,
}

impl Inviting {
    /// Who can be invited, the most frequent first.
    const ROLES: &[(Role, &str)] = &[
        (Role::Interpreter, "Interpreter"),
        (Role::Proxy, "Family or caregiver"),
        (Role::Patient, "Patient without portal"),
        (Role::Guest, "Guest"),
    ];

    fn asks_for_code(self) -> bool {
        self.asks == Some(FactorKind::Code)
    }

    fn asks_for_date(self) -> bool {
        self.asks == Some(FactorKind::DateOfBirth)
    }
}

impl Default for Inviting {
    fn default() -> Self {
        Self { role: Role::Interpreter, asks: None }
    }
}

/// A clinician's links for people without a launch. The visit's page shows the
/// part with the id `invitations`.
#[derive(Debug, Template)]
#[template(path = "links/invitations.html")]
pub struct InvitationsPage {
    /// Organisation and looks.
    pub shell: Shell,
    /// The CSRF token.
    pub csrf: String,
    /// The clinician's seat.
    pub seat: SeatId,
    /// The links that are good.
    pub invitations: Vec<Invitation>,
    /// The link that was made just now.
    pub fresh: Option<FreshInvitation>,
    /// What the form shows as chosen.
    pub inviting: Inviting,
    /// Why no link was made.
    pub problem: Option<&'static str>,
}

impl InvitationsPage {
    fn fresh_role_words(&self) -> &'static str {
        self.fresh.as_ref().map_or("", |fresh| role_words(fresh.role))
    }
}

impl Page for InvitationsPage {
    const PAGE: &'static str = "invitations";

    fn shell(&self) -> &Shell {
        &self.shell
    }

    fn title(&self) -> String {
        "Invite somebody".into()
    }
}
