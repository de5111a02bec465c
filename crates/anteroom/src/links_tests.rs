//! Ways in without OAuth, through the whole program. The clinicians come by
//! encrypted links, so that no EHR is needed.

use std::{net::SocketAddr, sync::Arc};

use jiff::SignedDuration;
use links::{LinkSettings, testing::encrypted};
use outside::{SystemRandom, testing::TestClock};
use reqwest::StatusCode;
use tempfile::TempDir;
use tokio::net::TcpListener;
use url::{Url, form_urlencoded};

use crate::{
    compose::{Anteroom, Outside},
    config::Configuration,
    test_browser::{Browser, Page},
};

const SECRET: &str = "0123456789abcdef0123456789abcdef";
/// A link's text as a vendor of Epic's publishes it.
const CLINICIAN: &str = "SessionID=10007057852&ConferenceID=10007057852&ExternalID=+165790&ExternalIDType=1&FirstName=Krishnan&LastName=Ram&Timestamp=1647925975&LinkValidityPeriod=60";
/// A link that Zoom's sample program makes.
const TELEHEALTH: &str = "org_id=account-1&data=brzi%2BDr6GOVEeEOFoa5Hc8EVkiGHBokKWIcID687nHjbqFcHZCcXIAJjpWQS7pt2eEV7HUhtpxA7VtzWGPxVnFGIC%2FnVZOPMlUMOTJGnjPQ%3D";

const EHRS: &str = r#"
[[ehr]]
id = "lamna"
name = "Lamna Healthcare"
vendor = "epic"
environment = "non-production"
fhir_base_url = "https://ehr.example.org/api/FHIR/R4"
time_zone = "America/Chicago"
clients = { provider = "one", patient = "two" }

[[ehr.links]]
scheme = "epic"
secret = "0123456789abcdef0123456789abcdef"

[[ehr.links]]
scheme = "zoom"
account = "account-1"
secret = "test-secret-not-real"
links_without_time = "accepted"

[[ehr]]
id = "without-links"
name = "Another hospital"
vendor = "generic"
environment = "non-production"
fhir_base_url = "https://other.example.org/R4"
time_zone = "America/Chicago"
clients = { provider = "one", patient = "two" }
"#;

struct House {
    anteroom: Anteroom,
    base: Url,
    clock: TestClock,
    _folder: TempDir,
}

impl House {
    /// The program, ten seconds after the clinician's link was made.
    async fn open() -> Self {
        crate::outgoing::choose_cryptography();
        let folder = tempfile::tempdir().unwrap();
        let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let file = folder.path().join("anteroom.toml");
        let server = format!(
            "[server]\nlisten = \"127.0.0.1:0\"\npublic_url = \"{base}\"\ndata_dir = \"data\"\n\n\
             [media]\nlisten = \"127.0.0.1:0\"\npublic_addresses = [\"127.0.0.1\"]\n"
        );
        std::fs::write(&file, server + EHRS).unwrap();
        let configuration = Configuration::load_with(&file, []).unwrap_or_else(|error| panic!("{error}"));
        let clock = TestClock::at("2022-03-22T05:13:05Z");
        let outside = Outside { clock: Arc::new(clock.clone()), random: Arc::new(SystemRandom::new()) };
        let anteroom = Anteroom::start(configuration, listener, outside).await.unwrap();
        Self { anteroom, base: base.parse().unwrap(), clock, _folder: folder }
    }

    fn at(&self, path: &str) -> Url {
        self.base.join(path).unwrap()
    }

    fn link(&self, text: &str) -> Url {
        let link = encrypted(&LinkSettings::epic(SECRET.into()), text, [0; 16]).unwrap();
        let query: String =
            form_urlencoded::Serializer::new(String::new()).append_pair("extData", &link).finish();
        self.at(&format!("/link/lamna?{query}"))
    }

