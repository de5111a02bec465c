//! What holds of every answer, whoever asked for what.

use http::{Method, StatusCode, header};
use scraper::{Html, Selector};

use crate::{
    browser::Seen,
    ehr::Ehr,
    house::{HYPERSPACE, LAMNA, OTHER},
};

/// Pages that use camera and microphone.
const MEDIA_PAGES: [&str; 4] = ["waiting", "room", "visit", "device-test"];

/// Holds an answer against all that every answer must keep.
pub(crate) fn check(seen: &Seen, method: &Method, ehr: &Ehr) {
    headers(seen);
    cookies(seen);
    secrets(seen, ehr);
    if method == Method::HEAD {
        assert_eq!(seen.body, "");
    } else if seen.header("content-type").is_some_and(|kind| kind.starts_with("text/html")) {
        page(seen);
    } else if seen.status.is_client_error() {
        let is_json = seen.header("content-type") == Some("application/json");
        assert!(is_json, "{} was refused without a page: {} {}", seen.url, seen.status, seen.body);
    }
    if seen.status.is_server_error() {
        let told = [StatusCode::BAD_GATEWAY, StatusCode::SERVICE_UNAVAILABLE, StatusCode::NOT_IMPLEMENTED];
        assert!(told.contains(&seen.status), "{} failed: {}", seen.url, seen.summary());
    }
}

fn headers(seen: &Seen) {
    let header = |name: &str| seen.header(name).unwrap_or_else(|| panic!("{} has no {name}", seen.url));
    let policy = header("content-security-policy");
    assert!(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self';"), "{policy}");
    assert!(policy.contains("base-uri 'none'"), "{policy}");
    assert!(!policy.contains("unsafe") && !policy.contains('*'), "{policy}");
    let ancestors = policy.split("frame-ancestors ").nth(1).unwrap();
    assert!(ancestors == "'none'" || ancestors == HYPERSPACE, "{policy}");
    assert_eq!(header("x-content-type-options"), "nosniff");
    assert_eq!(header("referrer-policy"), "no-referrer");
    assert_eq!(header("cross-origin-opener-policy"), "same-origin");
    assert_eq!(header("cross-origin-resource-policy"), "same-origin");
    assert!(header("strict-transport-security").starts_with("max-age="));
    let is_public = seen.url.ends_with("/jwks.json") || seen.url.starts_with("/assets/");
    let cache = header("cache-control");
    assert!(cache.contains("no-store") || is_public || cache == "no-cache", "{}: {cache}", seen.url);
    let uses_media = seen.page().is_some_and(|page| MEDIA_PAGES.contains(&page.as_str()));
    let permissions = header("permissions-policy");
    let wanted = if uses_media { "camera=(self), microphone=(self)" } else { "camera=(), microphone=()" };
    assert!(permissions.starts_with(wanted), "{}: {permissions}", seen.url);
}

/// Cookies are for one purpose and path, out of scripts' reach, and in a frame
/// of no use elsewhere.
fn cookies(seen: &Seen) {
    for cookie in seen.headers.get_all(header::SET_COOKIE) {
        let cookie = cookie.to_str().unwrap();
        let attributes: Vec<_> = cookie.split("; ").skip(1).collect();
        let has = |attribute: &str| attributes.contains(&attribute);
        let says = |name: &str| attributes.iter().any(|attribute| attribute.starts_with(name));
        assert!(has("HttpOnly") && has("Secure") && says("Max-Age="), "{cookie}");
        assert!(says("Path=/") && !has("Path=/") && !says("Domain="), "{cookie}");
        assert!(has("SameSite=None") && has("Partitioned") || has("SameSite=Strict"), "{cookie}");
    }
}

/// No token, code, launch token or CSN in a page or an address, but on the
/// way to the EHR's authorization server.
fn secrets(seen: &Seen, ehr: &Ehr) {
    let location = seen.header("location").unwrap_or_default();
    let to_the_ehr = location.starts_with(&ehr.url("/oauth2/authorize?"));
    assert!(to_the_ehr || location.is_empty() || is_our_own(location), "{} leads to {location}", seen.url);
    for secret in ehr.secrets() {
        assert!(!seen.body.contains(&secret), "{} shows {secret}", seen.url);
        assert!(to_the_ehr || !location.contains(&secret), "{location} holds {secret}");
    }
}

fn is_our_own(location: &str) -> bool {
    let begin = |ehr: &str| format!("/ehr/{ehr}/");
    ["/seat/", "/device-test/", "/admin/", &begin(LAMNA), &begin(OTHER)]
        .iter()
        .any(|prefix| location.starts_with(prefix))
}

/// No script, style or handler of somebody else's making.
fn page(seen: &Seen) {
    let html = Html::parse_document(&seen.body);
    assert!(seen.page().is_some(), "{} has no data-page", seen.url);
    for script in html.select(&Selector::parse("script").unwrap()) {
        let source = script.attr("src").unwrap_or_default();
        assert!(source.starts_with("/assets/"), "{} has a foreign script", seen.url);
    }
    for element in html.select(&Selector::parse("*").unwrap()) {
        let element = element.value();
        assert!(!["iframe", "object", "embed", "base"].contains(&element.name()), "{}", seen.url);
        for (name, value) in element.attrs() {
            assert!(!name.starts_with("on") && name != "style", "{}: {name}", seen.url);
            let leads_out = ["href", "src", "action", "formaction"].contains(&name)
                && !value.starts_with('/')
                && !value.starts_with('#');
            assert!(!leads_out || value.starts_with("data:"), "{} leads to {value}", seen.url);
        }
    }
}
