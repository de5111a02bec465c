//! Seats that others would like to have, and actions that are not theirs
//! (OWASP ASVS 5.0: V3 web front end, V7 sessions, V8 authorization).

use axum::body::Body;
use http::{Method, Request};
use jiff::SignedDuration;
use serde_json::json;

use crate::{
    browser::{Browser, Seen},
    launching::Launch,
    scene::Scene,
};

/// What a clinician may do and others not, with whether it is about somebody.
const CLINICIANS_ACTIONS: [(&str, bool); 6] = [
    ("admit", true),
    ("send-back", true),
    ("remove", true),
    ("admit-all", false),
    ("end", false),
    ("reopen", false),
];

/// A clinician and a patient in one visit.
struct Visit {
    scene: Scene,
    clinician: Browser,
    clinicians_seat: String,
    patient: Browser,
    patients_seat: String,
}

impl Visit {
    async fn open() -> Self {
        let scene = Scene::open().await;
        let (mut clinician, mut patient) = (scene.browser(), scene.browser());
        let clinicians_seat = scene.seated(&mut clinician, Launch::PROVIDER).await;
        let patients_seat = scene.seated(&mut patient, Launch::PATIENT).await;
        Self { scene, clinician, clinicians_seat, patient, patients_seat }
    }

    /// The clinician's form, sent.
    async fn clinician_does(&mut self, action: &str) -> Seen {
        let csrf = self.clinician.get(&self.clinicians_seat).await.csrf();
        let about = id_in(&self.patients_seat);
        let url = format!("{}/{action}", self.clinicians_seat);
        self.clinician.post(&url, &[("csrf", &csrf), ("seat", about)]).await
    }

    async fn patients_page(&mut self) -> Option<String> {
        self.patient.get(&self.patients_seat).await.page()
    }
}

fn id_in(seat: &str) -> &str {
    seat.strip_prefix("/seat/").unwrap()
}

fn error(seen: &Seen) -> Option<String> {
    seen.data("error")
}

#[tokio::test]
async fn the_address_alone_opens_nothing() {
    let visit = Visit::open().await;
    let mut stranger = visit.scene.browser();
    for seat in [&visit.clinicians_seat, &visit.patients_seat] {
        for path in ["", "/events", "/replaced"] {
            let seen = stranger.get(&format!("{seat}{path}")).await;
            assert_eq!((seen.status.as_u16(), error(&seen).as_deref()), (401, Some("signed-out")));
        }
        for action in ["admit", "leave", "take", "new-window", "join", "room/offer", "device-test"] {
            let seen = stranger.post(&format!("{seat}/{action}"), &[("csrf", "x"), ("seat", "x")]).await;
            assert_eq!(error(&seen).as_deref(), Some("signed-out"), "{action}");
        }
    }
}

/// Whether a seat exists cannot be asked.
#[tokio::test]
async fn a_guessed_seat_looks_like_somebody_else_s() {
    let visit = Visit::open().await;
    let mut stranger = visit.scene.browser();
    let without_reference = |seen: &Seen| {
        let reference = seen.text(".reference").unwrap();
        (seen.status, seen.body.replace(&reference, ""))
    };
    let real = stranger.get(&visit.patients_seat).await;
    let guessed = stranger.get(&format!("/seat/{}", "A".repeat(22))).await;
    assert_eq!(without_reference(&real), without_reference(&guessed));
}

#[tokio::test]
async fn a_seat_that_cannot_be_one() {
    let scene = Scene::open().await;
    for id in ["x", "..%2f..%2fadmin", "%00", &"A".repeat(23)] {
        let seen = scene.browser().get(&format!("/seat/{id}")).await;
        assert_eq!(error(&seen).as_deref(), Some("not-found"), "{id}");
    }
}

#[tokio::test]
async fn the_cookie_of_one_seat_opens_no_other() {
    let visit = Visit::open().await;
    let own = visit.patient.cookie("anteroom-seat-");
    let mut forger = visit.scene.browser();
    for value in [own.as_str(), "", "x", &"A".repeat(43), "a; b", "%00"] {
        let seat = &visit.clinicians_seat;
        forger.forge_cookie(&format!("anteroom-seat-{}", id_in(seat)), value, seat);
        let seen = forger.get(seat).await;
        assert_eq!(error(&seen).as_deref(), Some("signed-out"), "{value}");
    }
}

#[tokio::test]
async fn a_patient_does_nothing_that_is_a_clinician_s() {
    let mut visit = Visit::open().await;
    let csrf = visit.patient.get(&visit.patients_seat).await.csrf();
    let targets = [visit.patients_seat.clone(), visit.clinicians_seat.clone()];
    for (action, _) in CLINICIANS_ACTIONS {
        for target in &targets {
            let url = format!("{}/{action}", visit.patients_seat);
            let seen = visit.patient.post(&url, &[("csrf", &csrf), ("seat", id_in(target))]).await;
            assert_eq!(error(&seen).as_deref(), Some("not-a-provider"), "{action}");
        }
    }
    assert_eq!(visit.patients_page().await.as_deref(), Some("waiting"));
}

