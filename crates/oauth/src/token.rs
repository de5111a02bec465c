use http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use outside::{Limits, Request, Response};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};

use crate::{
    Asked, GrantedScopes, LaunchContext, LaunchError, OAuthRefusal, PendingLaunch, answer::json_object,
    assertion::ASSERTION_TYPE, callback::Code, discovery::Endpoints,
};

/// A token answer that keeps the rules.
pub(crate) struct TokenAnswer {
    pub(crate) access_token: SecretString,
    /// None where the server does not say.
    pub(crate) expires_at: Option<Timestamp>,
    pub(crate) scopes: GrantedScopes,
    pub(crate) id_token: Option<String>,
    pub(crate) context: LaunchContext,
}

/// Redeems a code (RFC 6749 4.1.3). The client is named by its assertion
/// alone: SMART wants no `client_id` in a confidential client's body.
pub(crate) fn code_request(
    endpoints: &Endpoints,
    pending: &PendingLaunch,
    code: &Code,
    assertion: &str,
) -> Request {
    let fields = [
        ("grant_type", "authorization_code"),
        ("code", code.0.expose_secret()),
        ("redirect_uri", pending.redirect_uri.as_str()),
        ("code_verifier", pending.pkce_verifier.expose()),
        ("client_assertion_type", ASSERTION_TYPE),
        ("client_assertion", assertion),
    ];
    Request::post_form(endpoints.token.clone(), &fields, Limits::OAUTH)
}

/// Asks for a backend-services token (SMART Backend Services).
pub(crate) fn backend_request(endpoints: &Endpoints, scope: &str, assertion: &str) -> Request {
    let fields = [
        ("grant_type", "client_credentials"),
        ("scope", scope),
        ("client_assertion_type", ASSERTION_TYPE),
        ("client_assertion", assertion),
    ];
    Request::post_form(endpoints.token.clone(), &fields, Limits::OAUTH)
}

/// Judges a token endpoint's answer.
pub(crate) fn judge(response: &Response, now: Timestamp) -> Result<TokenAnswer, LaunchError> {
    if !response.status.is_success() {
        return Err(refusal(response));
    }
    let answer = json_object(response).map_err(|fault| LaunchError::TokenAnswerInvalid(fault.to_owned()))?;
    read(&answer, now).map_err(LaunchError::TokenAnswerInvalid)
}

fn read(answer: &Map<String, Value>, now: Timestamp) -> Result<TokenAnswer, String> {
    let text = |key: &str| answer.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
    let access_token = text("access_token").ok_or("it has no access_token")?;
    // It will stand in a header.
    if !access_token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err("its access_token holds characters that no token has".to_owned());
    }
    let token_type = text("token_type").ok_or("it has no token_type")?;
    if !token_type.eq_ignore_ascii_case("bearer") {
        return Err("its token_type is not Bearer".to_owned());
    }
    Ok(TokenAnswer {
        access_token: access_token.into(),
        expires_at: answer.get("expires_in").and_then(seconds).and_then(|after| now.checked_add(after).ok()),
        scopes: GrantedScopes::read(answer.get("scope").and_then(Value::as_str)),
        id_token: text("id_token").map(str::to_owned),
        context: LaunchContext::read(answer)?,
    })
}

