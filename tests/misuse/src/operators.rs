//! Operators' pages, tried by others.

use jiff::SignedDuration;

use crate::{browser::Browser, browser::Seen, scene::Scene};

const PASSWORD: &str = "correct horse battery staple";

async fn signs_in(browser: &mut Browser, user: &str, password: &str) -> Seen {
    let csrf = browser.get("/admin/login").await.csrf();
    browser.post("/admin/login", &[("csrf", &csrf), ("user", user), ("password", password)]).await
}

async fn with_an_operator() -> (Scene, Browser) {
    let scene = Scene::open().await;
    scene.house.employ("operator", PASSWORD).await;
    let browser = scene.browser();
    (scene, browser)
}

async fn is_in(browser: &mut Browser) -> bool {
    browser.get("/admin/notifications").await.page().as_deref() == Some("admin-notifications")
}

#[tokio::test]
async fn without_signing_in() {
    let (_scene, mut browser) = with_an_operator().await;
    assert_eq!(browser.get("/admin/notifications").await.location(), "/admin/login");
    for value in ["", "x", "' OR 1=1 --", &"A".repeat(43)] {
        browser.forge_cookie("anteroom-operator", value, "/admin");
        assert!(!is_in(&mut browser).await);
    }
    let retried = browser.post("/admin/notifications/1/retry", &[("csrf", "x")]).await;
    assert_eq!(retried.location(), "/admin/login");
}

#[tokio::test]
async fn a_wrong_password_tells_nothing() {
    let (_scene, mut browser) = with_an_operator().await;
    let known = signs_in(&mut browser, "operator", "wrong").await;
    let unknown = signs_in(&mut browser, "nobody", "wrong").await;
    assert_eq!((known.status.as_u16(), unknown.status.as_u16()), (401, 401));
    let told = |seen: &Seen| seen.text("main").unwrap();
    assert_eq!(told(&known), told(&unknown));
    assert!(!is_in(&mut browser).await);
}

#[tokio::test]
async fn without_the_form_s_own_token() {
    let (_scene, mut browser) = with_an_operator().await;
    let fields = [("csrf", "x"), ("user", "operator"), ("password", PASSWORD)];
    assert_eq!(browser.post("/admin/login", &fields).await.data("error").as_deref(), Some("form-expired"));
    browser.get("/admin/login").await;
    assert_eq!(browser.post("/admin/login", &fields).await.data("error").as_deref(), Some("form-expired"));
    assert!(!is_in(&mut browser).await);
}

#[tokio::test]
async fn again_and_again() {
    let (scene, mut browser) = with_an_operator().await;
    let csrf = browser.get("/admin/login").await.csrf();
    let guess = async |browser: &mut Browser| {
        browser.post("/admin/login", &[("csrf", &csrf), ("user", "operator"), ("password", "guess")]).await
    };
    let mut last = guess(&mut browser).await;
    for _ in 0..20 {
        if last.status == 429 {
            break;
        }
        last = guess(&mut browser).await;
    }
    assert_eq!(last.data("error").as_deref(), Some("too-many-requests"));
    assert!(last.header("retry-after").is_some());
    // The right password, too, has to wait; elsewhere it works.
    assert_eq!(signs_in(&mut browser, "operator", PASSWORD).await.status, 429);
    let mut elsewhere = scene.browser_at("198.51.100.9");
    signs_in(&mut elsewhere, "operator", PASSWORD).await;
    assert!(is_in(&mut elsewhere).await);
}

#[tokio::test]
async fn a_session_ends() {
    let (scene, mut browser) = with_an_operator().await;
    signs_in(&mut browser, "operator", PASSWORD).await;
    let mut copy = browser.clone();
    let csrf = browser.get("/admin/notifications").await.csrf();
    let forged = browser.post("/admin/logout", &[("csrf", "x")]).await;
    assert_eq!(forged.data("error").as_deref(), Some("form-expired"));
    assert!(is_in(&mut copy).await);
    browser.post("/admin/logout", &[("csrf", &csrf)]).await;
    assert!(!is_in(&mut copy).await, "a copied cookie outlives the sign-out");

    signs_in(&mut browser, "operator", PASSWORD).await;
    assert!(is_in(&mut browser).await);
    scene.advance(SignedDuration::from_hours(8));
    assert!(!is_in(&mut browser).await);
}
