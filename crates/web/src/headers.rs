//! Security headers, in one place.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, header},
    middleware::Next,
    response::Response,
};
use url::Url;

use crate::state::{AppState, Ehr};

/// Marks an answer that this EHR connection's pages may embed.
#[derive(Debug, Clone)]
pub(crate) struct Framed(pub(crate) Arc<Ehr>);

/// Marks a page that uses camera, microphone and screen.
#[derive(Debug, Clone, Copy)]
pub(crate) struct UsesMedia;

/// Marks a page whose form goes to this origin.
#[derive(Debug, Clone)]
pub(crate) struct FormGoesTo(pub(crate) Url);

const PERMISSIONS_POLICY: HeaderName = HeaderName::from_static("permissions-policy");
const OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// Puts the headers on every answer.
pub(crate) async fn secure(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let framed = response.extensions_mut().remove::<Framed>();
    let form = response.extensions_mut().remove::<FormGoesTo>();
    let uses_media = response.extensions_mut().remove::<UsesMedia>().is_some();

    let headers = response.headers_mut();
    let policy = content_security_policy(framed.as_ref(), form.as_ref());
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    put(headers, PERMISSIONS_POLICY, permissions_policy(uses_media));
    put(headers, header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    put(headers, header::REFERRER_POLICY, "no-referrer");
    put(headers, OPENER_POLICY, "same-origin");
    put(headers, RESOURCE_POLICY, "same-origin");
    if state.is_https() {
        put(headers, header::STRICT_TRANSPORT_SECURITY, "max-age=31536000");
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

fn put(headers: &mut HeaderMap, name: HeaderName, value: &'static str) {
    headers.insert(name, HeaderValue::from_static(value));
}

/// Nothing but our own files; no inline script or style at all. Framed only
/// by whom the EHR connection names, never by everybody.
fn content_security_policy(framed: Option<&Framed>, form: Option<&FormGoesTo>) -> String {
    let ancestors = match framed {
        Some(Framed(ehr)) if !ehr.frame_ancestors.is_empty() => ehr.frame_ancestors.join(" "),
        _ => "'none'".to_owned(),
    };
    let form_target = form.map(|FormGoesTo(url)| format!(" {}", url.origin().ascii_serialization()));
    format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
         media-src 'self' blob:; base-uri 'none'; form-action 'self'{}; frame-ancestors {ancestors}",
        form_target.unwrap_or_default(),
    )
}

fn permissions_policy(uses_media: bool) -> &'static str {
    if uses_media {
        "camera=(self), microphone=(self), display-capture=(self), speaker-selection=(self), autoplay=(self), \
         fullscreen=(self), geolocation=(), payment=(), usb=()"
    } else {
        "camera=(), microphone=(), display-capture=(), speaker-selection=(), autoplay=(), fullscreen=(), \
         geolocation=(), payment=(), usb=()"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ordinary_page_is_framed_by_nobody() {
        insta::assert_snapshot!(content_security_policy(None, None), @"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; media-src 'self' blob:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'");
    }

    #[test]
    fn a_form_to_the_ehr_names_its_origin_only() {
        let form = FormGoesTo(Url::parse("https://ehr.example.org/oauth2/authorize?x=y").unwrap());
        let policy = content_security_policy(None, Some(&form));
        assert!(policy.contains("form-action 'self' https://ehr.example.org;"), "{policy}");
    }

    #[test]
    fn camera_and_microphone_only_where_they_are_used() {
        assert!(permissions_policy(true).starts_with("camera=(self), microphone=(self)"));
        assert!(permissions_policy(false).starts_with("camera=(), microphone=()"));
    }
}
