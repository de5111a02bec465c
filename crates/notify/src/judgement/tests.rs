use outside::{Limits, testing::json_response};
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::deliver::fakes::said;

fn now() -> Timestamp {
    "2026-11-21T20:00:00Z".parse().unwrap()
}

fn verdict(response: &Response) -> Verdict {
    judge(response, now(), None).verdict
}

const AT_ONCE: Verdict = Verdict::TryAgain { at_least: SignedDuration::ZERO };

#[test]
fn every_status_has_its_verdict() {
    for status in 200..300 {
        assert_eq!(verdict(&said(status, &[], "")), Verdict::Delivered, "{status}");
    }
    for status in (500..600).chain([408, 429]) {
        assert_eq!(verdict(&said(status, &[], "")), AT_ONCE, "{status}");
    }
    for status in (300..500).filter(|status| ![408, 429].contains(status)) {
        assert_eq!(verdict(&said(status, &[], "")), Verdict::Refused, "{status}");
    }
}

#[test]
fn an_unexpected_success_is_delivered_and_its_answer_kept() {
    let judged = judge(&said(200, &[], "<p>Thank you</p>"), now(), None);
    assert_eq!((judged.verdict, judged.answer.as_str()), (Verdict::Delivered, "Thank you"));
}

#[test]
fn an_exception_in_a_success_is_a_refusal() {
    let exception = json!({"Message": "An error has occurred.", "ExceptionMessage": "INVALID-CSN."});
    let judged = judge(&json_response(200, &exception), now(), None);
    assert_eq!(judged.verdict, Verdict::Refused);
    assert_eq!(judged.answer, "An error has occurred. INVALID-CSN.");
    assert_eq!(verdict(&json_response(200, &json!({"Status": "1"}))), Verdict::Delivered);
}

#[test]
fn a_redirect_is_named() {
    let judged = judge(&said(302, &[("location", "https://elsewhere.example.org/")], ""), now(), None);
    assert_eq!(judged.answer, "a redirect, which is not followed");
}

#[test]
fn the_wait_is_read_as_seconds_or_date_and_has_bounds() {
    let wait =
        |text: &str| retry_after(&said(503, &[("retry-after", text)], ""), now()).map(|wait| wait.as_secs());
    assert_eq!(wait("120"), Some(120));
    assert_eq!(wait(" 0 "), Some(0));
    assert_eq!(wait("Sat, 21 Nov 2026 20:01:30 GMT"), Some(90));
    assert_eq!(wait("Sat, 21 Nov 2026 19:00:00 GMT"), Some(0));
    assert_eq!(wait("86400"), Some(3600));
    assert_eq!(wait("Sun, 21 Nov 2060 20:00:00 GMT"), Some(3600));
    for unreadable in ["", "soon", "-5", "1.5", "99999999999999999999"] {
        assert_eq!(wait(unreadable), None, "{unreadable}");
    }
}

#[test]
fn errors_without_an_answer_pass_unless_asking_again_is_forbidden() {
    let host = || "ehr.example.org".to_owned();
    let passing = [
        HttpError::TimedOut { host: host(), deadline: Limits::NOTIFICATION.deadline },
        HttpError::Unreachable { host: host(), source: "connection reset".into() },
        HttpError::TooLarge { host: host(), limit: 65536 },
    ];
    for error in passing {
        assert_eq!(judge_error(&error).verdict, AT_ONCE, "{error}");
    }
    let lasting = [
        HttpError::Redirected { host: host(), to: "elsewhere.example.org".into() },
        HttpError::Forbidden { host: host(), reason: "only https is asked" },
    ];
    for error in lasting {
        assert_eq!(judge_error(&error).verdict, Verdict::Refused, "{error}");
    }
}

#[test]
fn after_its_time_a_notice_is_given_up() {
    let hour = SignedDuration::from_hours(1);
    let at_age = |age| fate(AT_ONCE, now() - age, 3, hour, now(), 0).0;
    assert_eq!(at_age(hour - SignedDuration::from_secs(1)), NoticeState::Pending);
    assert_eq!(at_age(hour), NoticeState::Failed);
}

proptest! {
    #[test]
    fn a_wait_is_never_shorter_than_asked_nor_without_end(
        asked in 0_i64..3600,
        failures in 0_usize..10_000,
        jitter: u16,
    ) {
        let at_least = SignedDuration::from_secs(asked);
        let day = SignedDuration::from_hours(24);
        let (state, due) = fate(Verdict::TryAgain { at_least }, now(), failures, day, now(), jitter);
        let wait = due.duration_since(now());
        prop_assert_eq!(state, NoticeState::Pending);
        prop_assert!(wait >= at_least && wait >= FIRST_WAIT / 2);
        prop_assert!(wait <= at_least.max(LONGEST_WAIT) + FIRST_WAIT);
    }

    #[test]
    fn waits_grow_with_failures_and_spread_by_chance(failures in 0_usize..40, jitter: u16) {
        prop_assert!(backoff(failures + 1, jitter) >= backoff(failures, jitter));
        prop_assert!(backoff(failures, u16::MAX) > backoff(failures, 0));
    }
}
