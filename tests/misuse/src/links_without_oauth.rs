//! Direct links and encrypted links in the hands of others.

use http::Method;
use jiff::SignedDuration;
use links::{LinkSettings, testing::encrypted};
use outside::Clock;
use url::form_urlencoded;

use crate::{
    browser::{Browser, Seen},
    house::{LAMNA, OTHER, link_settings},
    launching::{Launch, csn},
    scene::Scene,
};

/// A clinician who invited somebody.
struct Invitation {
    scene: Scene,
    clinician: Browser,
    clinicians_seat: String,
    /// The link's path.
    link: String,
    code: Option<String>,
}

impl Invitation {
    async fn made(asks: &str) -> Self {
        let scene = Scene::open().await;
        let mut clinician = scene.browser();
        let clinicians_seat = scene.seated(&mut clinician, Launch::PROVIDER).await;
        let csrf = clinician.get(&clinicians_seat).await.csrf();
        let url = format!("{clinicians_seat}/invitations");
        let made = clinician.post(&url, &[("csrf", &csrf), ("role", "guest"), ("asks", asks)]).await;
        let link = made.attribute("#invitation-link", "value").unwrap();
        let link = link.strip_prefix("https://visits.example.org").unwrap().to_owned();
        Self { clinician, clinicians_seat, link, code: made.text("#invitation-code"), scene }
    }

    async fn opened(&self, browser: &mut Browser, answer: &str) -> Seen {
        let csrf = browser.get(&self.link).await.csrf();
        browser.post(&self.link, &[("csrf", &csrf), ("answer", answer)]).await
    }

    /// Whoever tries is told this and stays out.
    async fn assert_closed(&self, browser: &mut Browser, code: &str) {
        let seen = browser.get(&self.link).await;
        assert_eq!(seen.data("error").as_deref(), Some(code));
        assert!(!browser.cookie_names().iter().any(|name| name.starts_with("anteroom-seat-")));
    }
}

#[tokio::test]
async fn a_link_that_nobody_made() {
    let invitation = Invitation::made("nothing").await;
    let mut stranger = invitation.scene.browser();
    let half = &invitation.link[..invitation.link.len() - 1];
    for link in [half, &format!("{half}!"), "/guest/x", "/guest/%00", &format!("/guest/{}", "A".repeat(43))] {
        let seen = stranger.get(link).await;
        assert_eq!(seen.data("error").as_deref(), Some("guest-link-unknown"), "{link}");
    }
}

/// Messengers and mail scanners look at every link.
#[tokio::test]
async fn a_look_opens_nothing() {
    let invitation = Invitation::made("nothing").await;
    for method in [Method::HEAD, Method::GET] {
        invitation.scene.browser().by(method, &invitation.link).await;
    }
    let mut guest = invitation.scene.browser();
    let seat = invitation.opened(&mut guest, "").await.location().to_owned();
    assert_eq!(guest.get(&seat).await.page().as_deref(), Some("waiting"));
}

#[tokio::test]
async fn a_form_of_another_page() {
    let invitation = Invitation::made("nothing").await;
    let mut guest = invitation.scene.browser();
    let theirs = invitation.scene.browser().get(&invitation.link).await.csrf();
    for _ in 0..2 {
        for csrf in ["", "x", &theirs] {
            let seen = guest.post(&invitation.link, &[("csrf", csrf)]).await;
            assert_eq!(seen.data("error").as_deref(), Some("form-expired"));
        }
        guest.get(&invitation.link).await;
    }
}

#[tokio::test]
async fn a_forwarded_link() {
    let invitation = Invitation::made("nothing").await;
    invitation.opened(&mut invitation.scene.browser(), "").await.location();
    invitation.assert_closed(&mut invitation.scene.browser(), "guest-link-other-device").await;
}

#[tokio::test]
async fn the_next_day() {
    let invitation = Invitation::made("nothing").await;
    invitation.scene.advance(SignedDuration::from_hours(12));
    invitation.assert_closed(&mut invitation.scene.browser(), "guest-link-expired").await;
}

#[tokio::test]
async fn after_it_was_revoked() {
    let mut invitation = Invitation::made("nothing").await;
    let mut guest = invitation.scene.browser();
    let seat = invitation.opened(&mut guest, "").await.location().to_owned();
    let about = seat.strip_prefix("/seat/").unwrap().to_owned();
    let csrf = invitation.clinician.get(&invitation.clinicians_seat).await.csrf();
    let url = format!("{}/invitations/revoke", invitation.clinicians_seat);
    invitation.clinician.post(&url, &[("csrf", &csrf), ("seat", &about)]).await;
    assert_eq!(guest.get(&seat).await.page().as_deref(), Some("removed"));
    invitation.assert_closed(&mut invitation.scene.browser(), "guest-link-revoked").await;
}

/// Five tries in the link's life, whoever tries; the right answer then comes
/// too late.
#[tokio::test]
async fn a_guessed_code() {
    let invitation = Invitation::made("code").await;
    let right = invitation.code.clone().unwrap();
    let wrong = if right == "111 111" { "222 222" } else { "111 111" };
    for _ in 0..5 {
        let seen = invitation.opened(&mut invitation.scene.browser(), wrong).await;
        assert!(seen.header("location").is_none());
    }
    invitation.assert_closed(&mut invitation.scene.browser(), "guest-link-locked").await;
}

