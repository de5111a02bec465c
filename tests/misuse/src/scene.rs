//! The house, the EHR and the foreign host, and what is asserted of them.

use std::time::Duration;

use jiff::SignedDuration;
use outside::testing::TestClock;
use tokio::task::JoinHandle;

use crate::{
    browser::{Browser, Seen},
    ehr::{Ehr, Place},
    foreign::Foreign,
    house::{House, LAMNA},
    launching::Launch,
};

/// The longest that somebody may wait for an answer.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) struct Scene {
    pub(crate) house: House,
    pub(crate) ehr: Ehr,
    pub(crate) foreign: Foreign,
    pub(crate) clock: TestClock,
}

impl Scene {
    /// At the time at which the fixtures' appointments begin.
    pub(crate) async fn open() -> Self {
        let clock = TestClock::at("2026-11-21T20:00:00Z");
        let (ehr, foreign) = (Ehr::listen(&clock).await, Foreign::listen().await);
        let house = House::open(&ehr.fhir_base(), &foreign.url("/api/FHIR/R4"), &clock).await;
        Self { house, ehr, foreign, clock }
    }

    pub(crate) fn browser(&self) -> Browser {
        self.browser_at("198.51.100.7")
    }

    pub(crate) fn browser_at(&self, address: &str) -> Browser {
        Browser::new(&self.house.router, &self.ehr, address.parse().unwrap())
    }

    pub(crate) fn advance(&self, by: SignedDuration) {
        self.clock.advance(by);
    }

    /// The launch address as the EHR opens it.
    pub(crate) fn launch_url(&self, launch: Launch) -> String {
        format!("{}?iss={}&launch={}", launch.path(), self.ehr.fhir_base(), launch.token())
    }

    /// Begins a launch and says yes at the EHR: the callback that the browser
    /// is sent to.
    pub(crate) async fn approved(&self, browser: &mut Browser, launch: Launch) -> String {
        let begun = browser.get(&self.launch_url(launch)).await;
        format!("/ehr/{LAMNA}/callback?{}", self.ehr.approve(begun.location()))
    }

    /// The whole launch: what the callback answers.
    pub(crate) async fn launched(&self, browser: &mut Browser, launch: Launch) -> Seen {
        let callback = self.approved(browser, launch).await;
        browser.get(&callback).await
    }

    /// The whole launch: the address of the seat that it leads to.
    pub(crate) async fn seated(&self, browser: &mut Browser, launch: Launch) -> String {
        let answer = self.launched(browser, launch).await;
        let seat = answer.location().to_owned();
        assert!(seat.starts_with("/seat/"), "{seat}");
        seat
    }

    /// An error page with this code; nobody got a seat, the foreign host heard
    /// nothing, and no code was redeemed twice.
    pub(crate) async fn assert_refused(&self, seen: &Seen, code: &str) {
        assert_eq!(seen.data("error").as_deref(), Some(code), "{} {}", seen.status, seen.summary());
        self.assert_harmless(seen).await;
    }

    /// As [`Self::assert_refused`], whatever the page is called.
    pub(crate) async fn assert_harmless(&self, seen: &Seen) {
        assert!(seen.status.is_client_error() || seen.status.is_server_error(), "{}", seen.status);
        assert_eq!(seen.page().as_deref(), Some("error"));
        for told in ["h1", ".lead", ".reference"] {
            assert!(seen.text(told).is_some_and(|text| !text.is_empty()), "the page has no {told}");
        }
        assert_eq!(self.foreign.asked(), [] as [&str; 0]);
        assert!(self.ehr.asked(Place::Token) <= 1, "a second token request");
        assert_eq!(self.house.visits_and_seats().await, (0, 0));
    }

    /// Launches, sees this refusal at the callback, and tries the callback
    /// again: that one belongs to no launch any more.
    pub(crate) async fn assert_launch_is_refused(&self, launch: Launch, code: &str) {
        let mut browser = self.browser();
        let callback = self.approved(&mut browser, launch).await;
        let seen = browser.get(&callback).await;
        self.assert_refused(&seen, code).await;
        let asked = self.ehr.paths();
        let again = browser.get(&callback).await;
        self.assert_refused(&again, "launch-unknown").await;
        assert_eq!(self.ehr.paths(), asked, "a refused callback asked the EHR again");
    }

    /// Asks, and lets [`PATIENCE`] pass at once as soon as the EHR has been
    /// asked at this place. Whoever has no answer then waits too long.
    pub(crate) async fn impatient(&self, mut browser: Browser, url: &str, place: Place) -> Seen {
        let url = url.to_owned();
        let asking = tokio::spawn(async move { browser.get(&url).await });
        self.ehr.is_asked(place).await;
        pass(PATIENCE).await;
        answered(asking).await
    }
}

/// Lets time pass at once for all who wait.
pub(crate) async fn pass(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}

/// The answer, which must not wait for anything any more: by the real clock
/// there is only some computing left.
pub(crate) async fn answered(asking: JoinHandle<Seen>) -> Seen {
    tokio::time::timeout(Duration::from_secs(2), asking).await.expect("still waiting").unwrap()
}
