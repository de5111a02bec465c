//! How often strangers may knock.

use http::Request;
use jiff::SignedDuration;
use serde_json::json;

use crate::{
    browser::{Browser, Seen},
    house::PROXY,
    launching::Launch,
    scene::Scene,
};

/// More than any door takes at once.
const CROWD: usize = 1000;

/// Knocks until it is told to come later.
async fn knock_until_refused(browser: &mut Browser, url: &str) -> Seen {
    for _ in 0..CROWD {
        let seen = browser.get(url).await;
        if seen.status == 429 {
            return seen;
        }
    }
    panic!("{CROWD} requests were all taken")
}

fn assert_told_when(seen: &Seen) -> u64 {
    assert_eq!((seen.status.as_u16(), seen.data("error").as_deref()), (429, Some("too-many-requests")));
    let wait = seen.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=60).contains(&wait), "{wait}");
    wait
}

#[tokio::test]
async fn a_flood_of_launches() {
    let scene = Scene::open().await;
    let mut flooding = scene.browser_at("198.51.100.7");
    let refused = knock_until_refused(&mut flooding, "/launch/provider").await;
    let wait = assert_told_when(&refused);

    // Others go on.
    scene.seated(&mut scene.browser_at("198.51.100.8"), Launch::PROVIDER).await;
    // And so does this one, when it is time.
    scene.advance(SignedDuration::from_secs(i64::try_from(wait).unwrap()));
    scene.seated(&mut flooding, Launch::PROVIDER).await;
}

#[tokio::test]
async fn a_flood_of_callbacks() {
    let scene = Scene::open().await;
    let refused = knock_until_refused(&mut scene.browser(), "/ehr/lamna/callback?code=x&state=y").await;
    assert_told_when(&refused);
    assert_eq!(scene.ehr.paths(), [] as [&str; 0]);
}

#[tokio::test]
async fn an_address_that_it_only_claims() {
    let scene = Scene::open().await;
    let mut flooding = scene.browser();
    knock_until_refused(&mut flooding, "/launch/provider").await;
    for claimed in ["203.0.113.9", "127.0.0.1", "::1"] {
        let request = Request::get("/launch/provider").header("x-forwarded-for", claimed);
        assert_told_when(&flooding.send(request, axum::body::Body::empty()).await);
    }
}

/// Behind a proxy that the operator named, people are told apart, and what
/// they write into the header themselves does not count.
#[tokio::test]
async fn an_address_behind_a_known_proxy() {
    let scene = Scene::open().await;
    let mut proxy = scene.browser_at(PROXY);
    let mut from = async |forwarded: &str| {
        let request = Request::get("/launch/provider").header("x-forwarded-for", forwarded);
        proxy.send(request, axum::body::Body::empty()).await.status.as_u16()
    };
    let mut refused = false;
    for claimed in 0..CROWD {
        refused |= from(&format!("10.0.{}.{}, 203.0.113.9", claimed / 250, claimed % 250)).await == 429;
        if refused {
            break;
        }
    }
    assert!(refused);
    assert_eq!(from("203.0.113.10").await, 400);
}

#[tokio::test]
async fn neighbours_in_one_ipv6_network() {
    let scene = Scene::open().await;
    knock_until_refused(&mut scene.browser_at("2001:db8::1"), "/launch/provider").await;
    assert_told_when(&scene.browser_at("2001:db8::ffff").get("/launch/provider").await);
    assert_eq!(scene.browser_at("2001:db8:0:1::1").get("/launch/provider").await.status, 400);
}

#[tokio::test]
async fn a_flood_of_connection_checks() {
    let scene = Scene::open().await;
    let mut browser = scene.browser();
    let offer = json!({ "sdp": "x", "transport": "udp" });
    for _ in 0..CROWD {
        let seen = browser.script("/device-test/connection", "", &offer).await;
        if seen.status == 429 {
            assert_eq!(seen.json()["code"], "too-many-requests");
            return;
        }
    }
    panic!("{CROWD} checks were all taken")
}

#[tokio::test]
async fn a_flood_of_event_streams() {
    let scene = Scene::open().await;
    let mut browser = scene.browser();
    let seat = scene.seated(&mut browser, Launch::PATIENT).await;
    let mut open = Vec::new();
    for _ in 0..CROWD {
        let (status, stream) = browser.listen(&format!("{seat}/events")).await;
        if status == 429 {
            assert!(open.len() < 20, "{} streams", open.len());
            // The page itself still opens, and a closed stream makes room.
            assert_eq!(browser.get(&seat).await.page().as_deref(), Some("waiting"));
            open.pop();
            assert_eq!(browser.listen(&format!("{seat}/events")).await.0, 200);
            return;
        }
        open.push(stream);
    }
    panic!("{CROWD} streams were all opened")
}
