use askama::Template;
use jiff::Timestamp;
use visit::Role;

use super::{Page, Shell, person};

/// Where operators sign in.
#[derive(Debug, Template)]
#[template(path = "admin/login.html")]
pub struct AdminLoginPage {
    /// Organisation and looks.
    pub shell: Shell,
    /// The CSRF token.
    pub csrf: String,
    /// The user name typed before.
    pub user: String,
    /// Why the last try failed: one sentence.
    pub problem: Option<String>,
}

impl Page for AdminLoginPage {
    const PAGE: &'static str = "admin-login";

    fn shell(&self) -> &Shell {
        &self.shell
    }

    fn title(&self) -> String {
        match self.problem {
            Some(_) => "Error: Sign in".into(),
            None => "Sign in".into(),
        }
    }
}

/// How far a notification record has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// Waits for its first or next attempt.
    Due(Timestamp),
    /// The EHR accepted it.
    Delivered,
    /// The EHR refused it, or the attempts are used up.
    Failed,
    /// Overtaken before it was tried: the person was back in time.
    Withdrawn,
}

/// One notification record.
#[derive(Debug, Clone)]
pub struct NotificationRow {
    /// Its number; retried by a POST to `/admin/notifications/{id}/retry`.
    pub id: i64,
    /// When it happened.
    pub happened_at: Timestamp,
    /// The EHR connection.
    pub ehr: String,
    /// The visit's session id: CSN or conference id.
    pub session: String,
    /// The person's role.
    pub role: Role,
    /// Whether it says connected or disconnected.
    pub connected: bool,
    /// How far it has come.
    pub delivery: Delivery,
    /// Attempts begun.
    pub attempts: u32,
    /// The last attempt's HTTP status.
    pub http_status: Option<u16>,
    /// The EHR's last answer, shortened, or why there was none.
    pub answer: String,
}

impl NotificationRow {
    fn role_words(&self) -> &'static str {
        person::role_words(self.role)
    }

    fn status_words(&self) -> &'static str {
        if self.connected { "Connected" } else { "Disconnected" }
    }

    fn delivery_words(&self) -> String {
        match self.delivery {
            Delivery::Due(at) if self.attempts == 0 => format!("Goes out at {}", at.strftime("%H:%M:%S")),
            Delivery::Due(at) => format!("Tries again at {}", at.strftime("%H:%M:%S")),
            Delivery::Delivered => "Delivered".into(),
            Delivery::Failed => "Failed".into(),
            Delivery::Withdrawn => "Not sent: back in time".into(),
        }
    }

    fn tone(&self) -> &'static str {
        match self.delivery {
            Delivery::Due(_) => "fair",
            Delivery::Delivered => "good",
            Delivery::Failed => "bad",
            Delivery::Withdrawn => "unknown",
        }
    }

    fn may_retry(&self) -> bool {
        matches!(self.delivery, Delivery::Failed | Delivery::Due(_))
    }

    fn happened_words(&self) -> String {
        self.happened_at.strftime("%Y-%m-%d %H:%M:%S").to_string()
    }
}

/// Notification records, newest first, with a search by CSN or meeting id.
#[derive(Debug, Template)]
#[template(path = "admin/notifications.html")]
pub struct NotificationsPage {
    /// Organisation and looks.
    pub shell: Shell,
    /// The CSRF token.
    pub csrf: String,
    /// Who is signed in.
    pub user: String,
    /// What was searched for (query parameter `meeting`), empty for all.
    pub search: String,
    /// The records.
    pub rows: Vec<NotificationRow>,
    /// The address of the next page.
    pub older_url: Option<String>,
}

impl Page for NotificationsPage {
    const PAGE: &'static str = "admin-notifications";

    fn shell(&self) -> &Shell {
        &self.shell
    }

    fn title(&self) -> String {
        "Notification records".into()
    }
}