#[tokio::test]
async fn a_guest_and_a_patient_invite_nobody() {
    let invitation = Invitation::made("nothing").await;
    let (mut guest, mut patient) = (invitation.scene.browser(), invitation.scene.browser());
    let guests_seat = invitation.opened(&mut guest, "").await.location().to_owned();
    let patients_seat = invitation.scene.seated(&mut patient, Launch::PATIENT).await;
    for (browser, seat) in [(&mut guest, guests_seat), (&mut patient, patients_seat)] {
        let csrf = browser.get(&seat).await.csrf();
        let fields = [("csrf", csrf.as_str()), ("role", "guest"), ("asks", "nothing")];
        for path in ["invitations", "admit-all", "end"] {
            let seen = browser.post(&format!("{seat}/{path}"), &fields).await;
            assert_eq!(seen.data("error").as_deref(), Some("not-a-provider"), "{path}");
        }
    }
}

#[tokio::test]
async fn an_invitation_that_would_make_a_clinician() {
    let mut invitation = Invitation::made("nothing").await;
    let csrf = invitation.clinician.get(&invitation.clinicians_seat).await.csrf();
    let url = format!("{}/invitations", invitation.clinicians_seat);
    let fields = [("csrf", csrf.as_str()), ("role", "provider"), ("asks", "nothing")];
    let seen = invitation.clinician.post(&url, &fields).await;
    assert_eq!(seen.data("error").as_deref(), Some("bad-request"));
}

#[tokio::test]
async fn a_flood_of_guesses() {
    let scene = Scene::open().await;
    let mut browser = scene.browser();
    for _ in 0..200 {
        let seen = browser.get(&format!("/guest/{}", "A".repeat(43))).await;
        if seen.status == 429 {
            assert!(seen.header("retry-after").is_some());
            return;
        }
    }
    panic!("all guesses were taken")
}

/// The text of a link that was made so many minutes ago.
fn text(scene: &Scene, session: &str, minutes_ago: i64) -> String {
    let made = scene.clock.now().as_second() - minutes_ago * 60;
    form_urlencoded::Serializer::new(String::new())
        .append_pair("SessionID", session)
        .append_pair("ExternalID", "FAMMD")
        .append_pair("ExternalIDType", "2")
        .append_pair("Timestamp", &made.to_string())
        .append_pair("LinkValidityPeriod", "30")
        .finish()
}

fn link_of(ehr: &str, settings: &LinkSettings, text: &str) -> String {
    let data = encrypted(settings, text, [7; 16]).unwrap();
    let query = form_urlencoded::Serializer::new(String::new()).append_pair("extData", &data).finish();
    format!("/link/{ehr}?{query}")
}

async fn link_refused(scene: &Scene, link: &str) {
    let seen = scene.browser().get(link).await;
    scene.assert_refused(&seen, "link-refused").await;
}

#[tokio::test]
async fn an_encrypted_link_opens_where_it_is_configured_and_nowhere_else() {
    let scene = Scene::open().await;
    let text = text(&scene, &csn(7), 1);
    let elsewhere = scene.browser().get(&link_of(OTHER, &link_settings(), &text)).await;
    scene.assert_refused(&elsewhere, "not-found").await;
    let seen = scene.browser().get(&link_of(LAMNA, &link_settings(), &text)).await;
    assert!(seen.location().starts_with("/seat/"));
}

#[tokio::test]
async fn an_encrypted_link_of_another_secret() {
    let scene = Scene::open().await;
    let forger = LinkSettings { secret: "fedcba9876543210fedcba9876543210".into(), ..link_settings() };
    link_refused(&scene, &link_of(LAMNA, &forger, &text(&scene, &csn(7), 1))).await;
}

#[tokio::test]
async fn an_encrypted_link_that_is_none() {
    let scene = Scene::open().await;
    let good = link_of(LAMNA, &link_settings(), &text(&scene, &csn(7), 1));
    let data = good.split_once('=').unwrap().1;
    for query in [
        String::new(),
        "extData=".to_owned(),
        "extData=x".to_owned(),
        format!("extData={}", text(&scene, &csn(7), 1)),
        format!("extData={data}&extData={data}"),
        format!("extData={}", &data[8..]),
    ] {
        link_refused(&scene, &format!("/link/{LAMNA}?{query}")).await;
    }
}

#[tokio::test]
async fn an_encrypted_link_out_of_its_time() {
    let scene = Scene::open().await;
    for minutes_ago in [31, -10] {
        let text = text(&scene, &csn(7), minutes_ago);
        link_refused(&scene, &link_of(LAMNA, &link_settings(), &text)).await;
    }
}

#[tokio::test]
async fn an_encrypted_link_again() {
    let scene = Scene::open().await;
    let link = link_of(LAMNA, &link_settings(), &text(&scene, &csn(7), 1));
    let mut patient = scene.browser();
    let seat = patient.get(&link).await.location().to_owned();
    let stolen = scene.browser().get(&link).await;
    assert_eq!(stolen.data("error").as_deref(), Some("link-used"));
    // People reload.
    assert_eq!(patient.get(&link).await.location(), seat);
}

#[tokio::test]
async fn an_encrypted_link_whose_session_the_ehr_did_not_fill_in() {
    let scene = Scene::open().await;
    link_refused(&scene, &link_of(LAMNA, &link_settings(), &text(&scene, "%CSN%", 1))).await;
}
