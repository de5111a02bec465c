//! Every page with every sample, judged by CSS selectors.

use jiff::{Timestamp, tz::TimeZone};
use scraper::{ElementRef, Html, Selector};
use visit::{Role, SeatId, SeatState};

use super::*;

/// A name that breaks a page which does not escape it.
const HOSTILE: &str = "<b onclick=alert(1)>Ana</b> \"O'Neil\" & co";

struct Sample {
    name: &'static str,
    page: &'static str,
    html: String,
    /// For live pages.
    changed: Option<Changed>,
}

impl Sample {
    fn document(&self) -> Html {
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
    Live { shell: shell(), csrf: "csrf-token".into(), seat: seat(letter), last_event: 7 }
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

fn samples() -> Vec<Sample> {
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

fn select<'a>(html: &'a Html, selector: &str) -> Vec<ElementRef<'a>> {
    html.select(&Selector::parse(selector).unwrap()).collect()
}

fn text(element: ElementRef<'_>) -> String {
    element.text().collect::<String>().split_whitespace().collect::<Vec<_>>().join(" ")
}

fn sample(name: &str) -> Sample {
    samples().into_iter().find(|sample| sample.name == name).unwrap()
}

#[test]
fn every_page_names_itself_and_has_one_heading() {
    for sample in samples() {
        let html = sample.document();
        let name = sample.name;
        assert_eq!(select(&html, &format!("body[data-page={}]", sample.page)).len(), 1, "{name}");
        // A live page also carries the heading of the page that may replace it, in a template.
        assert_eq!(select(&html, "body > main h1").len(), 1, "{name}");
        assert_eq!(select(&html, "html[lang=en]").len(), 1, "{name}");
        let title = text(select(&html, "title")[0]);
        assert!(title.contains(" – ") && !title.starts_with(' '), "{name}: {title}");
    }
}

#[test]
fn nothing_is_inline_and_nothing_comes_from_elsewhere() {
    for sample in samples() {
        let html = sample.document();
        assert_eq!(select(&html, "script:not([src]), style, [style]").len(), 0, "{}", sample.name);
        for element in select(&html, "*") {
            for (attribute, value) in element.value().attrs() {
                assert!(!attribute.starts_with("on"), "{}: {attribute}", sample.name);
                let loads = matches!(attribute, "src" | "href");
                assert!(
                    !loads || value.starts_with('/') || value.starts_with('#'),
                    "{}: {value}",
                    sample.name
                );
            }
        }
    }
}

#[test]
fn names_are_shown_as_text() {
    for sample in samples() {
        assert_eq!(select(&sample.document(), "b").len(), 0, "{}", sample.name);
    }
    let html = sample("visit").document();
    let names: Vec<_> = select(&html, "#here-list strong").into_iter().map(text).collect();
    assert_eq!(names, ["Dr. Finn (you)", "Maria Ruiz", HOSTILE]);
    let people = select(&html, "#room")[0].attr("data-people").unwrap();
    let people: serde_json::Value = serde_json::from_str(people).unwrap();
    assert_eq!(people[4]["name"], HOSTILE);
}

#[test]
fn every_form_that_changes_something_bears_the_token() {
    for sample in samples() {
        for form in select(&sample.document(), "form[method=post]:not([data-leaves-this-server])") {
            let token = Selector::parse("input[type=hidden][name=csrf][value=csrf-token]").unwrap();
            assert_eq!(form.select(&token).count(), 1, "{}: {:?}", sample.name, form.attr("action"));
        }
    }
    assert_eq!(select(&sample("redirect-post").document(), "input[name=csrf]").len(), 0);
}

#[test]
fn every_input_has_a_label_and_every_id_is_unique() {
    for sample in samples() {
        let html = sample.document();
        for input in select(&html, "input:not([type=hidden]), select, meter") {
            let id = input.attr("id").unwrap_or_else(|| panic!("{}: an input without id", sample.name));
            assert_eq!(select(&html, &format!("label[for={id}]")).len(), 1, "{}: {id}", sample.name);
        }
        let mut ids: Vec<_> = select(&html, "[id]").iter().filter_map(|element| element.attr("id")).collect();
        let all = ids.len();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), all, "{}", sample.name);
    }
}

