//! Ways into the room without being let in.

use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::{
    browser::{Browser, Seen},
    launching::Launch,
    scene::Scene,
};

/// Somebody with a seat.
struct Person {
    browser: Browser,
    seat: String,
    csrf: String,
}

impl Person {
    async fn seated(scene: &Scene, launch: Launch) -> Self {
        let mut browser = scene.browser();
        let seat = scene.seated(&mut browser, launch).await;
        let csrf = browser.get(&seat).await.csrf();
        Self { browser, seat, csrf }
    }

    async fn joins(&mut self) -> Seen {
        self.browser.script(&format!("{}/join", self.seat), &self.csrf, &json!({})).await
    }

    async fn ticket(&mut self) -> Value {
        let joining = self.joins().await;
        assert!(joining.status.is_success(), "{}", joining.body);
        joining.json()["ticket"].clone()
    }

    /// Why its offer with this ticket is refused. The offer itself is none:
    /// with a good ticket that is found out, too.
    async fn refused_with(&mut self, ticket: &Value) -> Value {
        let offer = json!({ "ticket": ticket, "sdp": "this is no SDP" });
        let url = format!("{}/room/offer", self.seat);
        self.browser.script(&url, &self.csrf, &offer).await.json()["code"].clone()
    }

    async fn does(&mut self, action: &str, about: &Self) {
        let about = about.seat.strip_prefix("/seat/").unwrap();
        let fields = [("csrf", self.csrf.as_str()), ("seat", about)];
        self.browser.post(&format!("{}/{action}", self.seat), &fields).await.location();
    }
}

async fn clinician_and_patient() -> (Scene, Person, Person) {
    let scene = Scene::open().await;
    let clinician = Person::seated(&scene, Launch::PROVIDER).await;
    let patient = Person::seated(&scene, Launch::PATIENT).await;
    (scene, clinician, patient)
}

#[tokio::test]
async fn a_waiting_patient_gets_no_ticket() {
    let (_scene, _, mut patient) = clinician_and_patient().await;
    let joining = patient.joins().await;
    assert_eq!((joining.status.as_u16(), &joining.json()["code"]), (409, &json!("not-admitted")));
    assert!(!joining.body.contains("ticket"));
}

#[tokio::test]
async fn a_waiting_patient_with_the_clinician_s_ticket() {
    let (_scene, mut clinician, mut patient) = clinician_and_patient().await;
    let ticket = clinician.ticket().await;
    assert_eq!(patient.refused_with(&ticket).await, "not-admitted");
}

#[tokio::test]
async fn no_ticket() {
    let (_scene, mut clinician, _) = clinician_and_patient().await;
    assert_eq!(clinician.refused_with(&Value::Null).await, "bad-request");
    for none in ["", "x", ".", "e30.e30"] {
        assert_eq!(clinician.refused_with(&none.into()).await, "ticket-wrong");
    }
}

#[tokio::test]
async fn the_ticket_of_another_seat() {
    let (scene, mut clinician, mut patient) = clinician_and_patient().await;
    clinician.does("admit", &patient).await;
    let ticket = clinician.ticket().await;
    assert_eq!(patient.refused_with(&ticket).await, "ticket-wrong");
    let mut elsewhere = Person::seated(&scene, Launch::provider(8)).await;
    assert_eq!(elsewhere.refused_with(&ticket).await, "ticket-wrong");
    // Their own is good; only the offer is not.
    let own = patient.ticket().await;
    assert_eq!(patient.refused_with(&own).await, "offer-unusable");
}

#[tokio::test]
async fn a_ticket_that_was_changed() {
    let (_scene, mut clinician, _) = clinician_and_patient().await;
    let ticket = clinician.ticket().await;
    let (claims, signature) = ticket.as_str().unwrap().split_once('.').unwrap();
    for changed in [format!("{claims}."), format!("{claims}.{claims}"), format!("x{claims}.{signature}")] {
        assert_eq!(clinician.refused_with(&changed.into()).await, "ticket-wrong");
    }
}

#[tokio::test]
async fn a_ticket_after_its_minutes() {
    let (scene, mut clinician, _) = clinician_and_patient().await;
    let ticket = clinician.ticket().await;
    scene.advance(SignedDuration::from_mins(2));
    assert_eq!(clinician.refused_with(&ticket).await, "ticket-expired");
}

#[tokio::test]
async fn a_ticket_of_an_earlier_window() {
    let (scene, mut clinician, _) = clinician_and_patient().await;
    let ticket = clinician.ticket().await;
    let mut later = Person::seated(&scene, Launch::PROVIDER).await;
    assert_eq!(clinician.refused_with(&ticket).await, "signed-out");
    assert_eq!(later.refused_with(&ticket).await, "ticket-wrong");
}

#[tokio::test]
async fn a_ticket_after_its_holder_was_put_out() {
    for action in ["remove", "send-back"] {
        let (_scene, mut clinician, mut patient) = clinician_and_patient().await;
        clinician.does("admit", &patient).await;
        let ticket = patient.ticket().await;
        clinician.does(action, &patient).await;
        assert_eq!(patient.refused_with(&ticket).await, "not-admitted", "{action}");
        assert_eq!(patient.joins().await.json()["code"], "not-admitted", "{action}");
    }
}

#[tokio::test]
async fn a_ticket_after_the_end() {
    let (_scene, mut clinician, mut patient) = clinician_and_patient().await;
    clinician.does("admit", &patient).await;
    let tickets = [clinician.ticket().await, patient.ticket().await];
    clinician.does("end", &patient).await;
    for (person, ticket) in [&mut clinician, &mut patient].into_iter().zip(&tickets) {
        assert_eq!(person.refused_with(ticket).await, "not-admitted");
    }
}

#[tokio::test]
async fn an_offer_to_carry_on_a_connection_that_is_somebody_else_s() {
    let (_scene, mut clinician, _) = clinician_and_patient().await;
    let ticket = clinician.ticket().await;
    let offer = json!({ "ticket": ticket, "sdp": "v=0", "restart": "made-up" });
    let url = format!("{}/room/offer", clinician.seat);
    let answer = clinician.browser.script(&url, &clinician.csrf, &offer).await;
    assert!(answer.status.is_client_error(), "{}", answer.body);
}
