use std::fmt;

use jiff::Timestamp;
use secrecy::SecretString;
use serde::Deserialize;

use crate::{LaunchError, OAuthRefusal, PendingLaunch};

/// The query or form of a callback, as received.
#[derive(Clone, Default, Deserialize)]
pub struct Callback {
    /// `state`; tells which launch it is.
    pub state: Option<String>,
    /// `code`.
    pub code: Option<String>,
    /// `error`, instead of a code.
    pub error: Option<String>,
    /// `error_description`.
    pub error_description: Option<String>,
    /// `error_uri`.
    pub error_uri: Option<String>,
    /// `iss` (RFC 9207); checked where it is sent.
    pub iss: Option<String>,
}

impl fmt::Debug for Callback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Callback(…)")
    }
}

/// What a callback brings.
pub(crate) struct Code(pub(crate) SecretString);

/// Judges a callback against its launch: state, time, origin, then the
/// error answer or the code.
pub(crate) fn judge(
    callback: Callback,
    pending: &PendingLaunch,
    issuer: &str,
    now: Timestamp,
) -> Result<Code, LaunchError> {
    if !callback.state.is_some_and(|state| pending.state.is(&state)) {
        return Err(LaunchError::CallbackInvalid("its state is not this launch's"));
    }
    if now >= pending.expires_at {
        return Err(LaunchError::LaunchExpired);
    }
    if callback.iss.is_some_and(|iss| iss != issuer) {
        return Err(LaunchError::CallbackMixedUp);
    }
    if let Some(error) = callback.error {
        let refusal =
            OAuthRefusal::new(&error, callback.error_description.as_deref(), callback.error_uri.as_deref());
        return Err(if error == "access_denied" {
            LaunchError::AuthorizationDenied(refusal)
        } else {
            LaunchError::AuthorizationFailed(refusal)
        });
    }
    let code = callback.code.filter(|code| !code.is_empty());
    code.map(|code| Code(code.into())).ok_or(LaunchError::CallbackInvalid("it has no code"))
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;
    use crate::{
        LaunchKind,
        testing::{ISSUER, begun, connection, now},
    };

    fn judged(change: impl FnOnce(&mut Callback), after: SignedDuration) -> Result<Code, LaunchError> {
        let (pending, _) = begun(&connection(), LaunchKind::Provider);
        let mut callback = Callback {
            state: Some(pending.state.as_str().to_owned()),
            code: Some("a-code".to_owned()),
            ..Callback::default()
        };
        change(&mut callback);
        judge(callback, &pending, ISSUER, now() + after)
    }

    fn refusal(change: impl FnOnce(&mut Callback)) -> &'static str {
        judged(change, SignedDuration::ZERO).err().map_or("accepted", |error| error.code())
    }

    #[test]
    fn a_good_callback_gives_its_code() {
        assert!(judged(|_| {}, SignedDuration::ZERO).is_ok());
        assert!(judged(|callback| callback.iss = Some(ISSUER.to_owned()), SignedDuration::ZERO).is_ok());
    }

    #[test]
    fn what_is_not_this_launch_is_refused() {
        assert_eq!(refusal(|callback| callback.state = None), "callback-invalid");
        assert_eq!(refusal(|callback| callback.state = Some("x".repeat(43))), "callback-invalid");
        assert_eq!(refusal(|callback| callback.code = None), "callback-invalid");
        assert_eq!(refusal(|callback| callback.code = Some(String::new())), "callback-invalid");
        assert_eq!(
            refusal(|callback| callback.iss = Some("https://evil.example".into())),
            "callback-mixed-up"
        );
    }

    #[test]
    fn error_answers_have_stable_codes() {
        assert_eq!(refusal(|callback| callback.error = Some("access_denied".into())), "authorization-denied");
        assert_eq!(refusal(|callback| callback.error = Some("invalid_scope".into())), "authorization-failed");
    }

    #[test]
    fn a_launch_lives_ten_minutes() {
        assert!(judged(|_| {}, SignedDuration::from_secs(599)).is_ok());
        let late = judged(|_| {}, SignedDuration::from_secs(600)).err().unwrap();
        assert_eq!(late.code(), "launch-expired");
    }
}
