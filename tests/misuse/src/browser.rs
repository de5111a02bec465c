//! A browser: cookies, an address, and what it sees.

use std::net::{IpAddr, SocketAddr};

use axum::{Router, body::Body, extract::ConnectInfo};
use http::{HeaderMap, Method, Request, StatusCode, header};
use http_body_util::BodyExt;
use scraper::{Html, Selector};
use serde_json::Value;
use tower::ServiceExt;
use url::form_urlencoded;

use crate::{ehr::Ehr, everywhere};

/// One browser, with cookies of its own. A clone shares nothing with it.
#[derive(Clone)]
pub(crate) struct Browser {
    router: Router,
    /// Whose secrets must not be seen.
    ehr: Ehr,
    pub(crate) address: IpAddr,
    cookies: Vec<Cookie>,
}

#[derive(Clone)]
struct Cookie {
    name: String,
    value: String,
    path: String,
}

impl Browser {
    pub(crate) fn new(router: &Router, ehr: &Ehr, address: IpAddr) -> Self {
        Self { router: router.clone(), ehr: ehr.clone(), address, cookies: Vec::new() }
    }

    pub(crate) async fn get(&mut self, url: &str) -> Seen {
        self.send(Request::get(url), Body::empty()).await
    }

    /// Sends a form.
    pub(crate) async fn post(&mut self, url: &str, fields: &[(&str, &str)]) -> Seen {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let request = Request::post(url).header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        self.send(request, body.into()).await
    }

    /// Sends JSON as a page's script does.
    pub(crate) async fn script(&mut self, url: &str, csrf: &str, body: &Value) -> Seen {
        let request = Request::post(url)
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::ACCEPT, "application/json")
            .header("x-csrf-token", csrf);
        self.send(request, body.to_string().into()).await
    }

    pub(crate) async fn by(&mut self, method: Method, url: &str) -> Seen {
        self.send(Request::builder().method(method).uri(url), Body::empty()).await
    }

    pub(crate) async fn send(&mut self, request: http::request::Builder, body: Body) -> Seen {
        let peer = SocketAddr::new(self.address, 50_000);
        let mut request = request.extension(ConnectInfo(peer)).body(body).unwrap();
        let (url, method) = (request.uri().to_string(), request.method().clone());
        if let Some(cookies) = self.cookies_for(request.uri().path()) {
            request.headers_mut().insert(header::COOKIE, cookies.parse().unwrap());
        }
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = read(&parts.headers, body).await;
        let seen = Seen { url, status: parts.status, headers: parts.headers, body };
        everywhere::check(&seen, &method, &self.ehr);
        self.keep_cookies(&seen.headers);
        seen
    }

    /// The names of the cookies that it holds.
    pub(crate) fn cookie_names(&self) -> Vec<&str> {
        self.cookies.iter().map(|cookie| cookie.name.as_str()).collect()
    }

    /// The value of its cookie whose name begins so.
    pub(crate) fn cookie(&self, prefix: &str) -> String {
        let cookie = self.cookies.iter().find(|cookie| cookie.name.starts_with(prefix));
        cookie.map(|cookie| cookie.value.clone()).unwrap()
    }

    /// Makes itself a cookie that nobody gave it.
    pub(crate) fn forge_cookie(&mut self, name: &str, value: &str, path: &str) {
        let [name, value, path] = [name, value, path].map(str::to_owned);
        self.cookies.push(Cookie { name, value, path });
    }

    /// Opens an event stream and keeps it open.
    pub(crate) async fn listen(&self, url: &str) -> (StatusCode, Body) {
        let mut request = Request::get(url).body(Body::empty()).unwrap();
        if let Some(cookies) = self.cookies_for(request.uri().path()) {
            request.headers_mut().insert(header::COOKIE, cookies.parse().unwrap());
        }
        let response = self.router.clone().oneshot(request).await.unwrap();
        (response.status(), response.into_body())
    }

    fn cookies_for(&self, path: &str) -> Option<String> {
        let sent: Vec<_> = self
            .cookies
            .iter()
            .filter(|cookie| path == cookie.path || path.starts_with(&format!("{}/", cookie.path)))
            .map(|cookie| format!("{}={}", cookie.name, cookie.value))
            .collect();
        (!sent.is_empty()).then(|| sent.join("; "))
    }

    fn keep_cookies(&mut self, headers: &HeaderMap) {
        for set in headers.get_all(header::SET_COOKIE) {
            let mut parts = set.to_str().unwrap().split("; ");
            let (name, value) = parts.next().unwrap().split_once('=').unwrap();
            let attribute = |name: &str| {
                let mut attributes = set.to_str().unwrap().split("; ").skip(1);
                attributes.find_map(|one| one.strip_prefix(name).map(str::to_owned))
            };
            let path = attribute("Path=").unwrap();
            self.cookies.retain(|cookie| cookie.name != name || cookie.path != path);
            if attribute("Max-Age=").as_deref() != Some("0") {
                self.cookies.push(Cookie { name: name.to_owned(), value: value.to_owned(), path });
            }
        }
    }
}

/// The whole body; of an event stream, what it says first.
async fn read(headers: &HeaderMap, mut body: Body) -> String {
    let is_stream = headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind == "text/event-stream");
    let bytes = if is_stream {
        body.frame().await.map(|frame| frame.unwrap().into_data().unwrap()).unwrap_or_default()
    } else {
        body.collect().await.unwrap().to_bytes()
    };
    String::from_utf8_lossy(&bytes).into_owned()
}

/// What a browser got.
#[derive(Debug)]
pub(crate) struct Seen {
    /// What it asked for.
    pub(crate) url: String,
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// Where it is sent.
    pub(crate) fn location(&self) -> &str {
        self.header("location").unwrap_or_else(|| panic!("no Location: {} {}", self.status, self.summary()))
    }

    /// `data-page`, `data-state` and the like.
    pub(crate) fn data(&self, name: &str) -> Option<String> {
        self.attribute("body", &format!("data-{name}"))
    }

    pub(crate) fn page(&self) -> Option<String> {
        self.data("page")
    }

    pub(crate) fn attribute(&self, selector: &str, name: &str) -> Option<String> {
        let selector = Selector::parse(selector).unwrap();
        let html = Html::parse_document(&self.body);
        html.select(&selector).next()?.attr(name).map(str::to_owned)
    }

    /// The text of the first element that fits.
    pub(crate) fn text(&self, selector: &str) -> Option<String> {
        let selector = Selector::parse(selector).unwrap();
        let html = Html::parse_document(&self.body);
        Some(html.select(&selector).next()?.text().collect::<String>().trim().to_owned())
    }

    /// The CSRF token of the page's forms.
    pub(crate) fn csrf(&self) -> String {
        self.attribute("input[name=csrf]", "value").unwrap_or_else(|| panic!("no form: {}", self.summary()))
    }

    /// `code` of a JSON answer.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {}", self.summary()))
    }

    pub(crate) fn summary(&self) -> String {
        format!("{:?} {:?} {:?}", self.page(), self.data("error"), self.text("h1"))
    }
}
