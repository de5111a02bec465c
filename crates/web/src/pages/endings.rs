use askama::Template;
use visit::SeatId;

use super::{Page, Shell};

/// After somebody left of their own will. They may come back.
#[derive(Debug, Template)]
#[template(path = "endings/left.html")]
pub struct LeftPage {
    /// Organisation and looks.
    pub shell: Shell,
    /// The CSRF token.
    pub csrf: String,
    /// Their seat, taken again by a POST to `/seat/{seat}/take`.
    pub seat: SeatId,
}

impl Page for LeftPage {
    const PAGE: &'static str = "left";

    fn shell(&self) -> &Shell {
        &self.shell
    }

    fn state(&self) -> &'static str {
        "left"
    }

    fn title(&self) -> String {
        "You have left".into()
    }
}

/// After a clinician removed somebody.
#[derive(Debug, Template)]
#[template(path = "endings/removed.html")]
pub struct RemovedPage {
    /// Organisation and looks.
    pub shell: Shell,
}

impl Page for RemovedPage {
    const PAGE: &'static str = "removed";

    fn shell(&self) -> &Shell {
        &self.shell
    }

    fn state(&self) -> &'static str {
        "removed"
    }

    fn title(&self) -> String {
        "You are no longer in this visit".into()
    }
}

/// After a clinician ended the visit.
#[derive(Debug, Template)]
#[template(path = "endings/ended.html")]
pub struct EndedPage {
    /// Organisation and looks.
    pub shell: Shell,
    /// The CSRF token.
    pub csrf: String,
    /// The seat.
    pub seat: SeatId,
    /// Whether this person may open the visit again: a clinician.
    pub may_reopen: bool,
}

impl Page for EndedPage {
    const PAGE: &'static str = "ended";

    fn shell(&self) -> &Shell {
        &self.shell
    }

    fn state(&self) -> &'static str {
        "ended"
    }

    fn title(&self) -> String {
        "The visit has ended".into()
    }
}

/// In a tab whose seat another tab of the same person took over.
#[derive(Debug, Template)]
#[template(path = "endings/replaced.html")]
pub struct ReplacedPage {
    /// Organisation and looks.
    pub shell: Shell,
    /// The CSRF token.
    pub csrf: String,
    /// The seat, taken back by a POST to `/seat/{seat}/take`.
    pub seat: SeatId,
}

impl Page for ReplacedPage {
    const PAGE: &'static str = "replaced";

    fn shell(&self) -> &Shell {
        &self.shell
    }

    fn state(&self) -> &'static str {
        "replaced"
    }

    fn title(&self) -> String {
        "This visit is open in another window".into()
    }
}
