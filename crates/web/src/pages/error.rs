use askama::Template;

use super::{Page, Shell};

/// One thing to do now, as a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NextStep {
    /// What it says, as in "Try again".
    pub label: String,
    /// Where it leads, on this server.
    pub url: String,
}

/// What happened, what to do now, whom to call, and a reference id.
#[derive(Debug, Template)]
#[template(path = "error.html")]
pub struct ErrorPage {
    /// Organisation and looks.
    pub shell: Shell,
    /// The value of `data-error` (contract): for scripts and support staff.
    pub code: &'static str,
    /// The heading, as in "It is too early".
    pub title: String,
    /// What happened: one plain sentence.
    pub happened: String,
    /// What to do now: one plain sentence.
    pub advice: String,
    /// The same as a link, where there is one.
    pub next_step: Option<NextStep>,
    /// Joins this page to the log.
    pub reference: String,
}

impl Page for ErrorPage {
    const PAGE: &'static str = "error";

    fn shell(&self) -> &Shell {
        &self.shell
    }

    fn title(&self) -> String {
        self.title.clone()
    }
}
