use proptest::prelude::*;

use super::*;

fn short(body: &str) -> String {
    shortened(body.as_bytes(), None)
}

/// As Epic's SetExternalConnectionStatus answers an unknown user.
const REFUSED_BY_EPIC: &str = r#"{"Message":"An error has occurred.","ExceptionMessage":"An error occurred while executing the command: INVALID-USER-ID.","ExceptionType":"Epic.ServiceModel.Internal.ServiceCommandException","StackTrace":"   at Epic.Web.X.v2018_SETEXTERNALCONNECTIONSTATUS(String ConferenceID, String ExternalID)\r\n   at lambda_method(Closure , Object )","InnerException":{"Message":"An error has occurred.","ExceptionMessage":"User 19 is unknown.\r\n   at Epic.Data.Users.Find(Int32 id)","ExceptionType":"Epic.Data.NotFound","StackTrace":null}}"#;

#[test]
fn of_a_dot_net_exception_only_the_messages_are_kept() {
    insta::assert_snapshot!(short(REFUSED_BY_EPIC), @"An error has occurred. An error occurred while executing the command: INVALID-USER-ID. User 19 is unknown.");
}

#[test]
fn a_stack_trace_is_never_kept() {
    let bodies = [
        REFUSED_BY_EPIC,
        r#"{"error":{"text":"no","stackTrace":["at Epic.A.B()"],"StackTraceString":"at Epic.A.B()"}}"#,
        "<Error><Message>No.</Message><StackTrace>   at Epic.A.B(String x)</StackTrace></Error>",
        "System.Exception: no\r\n   at Epic.A.B[T](String x) in c:\\x.cs:line 7",
        "<html><title>no</title><b>Stack Trace:</b><pre>[Ex]\n   Epic.A.B()</pre></html>",
        r#"{"Message":"no   at Epic.A.B(String x)"}"#,
    ];
    for body in bodies {
        let kept = short(body);
        assert!(!kept.contains("Epic.A.B") && !kept.to_lowercase().contains("stack"), "{kept}");
        assert!(kept.to_lowercase().contains("no") || kept.contains("INVALID"), "{kept}");
    }
}

#[test]
fn a_web_page_is_kept_as_its_text() {
    let page = "<!DOCTYPE html><html><head><title>Sign in</title><style>b{color:red}</style>\
        <script>if (1 < 2) alert('x')</script></head><body><!-- <b>hidden</b> --><h1 class=\"x\">Please\n sign in</h1> 1 < 2";
    insta::assert_snapshot!(short(page), @"Sign in Please sign in 1 < 2");
}

#[test]
fn tokens_are_taken_out() {
    let jwt = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJmYW1tZCJ9.c2lnbmF0dXJlLW9mLXRoaXMtdG9rZW4tMTIzNDU2Nzg5QUJD";
    assert_eq!(short(&format!("bad token {jwt}!")), "bad token ….….…!");
    assert_eq!(short("bad token dGhpcyBpcyBhIHZlcnkgbG9uZyBvcGFxdWUgdG9rZW4gMTIz"), "bad token …");
    let secret = "q/1".into();
    assert_eq!(shortened(b"you sent q/1.", Some(&secret)), "you sent ….");
    let plain = "Epic.ServiceModel.Internal.ServiceCommandException 5a1c2ab8-1f0e-4a3e-9a67-3d8f1c1e7c55";
    assert_eq!(short(plain), plain);
}

#[test]
fn ordinary_answers_stay_as_they_are() {
    assert_eq!(short(r#"{"Status":"1"}"#), r#"{"Status":"1"}"#);
    assert_eq!(short("OK, see you at example.org (soon)"), "OK, see you at example.org (soon)");
    assert_eq!(short(""), "");
}

#[test]
fn what_hides_or_reorders_text_is_taken_out() {
    assert_eq!(short("a\u{0}b\u{202e}c\u{1b}[31m\r\n\td"), "a b c [31m d");
}

proptest! {
    #[test]
    fn whatever_comes_back_is_short_plain_and_keeps_no_secret(
        body in prop_oneof![
            ".{0,800}",
            "([<>/!a-z\" =-]|<script|-->|</style>|sesame7|\\\\u0000| at a\\.b\\(|\u{0}){0,300}",
        ],
    ) {
        let kept = shortened(body.as_bytes(), Some(&"sesame7".into()));
        prop_assert!(kept.chars().count() <= LONGEST);
        prop_assert!(!kept.chars().any(is_invisible));
        prop_assert!(!kept.contains("<script"));
        prop_assert!(!kept.contains("sesame7"));
    }

    #[test]
    fn no_bytes_are_too_odd(body in proptest::collection::vec(any::<u8>(), 0..500)) {
        let kept = shortened(&body, None);
        prop_assert!(kept.chars().count() <= LONGEST);
    }
}
