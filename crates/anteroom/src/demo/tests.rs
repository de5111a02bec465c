//! The whole program on a temporary folder and free ports, with the simulated
//! EHR beside it, walked through by plain HTTP.

use std::{collections::HashMap, path::PathBuf};

use reqwest::{Method, StatusCode, header};
use sandbox::LaunchKind;
use scraper::{Html, Selector};

use super::*;

/// A browser without scripts: follows redirects, keeps cookies by their path.
struct Browser {
    http: reqwest::Client,
    cookies: HashMap<String, (String, String)>,
}

struct Page {
    status: StatusCode,
    url: Url,
    html: String,
}

impl Browser {
    fn new() -> Self {
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Self { http, cookies: HashMap::new() }
    }

    async fn open(&mut self, url: Url) -> Page {
        self.go(Method::GET, url, None).await
    }

    async fn submit(&mut self, page: &Page, path: &str) -> Page {
        let csrf = page.csrf();
        self.go(Method::POST, page.url.join(path).unwrap(), Some(format!("csrf={csrf}"))).await
    }

    #[expect(clippy::disallowed_methods, reason = "a browser is no part of the program")]
    async fn go(&mut self, mut method: Method, mut url: Url, mut form: Option<String>) -> Page {
        for _ in 0..10 {
            let mut request =
                self.http.request(method, url.clone()).header(header::COOKIE, self.cookies_for(&url));
            if let Some(form) = form.take() {
                let form_type = "application/x-www-form-urlencoded";
                let origin = url.origin().ascii_serialization();
                request =
                    request.header(header::CONTENT_TYPE, form_type).header(header::ORIGIN, origin).body(form);
            }
            let response = request.send().await.unwrap();
            let status = response.status();
            self.keep_cookies(response.headers());
            let Some(location) = response.headers().get(header::LOCATION) else {
                return Page { status, url, html: response.text().await.unwrap() };
            };
            url = url.join(location.to_str().unwrap()).unwrap();
            method = Method::GET;
        }
        panic!("too many redirects, at {}", url.path());
    }

    fn cookies_for(&self, url: &Url) -> String {
        let fits = |path: &str| url.path().starts_with(path);
        let cookies = self.cookies.iter().filter(|(_, (path, _))| fits(path));
        cookies.map(|(name, (_, value))| format!("{name}={value}")).collect::<Vec<_>>().join("; ")
    }

    fn keep_cookies(&mut self, headers: &header::HeaderMap) {
        for cookie in headers.get_all(header::SET_COOKIE) {
            let cookie = cookie.to_str().unwrap();
            let (name, value) = cookie.split(';').next().unwrap().split_once('=').unwrap();
            let path = cookie.split("Path=").nth(1).unwrap().split(';').next().unwrap();
            self.cookies.insert(name.to_owned(), (path.to_owned(), value.to_owned()));
        }
    }
}

impl Page {
    fn body(&self, attribute: &str) -> String {
        let html = Html::parse_document(&self.html);
        let body = html.select(&Selector::parse("body").unwrap()).next().expect("a page has a body");
        body.attr(attribute).unwrap_or_default().to_owned()
    }

    fn csrf(&self) -> String {
        let html = Html::parse_document(&self.html);
        let field = html.select(&Selector::parse("input[name=csrf]").unwrap()).next();
        field.expect("the page has a form").attr("value").unwrap_or_default().to_owned()
    }
}

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