    /// A clinician on the visit's page.
    async fn clinician(&self) -> Clinician {
        let mut browser = Browser::new();
        let visit = browser.open(self.link(CLINICIAN)).await;
        assert_eq!(shown(&visit), "visit");
        let invitations = browser.open(self.at(&format!("{}/invitations", visit.url.path()))).await;
        assert_eq!(shown(&invitations), "invitations");
        Clinician { browser, invitations }
    }
}

struct Clinician {
    browser: Browser,
    invitations: Page,
}

impl Clinician {
    async fn does(&mut self, path: &str, fields: &[(&str, &str)]) -> Page {
        let path = format!("{}{path}", self.invitations.url.path());
        self.browser.fill_in(&self.invitations, &path, fields).await
    }

    /// Makes a link: its address, and the code that is asked besides.
    async fn invites(&mut self, role: &str, asks: &str, born: &str) -> (Url, Option<String>) {
        let made = self.does("", &[("role", role), ("asks", asks), ("born", born)]).await;
        let url = made.find("#invitation-link", Some("value")).expect("the link is shown");
        (url.parse().unwrap(), made.find("#invitation-code", None))
    }

    /// The links of the visit, as the clinician reads them.
    async fn list(&mut self) -> Option<String> {
        self.browser.open(self.invitations.url.clone()).await.find("#invitation-list .quiet", None)
    }

    /// The seat of the only link.
    async fn invited_seat(&mut self) -> String {
        let page = self.browser.open(self.invitations.url.clone()).await;
        page.find("#invitation-list input[name=seat]", Some("value")).expect("there is a link")
    }
}

/// The page's name, or its error's.
fn shown(page: &Page) -> String {
    match page.body("data-page").as_str() {
        "error" => page.body("data-error"),
        name => name.to_owned(),
    }
}

