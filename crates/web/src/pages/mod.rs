//! The pages as people see them: one view struct and one template for each.
//!
//! A handler fills a struct with what is so; the words are chosen here. Every
//! page is whole without scripts. Its `<body>` bears `data-page` and, where it
//! has one, `data-state` (contract).
//!
//! A page that changes while it is open is a [`LivePage`]: the part that
//! changes is one block of its template, which is also rendered alone and sent
//! as a server-sent event ([`Changed`]).

mod admin;
mod choose_visit;
mod device_test;
mod endings;
mod error;
mod guest;
mod hand_over;
mod home;
mod invitations;
mod person;
mod room;
mod shell;
mod times;
mod visit_page;
mod waiting;

#[cfg(test)]
mod tests;

use askama::Template;
use serde::Serialize;

pub use admin::{AdminLoginPage, Delivery, NotificationRow, NotificationsPage};
pub use choose_visit::{ChooseVisitPage, VisitChoice};
pub use device_test::{
    BrowserFamily, Check, DeviceTestPage, DeviceTestPanel, DeviceTestResult, Metrics, Reason, Transport,
};
pub use endings::{EndedPage, LeftPage, RemovedPage, ReplacedPage};
pub use error::{ErrorPage, NextStep};
pub use guest::{AnswerProblem, GuestPage};
pub use hand_over::{NewWindowPage, RedirectPostPage};
pub use home::HomePage;
pub use invitations::{FreshInvitation, Invitation, InvitationsPage, Inviting};
pub(crate) use person::name_list;
pub use person::{Participant, RosterPerson};
pub use room::{RoomPage, RoomView};
pub use shell::{Brand, Shell};
pub use times::AppointmentTime;
pub use visit_page::VisitPage;
pub use waiting::{WaitingPage, WaitingStatus};

/// A page.
pub trait Page: Template {
    /// The value of `data-page` (contract).
    const PAGE: &'static str;

    /// What stands around it.
    fn shell(&self) -> &Shell;

    /// The value of `data-state`, empty where the page has none (contract).
    fn state(&self) -> &'static str {
        ""
    }

    /// What stands in the window's title, without the organisation's name.
    fn title(&self) -> String;

    /// The window's title, as in "Waiting room – Lamna Healthcare".
    fn window_title(&self) -> String {
        format!("{} – {}", self.title(), self.shell().brand.name)
    }
}

/// A page that follows what happens, by server-sent events.
pub trait LivePage: Page {
    /// The part that changes, rendered alone.
    fn fragment(&self) -> askama::Result<String>;

    /// One sentence on how things stand, read out by assistive technology when
    /// it differs from the one before.
    fn announcement(&self) -> String;

    /// Everybody of the visit, for the room.
    fn people(&self) -> Vec<Participant> {
        Vec::new()
    }

    /// The data of the server-sent event `changed`.
    fn changed(&self) -> askama::Result<Changed> {
        Ok(Changed {
            page: Self::PAGE,
            state: self.state(),
            title: self.window_title(),
            html: self.fragment()?,
            announce: self.announcement(),
            people: self.people(),
        })
    }
}

/// What every live page has.
#[derive(Debug, Clone)]
pub struct Live {
    /// Organisation and looks.
    pub shell: Shell,
    /// The CSRF token, sent as the field `csrf` by forms and as the header
    /// `X-CSRF-Token` by scripts.
    pub csrf: String,
    /// The seat whose page this is.
    pub seat: visit::SeatId,
    /// The arrival that the page belongs to: its stream asks for this one's
    /// news, though the browser's cookie may be that of a later tab.
    pub tab: u32,
    /// The newest event that the page already shows. Its stream asks for what
    /// came after, as the query parameter `after`.
    pub last_event: i64,
}

/// The data of the server-sent event `changed`, as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Changed {
    /// [`Page::PAGE`]. A tab that shows another page loads its address anew.
    pub page: &'static str,
    /// [`Page::state`].
    pub state: &'static str,
    /// The window's title.
    pub title: String,
    /// [`LivePage::fragment`].
    pub html: String,
    /// [`LivePage::announcement`].
    pub announce: String,
    /// [`LivePage::people`].
    pub people: Vec<Participant>,
}
