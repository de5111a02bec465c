use askama::Template;

use super::{Page, Shell};

/// What this server is, for those who come without a link.
#[derive(Debug, Template)]
#[template(path = "home.html")]
pub struct HomePage {
    /// Organisation and looks.
    pub shell: Shell,
}

impl Page for HomePage {
    const PAGE: &'static str = "home";

    fn shell(&self) -> &Shell {
        &self.shell
    }

    fn title(&self) -> String {
        "Video visits".into()
    }
}
