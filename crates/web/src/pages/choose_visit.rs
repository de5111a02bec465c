use askama::Template;

use super::{AppointmentTime, Page, Shell};

/// One appointment to choose.
#[derive(Debug, Clone)]
pub struct VisitChoice {
    /// What the form sends as `choice`.
    pub value: String,
    /// When it starts.
    pub appointment: AppointmentTime,
    /// With whom, as in "Dr. Finn" for a patient or "Ana Ruiz" for a clinician.
    pub with: Option<String>,
}

/// Where a launch names no visit and several fit: the person chooses.
#[derive(Debug, Template)]
#[template(path = "launch/choose_visit.html")]
pub struct ChooseVisitPage {
    /// Organisation and looks.
    pub shell: Shell,
    /// The CSRF token.
    pub csrf: String,
    /// Where the form is POSTed to, with the field `choice`.
    pub action: String,
    /// The visits that fit, in order of time.
    pub choices: Vec<VisitChoice>,
}

impl Page for ChooseVisitPage {
    const PAGE: &'static str = "choose-visit";

    fn shell(&self) -> &Shell {
        &self.shell
    }

    fn title(&self) -> String {
        "Which visit?".into()
    }
}
