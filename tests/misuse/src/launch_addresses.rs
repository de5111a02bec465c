//! Launch addresses as strangers and odd EHRs open them.

use std::collections::HashMap;

use http::Request;
use outside::{Random, testing::TestRandom};

use crate::{ehr::Place, house::LAMNA, launching::Launch, scene::Scene};

/// This address is refused and not one request leaves the program.
async fn refused(scene: &Scene, url: &str, code: &str) {
    let seen = scene.browser().get(url).await;
    scene.assert_refused(&seen, code).await;
    assert_eq!(scene.ehr.paths(), [] as [&str; 0]);
}

#[tokio::test]
async fn an_iss_that_nobody_configured() {
    let scene = Scene::open().await;
    let ours = scene.ehr.fhir_base();
    for iss in [
        scene.foreign.url("/api/FHIR/R5"),
        format!("{ours}/../R4"),
        format!("{ours}/x"),
        format!("{ours}%23"),
        format!("{ours}%3Fx"),
        ours.replace("/api/", "/API/"),
        ours.replace("http://", "http://127.0.0.1@"),
        ours.replace("http://", "https://"),
        ours.replace("127.0.0.1", "127.0.0.2"),
        "javascript:alert(1)".to_owned(),
        "file:///etc/passwd".to_owned(),
        "x".to_owned(),
        String::new(),
    ] {
        refused(&scene, &format!("/launch/provider?iss={iss}&launch=x"), "unknown-iss").await;
    }
}

#[tokio::test]
async fn an_iss_written_otherwise_is_the_same() {
    let scene = Scene::open().await;
    let ours = scene.ehr.fhir_base();
    for iss in [format!("{ours}/"), ours.replace("http", "HTTP")] {
        let url = format!("/launch/provider?iss={iss}&launch={}", Launch::PROVIDER.token());
        let begun = scene.browser().get(&url).await;
        // As received, since the authorization server compares it as text.
        let aud = url::form_urlencoded::byte_serialize(iss.as_bytes()).collect::<String>();
        assert!(begun.location().contains(&format!("&aud={aud}&")), "{}", begun.location());
    }
}

#[tokio::test]
async fn a_parameter_twice() {
    let scene = Scene::open().await;
    let url = scene.launch_url(Launch::PROVIDER);
    let theirs = scene.foreign.url("/");
    for doubled in [format!("&iss={theirs}"), "&launch=other".to_owned()] {
        refused(&scene, &format!("{url}{doubled}"), "launch-incomplete").await;
        let fields = format!("{}{doubled}", url.split_once('?').unwrap().1);
        let form =
            Request::post("/launch/provider").header("content-type", "application/x-www-form-urlencoded");
        let seen = scene.browser().send(form, fields.into()).await;
        scene.assert_refused(&seen, "launch-incomplete").await;
    }
}

#[tokio::test]
async fn a_missing_parameter() {
    let scene = Scene::open().await;
    let base = scene.ehr.fhir_base();
    for query in ["", "?launch=x", &format!("?iss={base}"), &format!("?iss={base}&launch=")] {
        let seen = scene.browser().get(&format!("/launch/provider{query}")).await;
        scene.assert_refused(&seen, "launch-incomplete").await;
    }
}

#[tokio::test]
async fn a_launch_token_that_is_none() {
    let scene = Scene::open().await;
    let base = scene.ehr.fhir_base();
    let long = "x".repeat(8193);
    for launch in ["%00", "x%0d%0aLocation:%20https://evil.example", &long] {
        refused(&scene, &format!("/launch/provider?iss={base}&launch={launch}"), "launch-incomplete").await;
    }
}

#[tokio::test]
async fn a_launch_token_that_would_add_parameters() {
    let scene = Scene::open().await;
    let base = scene.ehr.fhir_base();
    let url = format!("/launch/provider?iss={base}&launch=x%26redirect_uri%3Dhttps%3A%2F%2Fevil.example");
    let begun = scene.browser().get(&url).await;
    let authorize = url::Url::parse(begun.location()).unwrap();
    let redirects: Vec<_> =
        authorize.query_pairs().filter(|(name, _)| name == "redirect_uri").map(|(_, uri)| uri).collect();
    assert_eq!(redirects, [format!("https://visits.example.org/ehr/{LAMNA}/callback")]);
}

#[tokio::test]
async fn no_such_entrance() {
    let scene = Scene::open().await;
    for entrance in ["admin", "Provider", "..%2fprovider", "%00"] {
        refused(&scene, &format!("/launch/{entrance}?iss=x&launch=x"), "not-found").await;
    }
}

#[tokio::test]
async fn a_form_larger_than_any() {
    let scene = Scene::open().await;
    let large = "x".repeat(200 << 10);
    let base = scene.ehr.fhir_base();
    let seen = scene.browser().post("/launch/provider", &[("iss", &base), ("launch", &large)]).await;
    scene.assert_refused(&seen, "launch-incomplete").await;
    assert_eq!(scene.ehr.paths(), [] as [&str; 0]);
}

/// What stands in `Host` or in headers of proxies has no say in where the EHR
/// sends people back.
#[tokio::test]
async fn a_host_header_of_somebody_else() {
    let scene = Scene::open().await;
    let request = Request::get(scene.launch_url(Launch::PROVIDER))
        .header("host", "evil.example")
        .header("x-forwarded-host", "evil.example")
        .header("forwarded", "host=evil.example");
    let begun = scene.browser().send(request, axum::body::Body::empty()).await;
    assert!(!begun.location().contains("evil.example"), "{}", begun.location());
}

/// Clinicians have several charts open. Whatever order the launches end in,
/// each opens its own patient's visit.
#[tokio::test]
async fn fifty_launches_side_by_side_in_one_browser() {
    for seed in 1..=2 {
        let scene = Scene::open().await;
        let mut browser = scene.browser();
        let mut callbacks = Vec::new();
        for number in 1..=50 {
            callbacks.push((number, scene.approved(&mut browser, Launch::provider(number)).await));
        }
        shuffle(&mut callbacks, seed);
        let mut seats = HashMap::new();
        for (number, callback) in callbacks {
            let seat = browser.get(&callback).await.location().to_owned();
            assert!(seats.insert(seat, number).is_none(), "two launches got one seat");
        }
        for (seat, number) in seats {
            let page = browser.get(&seat).await;
            assert_eq!(page.text("h1"), Some(format!("Doe, Jane {number}")));
        }
        assert_eq!(scene.ehr.asked(Place::Token), 50);
        assert_eq!(scene.house.visits_and_seats().await, (50, 50));
        let left: Vec<_> =
            browser.cookie_names().into_iter().filter(|name| name.starts_with("anteroom-launch-")).collect();
        assert_eq!(left, [] as [&str; 0], "launches leave no cookies behind");
    }
}

/// Fisher and Yates, the same for the same seed.
fn shuffle<T>(items: &mut [T], seed: u64) {
    let random = TestRandom::seeded(seed);
    for at in (1..items.len()).rev() {
        let mut bytes = [0; 8];
        random.fill(&mut bytes);
        let with = u64::from_le_bytes(bytes) % (at as u64 + 1);
        items.swap(at, usize::try_from(with).unwrap());
    }
}
