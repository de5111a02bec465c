use http::{StatusCode, header};
use scraper::{Html, Selector};
use serde_json::json;
use url::Url;

use crate::{
    launch::LaunchKind,
    status::Connected,
    testing::{Answer, Bench},
};

fn page(answer: &Answer) -> Html {
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    Html::parse_document(&answer.text)
}

fn count(page: &Html, selector: &str) -> usize {
    page.select(&Selector::parse(selector).unwrap()).count()
}

fn text(page: &Html, selector: &str) -> String {
    let found = page.select(&Selector::parse(selector).unwrap()).next();
    let text: String = found.expect(selector).text().collect();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn every_page_says_that_it_is_no_real_ehr() {
    let bench = Bench::new();

    for path in ["/", "/hyperspace?user=finn", "/mychart?user=keiko"] {
        let page = page(&bench.get(path).await);
        assert_eq!(text(&page, ".simulated"), "Simulated EHR. Invented people. Not for real patients.");
        assert_eq!(count(&page, "main h1, header h1"), 1, "{path}");
        assert_eq!(count(&page, "body[data-page]"), 1, "{path}");
    }
    let refused = bench.get("/interconnect/oauth2/authorize").await;
    assert!(refused.text.contains("Not for real patients"));
}

#[tokio::test]
async fn the_index_leads_to_everybody() {
    let bench = Bench::new();

    let page = page(&bench.get("/").await);

    let links = Selector::parse("a[data-person]").unwrap();
    for link in page.select(&links) {
        let path = link.value().attr("href").unwrap();
        assert_eq!(bench.get(path).await.status, StatusCode::OK, "{path}");
    }
    assert_eq!(count(&page, "a[data-person]"), crate::User::all().count());
}

#[tokio::test]
async fn the_schedule_shows_own_visits_and_no_button_on_a_cancelled_one() {
    let bench = Bench::new();

    let page = page(&bench.get("/hyperspace?user=finn").await);

    assert_eq!(count(&page, ".visit"), 4);
    assert_eq!(text(&page, "[data-appointment=ana-now] .when"), "Today 2:05 PM");
    assert_eq!(text(&page, "[data-appointment=grace-tomorrow] .when"), "Tomorrow 2:00 PM");
    assert_eq!(count(&page, "[data-appointment=ana-now] button[data-open=provider]"), 1);
    assert_eq!(count(&page, "[data-appointment=jon-cancelled] button"), 0);
}

#[tokio::test]
async fn a_group_visit_is_one_row_with_all_its_patients() {
    let bench = Bench::new();

    let page = page(&bench.get("/hyperspace?user=okafor").await);

    assert_eq!(count(&page, ".visit"), 1);
    assert_eq!(count(&page, ".patients li"), 3);
    assert_eq!(count(&page, "button[data-open=provider]"), 1);
}

#[tokio::test]
async fn the_lights_tell_in_words_who_is_connected() {
    let bench = Bench::new();
    let light = "[data-appointment=ana-now] [data-person=ana]";
    let dark = page(&bench.get("/hyperspace?user=finn").await);
    assert_eq!(text(&dark, light), "Patient: not connected");

    let conference_id = bench.ehr.day().find("ana-now").unwrap().conference_id.clone();
    bench.ehr.status.set_connected(Connected { conference_id: conference_id.clone(), person: "ana" }, true);

    let lit = page(&bench.get("/hyperspace?user=finn").await);
    assert_eq!(text(&lit, light), "Patient: connected");
    assert_eq!(count(&lit, "[data-state=connected]"), 1);
    let polled = bench.get("/sandbox/lights").await.json();
    assert_eq!(polled, json!([{"conference_id": conference_id, "person": "ana"}]));
}

#[tokio::test]
async fn a_visit_opens_in_a_frame_with_its_permissions_or_in_a_tab() {
    let bench = Bench::new();

    let framed = page(&bench.get("/hyperspace?user=finn&open=in-page").await);
    let allow = "camera *; microphone *; display-capture *; autoplay *; fullscreen *; speaker-selection *";
    assert_eq!(count(&framed, &format!("iframe[name=visit][allow=\"{allow}\"]")), 1);
    assert_eq!(count(&framed, "form[target=visit]"), count(&framed, "form"));

    let tabbed = page(&bench.get("/mychart?user=ana&open=in-tab").await);
    assert_eq!(count(&tabbed, "iframe"), 0);
    assert_eq!(count(&tabbed, "form[target=_blank]"), count(&tabbed, "form"));
}

#[tokio::test]
async fn a_proxy_sees_for_whom_a_visit_is() {
    let bench = Bench::new();

    let page = page(&bench.get("/mychart?user=keiko").await);

    assert_eq!(text(&page, "[data-appointment=mia-now] h2"), "Video Visit with Lena Brandt, NP");
    assert_eq!(text(&page, "[data-appointment=mia-now] p"), "Today at 2:05 PM, for Mia Nakamura");
}

#[tokio::test]
async fn a_button_opens_the_app_with_iss_and_a_launch_that_works() {
    let bench = Bench::new();
    let click = [("kind", "device-test"), ("user", "ana"), ("appointment", "ana-now")];

    let answer = bench.post_form("/sandbox/open", &click).await;

    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    let url: Url = answer.headers[header::LOCATION].to_str().unwrap().parse().unwrap();
    assert_eq!(url.path(), "/launch/device-test");
    assert_eq!(answer.redirect_parameter("iss"), Some(bench.ehr.urls.fhir()));
    bench.code(&answer.redirect_parameter("launch").unwrap()).await;
}

#[tokio::test]
async fn nobody_opens_what_is_not_theirs() {
    let bench = Bench::new();
    for (kind, user, appointment) in [
        ("patient", "walter", "ana-now"),
        ("provider", "ana", "ana-now"),
        ("patient", "finn", "ana-now"),
        ("patient", "nobody", "ana-now"),
        ("patient", "ana", "never"),
    ] {
        let click = [("kind", kind), ("user", user), ("appointment", appointment)];
        assert_eq!(bench.post_form("/sandbox/open", &click).await.status, StatusCode::BAD_REQUEST);
    }
}

#[tokio::test]
async fn a_cancelled_visit_can_still_be_launched_by_a_script() {
    let bench = Bench::new();
    let click = json!({"kind": "patient", "user": "jon", "appointment": "jon-cancelled"});

    let answer = bench.post_json("/sandbox/control/launch", &click).await.json();

    assert!(answer["url"].as_str().unwrap().starts_with("http://127.0.0.1:8080/launch/patient?iss=http"));
}

#[tokio::test]
async fn new_visits_replace_the_old() {
    let bench = Bench::new();
    let before = bench.get("/sandbox/control/visits").await.json();
    bench.clock.advance(jiff::SignedDuration::from_hours(5));

    assert_eq!(bench.post_form("/sandbox/reset", &[]).await.status, StatusCode::SEE_OTHER);

    let after = bench.get("/sandbox/control/visits").await.json();
    assert_eq!(before[0]["key"], after[0]["key"]);
    assert_ne!(before[0]["csn"], after[0]["csn"]);
    assert_eq!(after[0]["start"], "2026-11-22T01:05:00Z");
}

#[tokio::test]
async fn a_launch_without_a_visit_tells_the_person_only() {
    let bench = Bench::new();

    let patient = bench.launch(LaunchKind::Patient, "walter", None).await;
    let provider = bench.launch(LaunchKind::Provider, "finn", None).await;

    assert!(patient["patient"].is_string());
    assert_eq!(provider.get("patient"), None);
    assert_eq!((&patient["sessionId"], &provider["sessionId"]), (&json!(""), &json!("")));
}