/// `expires_in` as a number or as text; nonsense is as good as none.
fn seconds(value: &Value) -> Option<SignedDuration> {
    let seconds = match value {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    seconds.filter(|seconds| *seconds > 0).map(SignedDuration::from_secs)
}

fn refusal(response: &Response) -> LaunchError {
    let failed = LaunchError::EhrFailed { asked: Asked::Token, status: response.status.as_u16() };
    if response.status.is_server_error() || response.status == StatusCode::TOO_MANY_REQUESTS {
        return failed;
    }
    let Ok(answer) = json_object(response) else { return failed };
    let text = |key: &str| answer.get(key).and_then(Value::as_str);
    let Some(error) = text("error") else { return failed };
    let refusal = OAuthRefusal::new(error, text("error_description"), text("error_uri"));
    match error {
        "invalid_client" | "unauthorized_client" => LaunchError::ClientRefused(refusal),
        _ => LaunchError::TokenRefused(refusal),
    }
}

#[cfg(test)]
mod tests {
    use outside::testing::json_response;
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::{
        LaunchKind,
        testing::{any_json, begun, connection, endpoints, now},
    };

    fn judged(status: u16, body: &Value) -> Result<TokenAnswer, LaunchError> {
        judge(&json_response(status, body), now())
    }

    fn code(status: u16, body: &Value) -> &'static str {
        judged(status, body).err().map_or("accepted", |error| error.code())
    }

    #[test]
    fn the_token_request() {
        let (pending, _) = begun(&connection(), LaunchKind::Provider);
        let request = code_request(&endpoints(), &pending, &Code("a/code+".into()), "a.b.c");
        assert_eq!(request.url, endpoints().token);
        assert_eq!(request.headers[http::header::ACCEPT], "application/json");
        assert_eq!(request.headers[http::header::CONTENT_TYPE], "application/x-www-form-urlencoded");
        insta::assert_snapshot!(std::str::from_utf8(&request.body).unwrap().replace('&', "\n&"), @r"
        grant_type=authorization_code
        &code=a%2Fcode%2B
        &redirect_uri=https%3A%2F%2Fanteroom.example.org%2Fehr%2Flamna-test%2Fcallback
        &code_verifier=dYUnEg-754WoPX413hgXSZZnYXSOXEPLYU9WAXfcdWc
        &client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer
        &client_assertion=a.b.c
        ");
    }

    #[test]
    fn the_backend_request() {
        let request = backend_request(&endpoints(), "system/Appointment.read", "a.b.c");
        insta::assert_snapshot!(std::str::from_utf8(&request.body).unwrap().replace('&', "\n&"), @r"
        grant_type=client_credentials
        &scope=system%2FAppointment.read
        &client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer
        &client_assertion=a.b.c
        ");
    }

    #[test]
    fn answers_as_real_servers_send_them() {
        let plain = judged(200, &json!({"access_token": "t", "token_type": "bearer"})).unwrap();
        assert_eq!((plain.expires_at, plain.id_token), (None, None));
        for (expires_in, after) in [
            (json!(3240), Some(3240)),
            (json!("570"), Some(570)),
            (json!(0), None),
            (json!(-5), None),
            (json!(i64::MAX), None),
            (json!("soon"), None),
        ] {
            let body = json!({"access_token": "t", "token_type": "BEARER", "expires_in": expires_in});
            let expected = after.map(|after| now() + SignedDuration::from_secs(after));
            assert_eq!(judged(200, &body).unwrap().expires_at, expected, "{body}");
        }
    }

    #[test]
    fn answers_that_break_a_rule_are_refused() {
        for body in [
            json!([]),
            json!({}),
            json!({"access_token": "", "token_type": "Bearer"}),
            json!({"access_token": "t\r\nX: y", "token_type": "Bearer"}),
            json!({"access_token": "t"}),
            json!({"access_token": "t", "token_type": "DPoP"}),
            json!({"access_token": {"x": 1}, "token_type": "Bearer"}),
            json!({"access_token": "t", "token_type": "Bearer", "patient": "../1"}),
        ] {
            assert_eq!(code(200, &body), "token-answer-invalid", "{body}");
        }
        let mut page = json_response(200, &json!({"access_token": "t", "token_type": "Bearer"}));
        page.headers.insert(http::header::CONTENT_TYPE, "text/html".parse().unwrap());
        assert_eq!(judge(&page, now()).err().unwrap().code(), "token-answer-invalid");
    }

    #[test]
    fn refusals_are_told_apart() {
        assert_eq!(code(400, &json!({"error": "invalid_grant"})), "token-refused");
        assert_eq!(code(401, &json!({"error": "invalid_client"})), "client-refused");
        assert_eq!(code(400, &json!({"error": "unauthorized_client"})), "client-refused");
        assert_eq!(code(400, &json!({"no": "error"})), "ehr-failed");
        assert_eq!(code(503, &json!({"error": "invalid_client"})), "ehr-failed");
    }

    proptest! {
        #[test]
        fn any_json_is_judged(body in any_json()) {
            let _ = judged(200, &body);
            let _ = judged(400, &body);
        }

        #[test]
        fn any_bytes_are_judged(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut response = json_response(200, &json!({}));
            response.body = body.into();
            let _ = judge(&response, now());
        }

        #[test]
        fn odd_extras_never_spoil_a_good_answer(extra in any_json()) {
            let mut body = json!({"access_token": "t", "token_type": "Bearer"});
            for key in ["expires_in", "scope", "fhirContext", "need_patient_banner", "location", "__epic.x"] {
                body[key] = extra.clone();
            }
            prop_assert!(judged(200, &body).is_ok());
        }
    }
}
