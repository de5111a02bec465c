//! A browser for tests of the whole program.

use std::collections::HashMap;

use reqwest::{Method, StatusCode, header};
use scraper::{Html, Selector};
use url::{Url, form_urlencoded};

/// A browser without scripts: follows redirects, keeps cookies by their path.
pub(crate) struct Browser {
    http: reqwest::Client,
    cookies: HashMap<String, (String, String)>,
}

/// What a browser shows.
pub(crate) struct Page {
    pub(crate) status: StatusCode,
    pub(crate) url: Url,
    pub(crate) html: String,
}

impl Browser {
    pub(crate) fn new() -> Self {
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Self { http, cookies: HashMap::new() }
    }

    pub(crate) async fn open(&mut self, url: Url) -> Page {
        self.go(Method::GET, url, None).await
    }

    pub(crate) async fn submit(&mut self, page: &Page, path: &str) -> Page {
        self.fill_in(page, path, &[]).await
    }

    /// Sends a form of this page with these fields beside its token.
    pub(crate) async fn fill_in(&mut self, page: &Page, path: &str, fields: &[(&str, &str)]) -> Page {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("csrf", &page.csrf()).extend_pairs(fields);
        self.go(Method::POST, page.url.join(path).unwrap(), Some(form.finish())).await
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
    pub(crate) fn body(&self, attribute: &str) -> String {
        let html = Html::parse_document(&self.html);
        let body = html.select(&Selector::parse("body").unwrap()).next().expect("a page has a body");
        body.attr(attribute).unwrap_or_default().to_owned()
    }

    /// The attribute of the element that this selector finds, or its text.
    pub(crate) fn find(&self, selector: &str, attribute: Option<&str>) -> Option<String> {
        let html = Html::parse_document(&self.html);
        let element = html.select(&Selector::parse(selector).unwrap()).next()?;
        match attribute {
            Some(attribute) => element.attr(attribute).map(str::to_owned),
            None => Some(element.text().collect::<String>().split_whitespace().collect::<Vec<_>>().join(" ")),
        }
    }

    pub(crate) fn csrf(&self) -> String {
        let html = Html::parse_document(&self.html);
        let field = html.select(&Selector::parse("input[name=csrf]").unwrap()).next();
        field.expect("the page has a form").attr("value").unwrap_or_default().to_owned()
    }
}