#[tokio::test]
async fn a_clinician_does_nothing_in_another_visit() {
    let mut visit = Visit::open().await;
    let mut other = visit.scene.browser();
    let seat = visit.scene.seated(&mut other, Launch::provider(8)).await;
    let csrf = other.get(&seat).await.csrf();
    for (action, _) in CLINICIANS_ACTIONS.into_iter().filter(|(_, about)| *about) {
        let about = id_in(&visit.patients_seat);
        let seen = other.post(&format!("{seat}/{action}"), &[("csrf", &csrf), ("seat", about)]).await;
        assert_eq!(error(&seen).as_deref(), Some("no-such-seat"), "{action}");
    }
    assert_eq!(visit.patients_page().await.as_deref(), Some("waiting"));
}

#[tokio::test]
async fn a_form_without_its_token() {
    let mut visit = Visit::open().await;
    let patients_csrf = visit.patient.get(&visit.patients_seat).await.csrf();
    let about = id_in(&visit.patients_seat).to_owned();
    for (action, _) in
        CLINICIANS_ACTIONS.into_iter().chain([("leave", false), ("take", false), ("new-window", false)])
    {
        let url = format!("{}/{action}", visit.clinicians_seat);
        for wrong in ["", "x", &patients_csrf] {
            let seen = visit.clinician.post(&url, &[("csrf", wrong), ("seat", &about)]).await;
            assert_eq!(
                (seen.status.as_u16(), error(&seen).as_deref()),
                (403, Some("form-expired")),
                "{action}"
            );
        }
        let seen = visit.clinician.post(&url, &[("seat", &about)]).await;
        assert_eq!(error(&seen).as_deref(), Some("bad-request"), "{action}");
    }
    assert_eq!(visit.patients_page().await.as_deref(), Some("waiting"));
    assert_eq!(visit.clinician.get(&visit.clinicians_seat).await.page().as_deref(), Some("visit"));
}

#[tokio::test]
async fn a_script_without_its_token() {
    let mut visit = Visit::open().await;
    for path in ["join", "room/offer", "device-test"] {
        let url = format!("{}/{path}", visit.clinicians_seat);
        let test = json!({
            "camera": "pass", "microphone": "pass", "speaker": "pass", "connection": "pass", "overall": "pass",
            "reason_codes": [], "metrics": null, "took_ms": 1, "browser": "other", "ticket": "x", "sdp": "x",
        });
        for wrong in ["", "x"] {
            let seen = visit.clinician.script(&url, wrong, &test).await;
            assert_eq!((seen.status.as_u16(), &seen.json()["code"]), (403, &json!("form-expired")), "{path}");
        }
    }
}

#[tokio::test]
async fn by_the_wrong_method() {
    let mut visit = Visit::open().await;
    let seat = visit.clinicians_seat.clone();
    for (action, _) in CLINICIANS_ACTIONS {
        let seen = visit.clinician.get(&format!("{seat}/{action}")).await;
        assert_eq!((seen.status.as_u16(), error(&seen).as_deref()), (405, Some("method-not-allowed")));
    }
    for method in [Method::POST, Method::PUT, Method::DELETE, Method::PATCH, Method::TRACE] {
        let seen = visit.clinician.by(method, &seat).await;
        assert_eq!((seen.status.as_u16(), error(&seen).as_deref()), (405, Some("method-not-allowed")));
    }
}

#[tokio::test]
async fn a_body_that_is_too_large() {
    let mut visit = Visit::open().await;
    let large = "x".repeat(200 << 10);
    let url = format!("{}/leave", visit.patients_seat);
    let seen = visit.patient.post(&url, &[("csrf", &large)]).await;
    assert_eq!((seen.status.as_u16(), error(&seen).as_deref()), (413, Some("too-large")));
    let url = format!("{}/room/offer", visit.patients_seat);
    let seen = visit.patient.script(&url, "x", &json!({ "ticket": "x", "sdp": large })).await;
    assert_eq!((seen.status.as_u16(), &seen.json()["code"]), (413, &json!("too-large")));
}

#[tokio::test]
async fn a_body_of_another_kind() {
    let mut visit = Visit::open().await;
    let url = format!("{}/leave", visit.patients_seat);
    for (kind, body) in [("text/plain", "csrf=x"), ("application/json", "{}"), ("multipart/form-data", "x")] {
        let seen =
            visit.patient.send(Request::post(&url).header("content-type", kind), Body::from(body)).await;
        assert_eq!(error(&seen).as_deref(), Some("bad-request"), "{kind}");
    }
    let url = format!("{}/room/offer", visit.patients_seat);
    for body in ["", "{", "[]", "{\"ticket\":7}", "\u{0}"] {
        let request = Request::post(&url).header("content-type", "application/json");
        let seen = visit.patient.send(request, Body::from(body)).await;
        assert_eq!(error(&seen).as_deref(), Some("bad-request"), "{body}");
    }
    assert_eq!(visit.patients_page().await.as_deref(), Some("waiting"));
}

