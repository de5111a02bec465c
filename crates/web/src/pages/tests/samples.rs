//! Every page in every state that looks different.

use jiff::{Timestamp, tz::TimeZone};
use links::guest::{FactorKind, GuestState, SecretHash};
use scraper::Html;
use visit::{Role, SeatId, SeatState};

use super::super::*;

/// A name that breaks a page which does not escape it.
pub(super) const HOSTILE: &str = "<b onclick=alert(1)>Ana</b> \"O'Neil\" & co";

pub(super) struct Sample {
    pub(super) name: &'static str,
    pub(super) page: &'static str,
    pub(super) html: String,
    /// For live pages.
    pub(super) changed: Option<Changed>,
}

impl Sample {
    pub(super) fn document(&self) -> Html {
        Html::parse_document(&self.html)
    }
}

fn still<P: Page>(name: &'static str, page: &P) -> Sample {
    Sample { name, page: P::PAGE, html: page.render().unwrap(), changed: None }
}

fn moving<P: LivePage>(name: &'static str, page: &P) -> Sample {
    Sample { changed: Some(page.changed().unwrap()), ..still(name, page) }
}

fn seat(letter: char) -> SeatId {
    // The last character of 128 bits in base64url carries four zero bits.
    format!("{}A", letter.to_string().repeat(21)).parse().unwrap()
}

fn shell() -> Shell {
    Shell::new(Brand {
        name: "Lamna Healthcare".into(),
        logo_url: None,
        theme_url: Some("/assets/theme/lamna-test.css".into()),
        support: "Call the video visit desk at 555-0100.".into(),
    })
}

fn live(letter: char) -> Live {
    Live { shell: shell(), csrf: "csrf-token".into(), seat: seat(letter), tab: 2, last_event: 7 }
}

fn now() -> Timestamp {
    "2026-03-03T20:34:30Z".parse().unwrap()
}

fn appointment() -> AppointmentTime {
    AppointmentTime {
        starts_at: "2026-03-03T20:30:00Z".parse().unwrap(),
        zone: TimeZone::get("America/Chicago").unwrap(),
    }
}

fn person(letter: char, name: &str, role: Role, state: SeatState, minutes: i64) -> RosterPerson {
    RosterPerson {
        seat: seat(letter),
        name: Some(name.into()),
        role,
        state,
        since: now() - jiff::SignedDuration::from_mins(minutes),
        device_test: None,
    }
}

fn device_test(camera: Check, connection: Check) -> DeviceTestResult {
    DeviceTestResult {
        camera,
        microphone: Check::Pass,
        speaker: Check::Pass,
        connection,
        overall: camera,
        reason_codes: vec![],
        metrics: None,
        took_ms: 20_000,
        browser: BrowserFamily::Safari,
    }
}

fn room(letter: char, people: &[RosterPerson], starts_by_itself: bool) -> RoomView {
    RoomView {
        seat: seat(letter),
        people: people.iter().map(RosterPerson::participant).collect(),
        starts_by_itself,
        new_window_url: Some(format!("/seat/{}/new-window", seat(letter))),
    }
}

fn waiting(status: WaitingStatus, clinician: Option<&str>) -> WaitingPage {
    WaitingPage {
        live: live('p'),
        clinician: clinician.map(Into::into),
        appointment: clinician.map(|_| appointment()),
        status,
        device_test: DeviceTestPanel { result_url: Some(format!("/seat/{}/device-test", seat('p'))) },
    }
}

fn visit_page(people: Vec<RosterPerson>, patient: Option<&str>) -> VisitPage {
    VisitPage {
        live: live('d'),
        patient: patient.map(Into::into),
        appointment: Some(appointment()),
        room: room('d', &people, false),
        people,
        now: now(),
    }
}

fn room_page(people: Vec<RosterPerson>) -> RoomPage {
    RoomPage { live: live('p'), clinician: Some("Dr. Finn".into()), room: room('p', &people, true), people }
}