/// Opens a direct link and presses its button.
async fn join(browser: &mut Browser, url: &Url, answer: &str) -> Page {
    let door = browser.open(url.clone()).await;
    if shown(&door) != "guest" {
        return door;
    }
    browser.fill_in(&door, url.path(), &[("answer", answer)]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_direct_link_is_for_one_device_until_it_is_allowed_for_another() {
    let house = House::open().await;
    let mut clinician = house.clinician().await;
    let (url, code) = clinician.invites("interpreter", "nothing", "").await;
    assert_eq!(code, None);

    // A preview looks as often as it likes.
    for _ in 0..3 {
        let preview = Browser::new().open(url.clone()).await;
        assert_eq!((preview.status, shown(&preview).as_str()), (StatusCode::OK, "guest"));
    }
    assert_eq!(clinician.list().await.unwrap(), "not opened yet, good until 12:13 PM CDT");

    let (mut first, mut second) = (Browser::new(), Browser::new());
    let waiting = join(&mut first, &url, "").await;
    assert_eq!(shown(&waiting), "waiting");
    assert_eq!(waiting.url.path(), format!("/seat/{}", clinician.invited_seat().await));
    assert_eq!(clinician.list().await.unwrap(), "opened on one device, good until 12:13 PM CDT");

    let refused = join(&mut second, &url, "").await;
    assert_eq!((refused.status, shown(&refused).as_str()), (StatusCode::CONFLICT, "guest-link-other-device"));
    let again = join(&mut first, &url, "").await;
    assert_eq!(again.url, waiting.url, "the same device comes back to its seat");

    let seat = clinician.invited_seat().await;
    clinician.does("/renew", &[("seat", &seat)]).await;
    let moved = join(&mut second, &url, "").await;
    assert_eq!((shown(&moved).as_str(), &moved.url), ("waiting", &waiting.url));
    assert_eq!(shown(&join(&mut first, &url, "").await), "guest-link-other-device");

    house.anteroom.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_link_takes_its_person_out_of_the_visit() {
    let house = House::open().await;
    let mut clinician = house.clinician().await;
    let (url, _) = clinician.invites("guest", "nothing", "").await;
    let mut guest = Browser::new();
    let waiting = join(&mut guest, &url, "").await;
    let seat = clinician.invited_seat().await;

    // Only clinicians invite.
    let invitations = format!("{}/invitations", waiting.url.path());
    let refused = guest.fill_in(&waiting, &invitations, &[("role", "guest"), ("asks", "nothing")]).await;
    assert_eq!(shown(&refused), "not-a-provider");
    assert_eq!(shown(&guest.open(house.at(&invitations)).await), "not-a-provider");

    let after = clinician.does("/revoke", &[("seat", &seat)]).await;
    assert_eq!(after.find("#invitation-list", None), None);
    assert_eq!(shown(&guest.open(waiting.url.clone()).await), "removed");
    let back = guest.fill_in(&waiting, &format!("{}/take", waiting.url.path()), &[]).await;
    assert_eq!((back.status, shown(&back).as_str()), (StatusCode::GONE, "guest-link-revoked"));
    assert_eq!(shown(&join(&mut guest, &url, "").await), "guest-link-revoked");

    house.anteroom.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn forged_and_expired_links_open_nothing() {
    let house = House::open().await;
    let mut clinician = house.clinician().await;
    let (url, _) = clinician.invites("patient", "nothing", "").await;
    for forged in ["x".to_owned(), "A".repeat(43), url.path().replace("/guest/", "").to_lowercase()] {
        let page = Browser::new().open(house.at(&format!("/guest/{forged}"))).await;
        assert_eq!((page.status, shown(&page).as_str()), (StatusCode::NOT_FOUND, "guest-link-unknown"));
    }

    // A form that our page did not give to this browser.
    let mut other = Browser::new();
    let door = Browser::new().open(url.clone()).await;
    assert_eq!(shown(&other.fill_in(&door, url.path(), &[]).await), "form-expired");

    let mut early = Browser::new();
    assert_eq!(shown(&join(&mut early, &url, "").await), "waiting");
    house.clock.advance(SignedDuration::from_hours(12));
    for browser in [&mut early, &mut Browser::new()] {
        let page = join(browser, &url, "").await;
        assert_eq!((page.status, shown(&page).as_str()), (StatusCode::GONE, "guest-link-expired"));
    }
    house.anteroom.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_tries_tokens_is_slowed_down() {
    let house = House::open().await;
    let mut stranger = Browser::new();
    for _ in 0..60 {
        assert_eq!(shown(&stranger.open(house.at("/guest/x")).await), "guest-link-unknown");
    }
    let page = stranger.open(house.at("/guest/x")).await;
    assert_eq!((page.status, shown(&page).as_str()), (StatusCode::TOO_MANY_REQUESTS, "too-many-requests"));
    assert_eq!(shown(&stranger.open(house.link(CLINICIAN)).await), "too-many-requests");
    house.clock.advance(SignedDuration::from_secs(2));
    assert_eq!(shown(&stranger.open(house.link(CLINICIAN)).await), "visit");
    house.anteroom.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn five_wrong_answers_lock_a_link() {
    let house = House::open().await;
    let mut clinician = house.clinician().await;
    let (url, code) = clinician.invites("proxy", "code", "").await;
    let code = code.expect("the code is shown");
    let wrong = if code.starts_with('0') { "111111" } else { "000000" };

    let mut guest = Browser::new();
    assert_eq!(shown(&join(&mut guest, &url, "12345").await), "guest", "no six digits: no try");
    for left in (2..=4).rev() {
        let page = join(&mut guest, &url, wrong).await;
        let words = page.find("[role=alert]", None).unwrap();
        assert_eq!(words, format!("That is not what we have. You can try {left} more times."));
    }
    let (other, code_of_other) = clinician.invites("proxy", "code", "").await;
    assert_eq!(shown(&join(&mut Browser::new(), &other, &code_of_other.unwrap()).await), "waiting");

    // Another browser has no tries of its own.
    let last = join(&mut Browser::new(), &url, wrong).await;
    assert!(last.find("[role=alert]", None).unwrap().ends_with("You can try once more."));
    let locked = join(&mut guest, &url, wrong).await;
    assert_eq!((locked.status, shown(&locked).as_str()), (StatusCode::FORBIDDEN, "guest-link-locked"));
    assert_eq!(shown(&join(&mut guest, &url, &code).await), "guest-link-locked");

    house.anteroom.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_date_of_birth_opens_a_link() {
    let house = House::open().await;
    let mut clinician = house.clinician().await;
    let unasked = clinician.does("", &[("role", "patient"), ("asks", "date-of-birth"), ("born", "")]).await;
    assert_eq!(unasked.find("[role=alert]", None).as_deref(), Some("Enter the person's date of birth."));
    let (url, _) = clinician.invites("patient", "date-of-birth", "1980-02-03").await;
    let mut patient = Browser::new();
    let wrong = join(&mut patient, &url, "1980-03-02").await;
    assert_eq!((shown(&wrong).as_str(), wrong.find("#answer[type=date]", None).is_some()), ("guest", true));
    assert_eq!(shown(&join(&mut patient, &url, "1980-02-03").await), "waiting");
    house.anteroom.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_encrypted_link_opens_once_in_its_time() {
    let house = House::open().await;
    let mut browser = Browser::new();
    let visit = browser.open(house.link(CLINICIAN)).await;
    assert_eq!(shown(&visit), "visit");
    assert!(visit.html.contains("Krishnan Ram"));
    let reloaded = browser.open(house.link(CLINICIAN)).await;
    assert_eq!(reloaded.url, visit.url, "people reload pages");
    let replayed = Browser::new().open(house.link(CLINICIAN)).await;
    assert_eq!((replayed.status, shown(&replayed).as_str()), (StatusCode::FORBIDDEN, "link-used"));

    // The same link in other words is the same link.
    let disguised = Browser::new().open(house.link(&format!("{CLINICIAN}&CustomData1=x"))).await;
    assert_eq!(shown(&disguised), "link-used");

    let patient = CLINICIAN.replace("ExternalIDType=1", "ExternalIDType=2").replace("165790", "165791");
    let waiting = Browser::new().open(house.link(&patient)).await;
    assert_eq!(shown(&waiting), "waiting");
    let people = browser.open(visit.url.clone()).await.find("#waiting-list .who strong", None);
    assert_eq!(people.as_deref(), Some("Krishnan Ram"), "both in one visit");

    let mut altered = house.link(&patient).to_string();
    let middle = altered.len() - 60;
    let letter = if &altered[middle..=middle] == "A" { "B" } else { "A" };
    altered.replace_range(middle..=middle, letter);
    assert_eq!(shown(&Browser::new().open(altered.parse().unwrap()).await), "link-refused");
    let elsewhere = house.link(&patient).to_string().replace("/link/lamna", "/link/without-links");
    assert_eq!(shown(&Browser::new().open(elsewhere.parse().unwrap()).await), "not-found");

    house.clock.advance(SignedDuration::from_mins(60));
    let late = browser.open(house.link(CLINICIAN)).await;
    assert_eq!((late.status, shown(&late).as_str()), (StatusCode::FORBIDDEN, "link-refused"));
    house.anteroom.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_without_time_opens_again_and_again_where_that_is_accepted() {
    let house = House::open().await;
    for _ in 0..2 {
        let page = Browser::new().open(house.at(&format!("/link/lamna?{TELEHEALTH}"))).await;
        assert_eq!(shown(&page), "waiting");
    }
    let other_account = TELEHEALTH.replace("account-1", "account-2");
    let page = Browser::new().open(house.at(&format!("/link/lamna?{other_account}"))).await;
    assert_eq!(shown(&page), "link-refused");
    house.anteroom.stop().await;
}
