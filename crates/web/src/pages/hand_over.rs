use askama::Template;

use super::{Page, Shell};

/// A form that carries an authorize request to the EHR by POST. A script sends
/// it at once; without scripts the person presses Continue.
#[derive(Debug, Template)]
#[template(path = "launch/redirect_post.html")]
pub struct RedirectPostPage {
    /// Organisation and looks.
    pub shell: Shell,
    /// The authorization endpoint.
    pub action: String,
    /// The request's parameters.
    pub fields: Vec<(String, String)>,
}

impl Page for RedirectPostPage {
    const PAGE: &'static str = "redirect-post";

    fn shell(&self) -> &Shell {
        &self.shell
    }

    fn title(&self) -> String {
        "One moment".into()
    }
}

/// Where a page that embeds this one keeps cookies, camera or microphone from
/// it: the visit goes on in a window of its own.
#[derive(Debug, Template)]
#[template(path = "launch/new_window.html")]
pub struct NewWindowPage {
    /// Organisation and looks.
    pub shell: Shell,
    /// The address for the new window, good once.
    pub url: String,
}

impl Page for NewWindowPage {
    const PAGE: &'static str = "new-window";

    fn shell(&self) -> &Shell {
        &self.shell
    }

    fn title(&self) -> String {
        "Open your visit".into()
    }
}