/// A later launch takes the seat over with a secret of its own; the earlier
/// window is told so, and what it still sends changes nothing.
#[tokio::test]
async fn a_window_that_was_replaced() {
    let mut visit = Visit::open().await;
    let (seat, about) = (visit.clinicians_seat.clone(), id_in(&visit.patients_seat).to_owned());
    let csrf = visit.clinician.get(&seat).await.csrf();
    let before = visit.clinician.cookie("anteroom-seat-");
    let mut later = visit.scene.browser();
    assert_eq!(visit.scene.seated(&mut later, Launch::PROVIDER).await, seat);
    assert_ne!(later.cookie("anteroom-seat-"), before);

    assert_eq!(visit.clinician.get(&seat).await.page().as_deref(), Some("replaced"));
    for (action, _) in CLINICIANS_ACTIONS {
        visit.clinician.post(&format!("{seat}/{action}"), &[("csrf", &csrf), ("seat", &about)]).await;
    }
    assert_eq!(visit.patients_page().await.as_deref(), Some("waiting"));
    assert_eq!(later.get(&seat).await.page().as_deref(), Some("visit"));
    let joining = visit.clinician.script(&format!("{seat}/join"), &csrf, &json!({})).await;
    assert_eq!(joining.json()["code"], "signed-out");
}

#[tokio::test]
async fn the_next_day() {
    let mut visit = Visit::open().await;
    visit.scene.advance(SignedDuration::from_hours(12));
    let seen = visit.patient.get(&visit.patients_seat).await;
    assert_eq!(error(&seen).as_deref(), Some("signed-out"));
}

#[tokio::test]
async fn whoever_was_removed_comes_back_to_the_waiting_room_at_most() {
    let mut visit = Visit::open().await;
    visit.clinician_does("admit").await;
    assert_eq!(visit.patients_page().await.as_deref(), Some("room"));
    let csrf = visit.patient.get(&visit.patients_seat).await.csrf();
    visit.clinician_does("remove").await;
    assert_eq!(visit.patients_page().await.as_deref(), Some("removed"));
    visit.patient.post(&format!("{}/take", visit.patients_seat), &[("csrf", &csrf)]).await;
    assert_ne!(visit.patients_page().await.as_deref(), Some("room"));
    visit.scene.seated(&mut visit.patient, Launch::PATIENT).await;
    assert_eq!(visit.patients_page().await.as_deref(), Some("waiting"));
}

#[tokio::test]
async fn an_ended_visit_is_entered_by_nobody() {
    let mut visit = Visit::open().await;
    visit.clinician_does("admit").await;
    visit.clinician_does("end").await;
    let csrf = visit.clinician.get(&visit.clinicians_seat).await.csrf();
    let seen = visit.clinician.script(&format!("{}/join", visit.clinicians_seat), &csrf, &json!({})).await;
    assert!(seen.status.is_client_error());
    visit.scene.seated(&mut visit.patient, Launch::PATIENT).await;
    assert_eq!(visit.patients_page().await.as_deref(), Some("ended"));
}

/// The code that moves a seat to a window of its own.
#[tokio::test]
async fn a_hand_over_works_once_and_for_a_minute() {
    let mut visit = Visit::open().await;
    let seat = visit.patients_seat.clone();
    for (wait, works) in [(0, true), (60, false)] {
        let csrf = visit.patient.get(&seat).await.csrf();
        let offered = visit.patient.post(&format!("{seat}/new-window"), &[("csrf", &csrf)]).await;
        let code = offered.attribute("main a", "href").unwrap();
        visit.scene.advance(SignedDuration::from_secs(wait));
        let mut window = visit.scene.browser();
        let first = window.get(&code).await;
        assert_eq!(first.header("location").is_some(), works);
        let second = visit.scene.browser().get(&code).await;
        assert_eq!(error(&second).as_deref(), Some("launch-unknown"));
        if works {
            assert_eq!(window.get(&seat).await.page().as_deref(), Some("waiting"));
            visit.patient = window;
        }
    }
    let guessed = visit.scene.browser().get(&format!("/handover/{}", "A".repeat(43))).await;
    assert_eq!(error(&guessed).as_deref(), Some("launch-unknown"));
}

/// Whoever looks at a link before a person does (a mail scanner, a preview)
/// must not use it up.
#[tokio::test]
async fn a_look_ahead_uses_no_hand_over_up() {
    let mut visit = Visit::open().await;
    let seat = visit.patients_seat.clone();
    let csrf = visit.patient.get(&seat).await.csrf();
    let offered = visit.patient.post(&format!("{seat}/new-window"), &[("csrf", &csrf)]).await;
    let code = offered.attribute("main a", "href").unwrap();
    visit.scene.browser().by(Method::HEAD, &code).await;
    assert!(visit.scene.browser().get(&code).await.header("location").is_some());
}