#[test]
fn what_changes_stands_in_one_place() {
    for sample in samples() {
        let Some(changed) = &sample.changed else { continue };
        let html = sample.document();
        let inside = select(&html, "#live")[0].inner_html();
        let alone = Html::parse_fragment(&changed.html).root_element().inner_html();
        assert_eq!(inside.trim(), alone.trim(), "{}", sample.name);
        assert_eq!(text(select(&html, "title")[0]), changed.title, "{}", sample.name);
        assert_eq!(changed.page, sample.page);
        let body = select(&html, "body")[0];
        assert_eq!(body.attr("data-state"), Some(changed.state), "{}", sample.name);
        assert_eq!(body.attr("data-last-event"), Some("7"), "{}", sample.name);
        assert_eq!(
            select(&html, "noscript").len(),
            1 + select(&html, "main noscript").len(),
            "{}",
            sample.name
        );
    }
}

#[test]
fn the_event_says_what_is_so() {
    let mut changed = sample("visit").changed.unwrap();
    changed.html.clear();
    changed.people.truncate(2);
    insta::assert_json_snapshot!(changed, @r#"
    {
      "page": "visit",
      "state": "connected",
      "title": "(2 waiting) Ana Ruiz – Lamna Healthcare",
      "html": "",
      "announce": "Ana Ruiz and Sam Cole are waiting.",
      "people": [
        {
          "participant": "dddddddddddddddddddddA",
          "name": "Dr. Finn",
          "role": "provider",
          "connected": true
        },
        {
          "participant": "pppppppppppppppppppppA",
          "name": "Ana Ruiz",
          "role": "patient",
          "connected": false
        }
      ]
    }
    "#);
}

#[test]
fn the_waiting_room_says_who_is_missing_and_what_to_do() {
    let html = sample("waiting").document();
    assert_eq!(
        text(select(&html, "#live")[0]),
        "Dr. Finn has not joined yet. You are checked in. Keep this page open."
    );
    assert_eq!(text(select(&html, "title")[0]), "Waiting room – Lamna Healthcare");
    assert_eq!(text(select(&html, ".facts time")[0]), "Tuesday, March 3 at 2:30 PM CST");
    let here = sample("waiting-clinician-here").document();
    assert_eq!(text(select(&here, "#status")[0]), "Dr. Finn is here and will let you in soon.");
}

#[test]
fn the_clinician_sees_who_waits_and_acts_on_each() {
    let html = sample("visit").document();
    let waiting: Vec<_> = select(&html, "#waiting-list .who").into_iter().map(text).collect();
    assert_eq!(
        waiting,
        [
            "Ana Ruiz Patient, waiting 4 min Device test: works",
            "Sam Cole Interpreter, waiting 1 h 5 min Device test: problem with camera",
        ]
    );
    let actions = |selector: &str| select(&html, selector).len();
    assert_eq!(actions("#waiting-list form[action$='/admit']"), 2);
    assert_eq!(actions("form[action$='/admit-all']"), 1);
    assert_eq!(actions("#here-list form[action$='/send-back']"), 2, "the others, not the clinician");
    assert_eq!(actions("details.confirm form[action$='/remove']"), 4);
    assert_eq!(actions("details.confirm form[action$='/end']"), 1);
    // A page load would cut the call.
    assert_eq!(actions("#live form:not([data-stays])"), 0);
}

#[test]
fn only_a_clinician_reopens() {
    assert_eq!(select(&sample("ended").document(), "form").len(), 0);
    assert_eq!(select(&sample("ended-provider").document(), "form[action$='/reopen']").len(), 1);
}

#[test]
fn an_error_says_what_happened_what_to_do_and_whom_to_call() {
    let sample = sample("error");
    let html = sample.document();
    assert_eq!(select(&html, "body[data-error=unknown-ehr]").len(), 1);
    let main = text(select(&html, "main")[0]);
    assert!(main.contains("Call the video visit desk at 555-0100.") && main.contains("K7QF-2M9X"), "{main}");
    assert!(!main.contains("unknown-ehr"), "no codes for people");
}

#[test]
fn operators_retry_what_can_be_retried() {
    let html = sample("admin-notifications").document();
    let retry: Vec<_> =
        select(&html, "tr:has(form[action$='/retry'])").iter().filter_map(|row| row.attr("id")).collect();
    assert_eq!(retry, ["record-4", "record-3", "record-1"]);
    assert_eq!(text(select(&html, "#record-2 .badge")[0]), "Delivered");
    assert_eq!(select(&html, "td h1").len(), 0);
}

/// For looking at: `cargo test -p web write_gallery -- --ignored`.
#[test]
#[ignore = "writes files to look at"]
fn write_gallery() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/pages");
    std::fs::create_dir_all(&folder).unwrap();
    for sample in samples() {
        std::fs::write(folder.join(format!("{}.html", sample.name)), &sample.html).unwrap();
    }
}