fn full_roster() -> Vec<RosterPerson> {
    use {Role as R, SeatState as S};
    let mut people = vec![
        person('d', "Dr. Finn", R::Provider, S::Connected, 2),
        person('p', "Ana Ruiz", R::Patient, S::Waiting, 4),
        person('i', "Sam Cole", R::Interpreter, S::Waiting, 65),
        person('x', "Maria Ruiz", R::Proxy, S::Admitted, 0),
        person('g', HOSTILE, R::Guest, S::Connected, 3),
        person('l', "Lee Wu", R::Guest, S::Left, 9),
    ];
    people[1].device_test = Some(device_test(Check::Pass, Check::Pass));
    people[2].device_test = Some(device_test(Check::Fail, Check::Warn));
    people
}

fn row(id: i64, delivery: Delivery, http_status: Option<u16>, answer: &str) -> NotificationRow {
    NotificationRow {
        id,
        happened_at: now(),
        ehr: "lamna-test".into(),
        session: "900012345".into(),
        role: Role::Patient,
        connected: id % 2 == 0,
        delivery,
        attempts: if http_status.is_some() { 3 } else { 0 },
        http_status,
        answer: answer.into(),
    }
}

fn error_page(code: &'static str, title: &str, happened: &str, advice: &str) -> ErrorPage {
    ErrorPage {
        shell: shell(),
        code,
        title: title.into(),
        happened: happened.into(),
        advice: advice.into(),
        next_step: (code != "too-early")
            .then(|| NextStep { label: "Test your device".into(), url: "/device-test".into() }),
        reference: "K7QF-2M9X".into(),
    }
}

fn guest(asks: Option<FactorKind>, problem: Option<AnswerProblem>) -> GuestPage {
    GuestPage { shell: shell(), csrf: "csrf-token".into(), asks, problem }
}

fn invitations(code: Option<&str>, problem: Option<&'static str>) -> InvitationsPage {
    let held = GuestState::Held { device: SecretHash::from([7; 32]) };
    let states = [
        ('i', Role::Interpreter, held),
        ('x', Role::Proxy, GuestState::Free),
        ('g', Role::Guest, GuestState::Locked),
    ];
    InvitationsPage {
        shell: shell(),
        csrf: "csrf-token".into(),
        seat: seat('d'),
        invitations: states
            .map(|(letter, role, state)| Invitation {
                seat: seat(letter),
                role,
                state,
                until: "10:30 PM CST".into(),
            })
            .into(),
        fresh: code.map(|code| FreshInvitation {
            url: "https://visits.example.org/guest/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA".into(),
            code: Some(code.into()),
            role: Role::Interpreter,
        }),
        inviting: problem.map_or_else(Inviting::default, |_| Inviting {
            role: Role::Patient,
            asks: Some(FactorKind::DateOfBirth),
        }),
        problem,
    }
}

