//! CSRF tokens: made from the secret in the browser's cookie, so that nothing
//! needs to be stored, and of no use to whoever reads a page's source later.

use aws_lc_rs::{constant_time::verify_slices_are_equal, digest};
use axum::http::HeaderMap;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

/// The header that scripts send it in.
pub(crate) const HEADER: &str = "x-csrf-token";

/// The token that belongs to this secret.
pub(crate) fn token_for(secret: &str) -> String {
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(b"anteroom csrf 1:");
    context.update(secret.as_bytes());
    URL_SAFE_NO_PAD.encode(context.finish())
}

/// Whether what the form or header brought belongs to this secret; compared
/// in constant time.
pub(crate) fn is_good(secret: &str, brought: &str) -> bool {
    verify_slices_are_equal(token_for(secret).as_bytes(), brought.as_bytes()).is_ok()
}

/// What a script brought.
pub(crate) fn in_header(headers: &HeaderMap) -> &str {
    headers.get(HEADER).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_belongs_to_one_secret() {
        let token = token_for("secret");
        assert!(is_good("secret", &token));
        assert!(!is_good("another", &token));
        assert!(!is_good("secret", ""));
        assert_ne!(token, "secret");
    }
}
