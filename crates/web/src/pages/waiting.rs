use askama::Template;

use super::{AppointmentTime, DeviceTestPanel, Live, LivePage, Page, Shell};

/// Why somebody still waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WaitingStatus {
    /// No clinician is connected.
    ClinicianNotHere,
    /// A clinician is connected, and lets people in.
    ClinicianHere,
    /// A clinician sent this person back.
    SentBack,
}

/// The waiting room: everybody but the clinician waits here.
#[derive(Debug, Template)]
#[template(path = "visit/waiting.html", blocks = ["live"])]
pub struct WaitingPage {
    /// What every live page has.
    pub live: Live,
    /// The clinician's name, as in "Dr. Finn".
    pub clinician: Option<String>,
    /// When the appointment starts.
    pub appointment: Option<AppointmentTime>,
    /// Why this person still waits.
    pub status: WaitingStatus,
    /// The device test, taken in place.
    pub device_test: DeviceTestPanel,
}

impl WaitingPage {
    fn clinician(&self) -> &str {
        self.clinician.as_deref().unwrap_or("Your clinician")
    }

    fn status_words(&self) -> String {
        let who = self.clinician();
        match self.status {
            WaitingStatus::ClinicianNotHere => format!("{who} has not joined yet."),
            WaitingStatus::ClinicianHere => format!("{who} is here and will let you in soon."),
            WaitingStatus::SentBack => format!("{who} asks you to wait here for a moment."),
        }
    }
}

impl Page for WaitingPage {
    const PAGE: &'static str = "waiting";

    fn shell(&self) -> &Shell {
        &self.live.shell
    }

    fn state(&self) -> &'static str {
        "waiting"
    }

    fn title(&self) -> String {
        "Waiting room".into()
    }
}

impl LivePage for WaitingPage {
    fn fragment(&self) -> askama::Result<String> {
        self.as_live().render()
    }

    fn announcement(&self) -> String {
        self.status_words()
    }
}
