//! The whole program on a temporary folder and free ports, with the simulated
//! EHR beside it, walked through by plain HTTP.

use std::path::PathBuf;

use reqwest::StatusCode;
use sandbox::LaunchKind;

use super::*;
use crate::test_browser::Browser;

fn options(data_dir: PathBuf) -> DemoOptions {
    let any_port = Some(SocketAddr::from(([127, 0, 0, 1], 0)));
    DemoOptions {
        listen: any_port,
        ehr_listen: any_port,
        data_dir: Some(data_dir),
        database_url: None,
        media_port: Some(0),
        ready_file: None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_patient_waits_and_a_clinician_lets_them_in() {
    crate::outgoing::choose_cryptography();
    let folder = tempfile::tempdir().unwrap();
    let demo = Demo::start(&options(folder.path().join("data")), Outside::real()).await.unwrap();
    let launch = |kind, user| demo.ehr.launch_url(kind, user, Some("ana-now")).unwrap();

    let (mut ana, mut finn) = (Browser::new(), Browser::new());
    let waiting = ana.open(launch(LaunchKind::Patient, "ana")).await;
    assert_eq!(waiting.status, StatusCode::OK, "{}", waiting.body("data-error"));
    assert_eq!(waiting.body("data-page"), "waiting");
    assert!(waiting.url.path().starts_with("/seat/"));

    let visit = finn.open(launch(LaunchKind::Provider, "finn")).await;
    assert_eq!(visit.body("data-page"), "visit", "{}", visit.body("data-error"));
    finn.submit(&visit, &format!("{}/admit-all", visit.url.path())).await;

    let again = ana.open(waiting.url.clone()).await;
    assert_eq!((again.status, again.body("data-page").as_str()), (StatusCode::OK, "room"));

    let ready = ana.open(Url::parse(&demo.welcome.anteroom).unwrap().join("/readyz").unwrap()).await;
    assert_eq!((ready.status, ready.html.as_str()), (StatusCode::OK, "ready\n"));
    demo.run_until(async {}).await.unwrap();
    assert!(folder.path().join("data/anteroom.toml").exists(), "a folder that was named is kept");
}