pub(super) fn samples() -> Vec<Sample> {
    use {Role as R, SeatState as S, WaitingStatus as W};
    let csrf = || "csrf-token".to_owned();
    let doctor_alone = || vec![person('d', "Dr. Finn", R::Provider, S::Admitted, 0)];
    let two = || {
        vec![
            person('d', "Dr. Finn", R::Provider, S::Connected, 2),
            person('p', "Ana Ruiz", R::Patient, S::Connected, 2),
        ]
    };
    let choices = ["20:30", "22:00"].map(|time| VisitChoice {
        value: format!("choice-{time}"),
        appointment: AppointmentTime {
            starts_at: format!("2026-03-03T{time}:00Z").parse().unwrap(),
            ..appointment()
        },
        with: Some("Dr. Finn".into()),
    });
    vec![
        moving("waiting", &waiting(W::ClinicianNotHere, Some("Dr. Finn"))),
        moving("waiting-clinician-here", &waiting(W::ClinicianHere, Some("Dr. Finn"))),
        moving("waiting-sent-back", &waiting(W::SentBack, Some(HOSTILE))),
        moving("waiting-unknown", &waiting(W::ClinicianNotHere, None)),
        moving("visit-empty", &visit_page(doctor_alone(), Some("Ana Ruiz"))),
        moving("visit", &visit_page(full_roster(), Some("Ana Ruiz"))),
        moving("visit-hostile", &visit_page(two(), Some(HOSTILE))),
        moving("visit-unnamed", &visit_page(two(), None)),
        moving("room", &room_page(two())),
        moving("room-alone", &room_page(vec![person('p', HOSTILE, R::Patient, S::Admitted, 0)])),
        still(
            "device-test",
            &DeviceTestPage {
                shell: shell(),
                csrf: csrf(),
                device_test: DeviceTestPanel { result_url: None },
            },
        ),
        still(
            "choose-visit",
            &ChooseVisitPage {
                shell: shell(),
                csrf: csrf(),
                action: "/ehr/lamna-test/choose".into(),
                choices: choices.into(),
            },
        ),
        still("guest", &guest(None, None)),
        still("guest-code", &guest(Some(FactorKind::Code), Some(AnswerProblem::Wrong { tries_left: 3 }))),
        still("guest-born", &guest(Some(FactorKind::DateOfBirth), Some(AnswerProblem::Unreadable))),
        still("invitations", &invitations(None, None)),
        still("invitations-fresh", &invitations(Some("123 456"), None)),
        still("invitations-refused", &invitations(None, Some("Enter the person's date of birth."))),
        still("left", &LeftPage { shell: shell(), csrf: csrf(), seat: seat('p') }),
        still("removed", &RemovedPage { shell: shell() }),
        still("ended", &EndedPage { shell: shell(), csrf: csrf(), seat: seat('p'), may_reopen: false }),
        still(
            "ended-provider",
            &EndedPage { shell: shell(), csrf: csrf(), seat: seat('d'), may_reopen: true },
        ),
        still("replaced", &ReplacedPage { shell: shell(), csrf: csrf(), seat: seat('p') }),
        still(
            "error",
            &error_page(
                "unknown-ehr",
                "This link does not work here",
                "The link does not come from a clinic that this server knows.",
                "Open the visit again from your patient portal.",
            ),
        ),
        still(
            "too-early",
            &error_page(
                "too-early",
                "It is too early",
                "Your visit is at 2:30 PM. The waiting room opens at 2:00 PM.",
                "Open the visit again at 2:00 PM or later.",
            ),
        ),
        still(
            "redirect-post",
            &RedirectPostPage {
                shell: shell(),
                action: "https://ehr.example.org/oauth2/authorize".into(),
                fields: vec![
                    ("state".into(), "\"><script>".into()),
                    ("aud".into(), "https://ehr.example.org/R4".into()),
                ],
            },
        ),
        still("new-window", &NewWindowPage { shell: shell(), url: "/continue/abc".into() }),
        still("home", &HomePage { shell: Shell::default() }),
        still(
            "admin-login",
            &AdminLoginPage {
                shell: Shell::default(),
                csrf: csrf(),
                user: HOSTILE.into(),
                problem: Some("User name or password is wrong.".into()),
            },
        ),
        still(
            "admin-notifications",
            &NotificationsPage {
                shell: Shell::default(),
                csrf: csrf(),
                user: "operator".into(),
                search: "900012345".into(),
                rows: vec![
                    row(4, Delivery::Due(now()), None, ""),
                    row(3, Delivery::Due(now()), Some(503), "Service unavailable"),
                    row(2, Delivery::Delivered, Some(200), "{\"Success\":true}"),
                    row(
                        1,
                        Delivery::Failed,
                        Some(400),
                        "<h1>INVALID-CONFERENCE-ID</h1> The conference was not found",
                    ),
                    row(0, Delivery::Withdrawn, None, ""),
                ],
                older_url: Some("/admin/notifications?before=0".into()),
            },
        ),
        still(
            "admin-notifications-none",
            &NotificationsPage {
                shell: Shell::default(),
                csrf: csrf(),
                user: "operator".into(),
                search: String::new(),
                rows: vec![],
                older_url: None,
            },
        ),
    ]
}
