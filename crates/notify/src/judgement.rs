//! What an attempt's end means: delivered, to be tried again and when, or
//! refused.

use http::{StatusCode, header};
use jiff::{SignedDuration, Timestamp, fmt::rfc2822::DateTimeParser};
use outside::{HttpError, Response};
use secrecy::SecretString;
use serde_json::Value;
use storage::NoticeState;

use crate::answer::{explained, is_dot_net_exception, shortened};

/// The first wait after a failure, doubled with each further one.
const FIRST_WAIT: SignedDuration = SignedDuration::from_secs(4);

/// The longest wait of our own choice.
const LONGEST_WAIT: SignedDuration = SignedDuration::from_mins(5);

/// The longest wait that an EHR may ask for.
const LONGEST_RETRY_AFTER: SignedDuration = SignedDuration::from_hours(1);

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Judgement {
    pub(crate) verdict: Verdict,
    pub(crate) http_status: Option<u16>,
    /// The EHR's answer, shortened, or why there is none.
    pub(crate) answer: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Delivered,
    /// It may go through later; not before `at_least` has passed.
    TryAgain {
        at_least: SignedDuration,
    },
    Refused,
}

impl Judgement {
    /// Nothing was sent, and a later attempt would fare no better.
    pub(crate) fn pointless(why: String) -> Self {
        Self { verdict: Verdict::Refused, http_status: None, answer: why }
    }

    /// There was no answer, and there may be one later.
    pub(crate) fn unanswered(why: String) -> Self {
        Self { verdict: Verdict::TryAgain { at_least: SignedDuration::ZERO }, http_status: None, answer: why }
    }
}

/// Judges an answer.
///
/// Any 2xx is delivered (Epic says `{"Status":"1"}`, other services what they
/// like) except an exception that the service reports with a 200. 408, 429
/// and 5xx pass; every other answer would be the same again.
pub(crate) fn judge(response: &Response, now: Timestamp, secret: Option<&SecretString>) -> Judgement {
    let status = response.status;
    let verdict = if status.is_success() {
        if reports_an_exception(response) { Verdict::Refused } else { Verdict::Delivered }
    } else if passes(status) {
        Verdict::TryAgain { at_least: retry_after(response, now).unwrap_or(SignedDuration::ZERO) }
    } else {
        Verdict::Refused
    };
    let answer = match shortened(&response.body, secret) {
        text if text.is_empty() && status.is_redirection() => "a redirect, which is not followed".to_owned(),
        text => text,
    };
    Judgement { verdict, http_status: Some(status.as_u16()), answer }
}

/// Judges a request that got no answer. Too large an answer may be the error
/// page of a proxy in front of the EHR, so that one passes too.
pub(crate) fn judge_error(error: &HttpError) -> Judgement {
    match error {
        HttpError::TimedOut { .. } | HttpError::Unreachable { .. } | HttpError::TooLarge { .. } => {
            Judgement::unanswered(explained(error))
        }
        HttpError::Redirected { .. } | HttpError::Forbidden { .. } => Judgement::pointless(explained(error)),
    }
}

fn passes(status: StatusCode) -> bool {
    status.is_server_error() || matches!(status, StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS)
}

fn reports_an_exception(response: &Response) -> bool {
    matches!(response.json(), Ok(Value::Object(object)) if is_dot_net_exception(&object))
}

/// The wait that an answer asks for, as seconds or as a date (RFC 9110,
/// section 10.2.3), within reason.
fn retry_after(response: &Response, now: Timestamp) -> Option<SignedDuration> {
    let text = response.header(&header::RETRY_AFTER)?.trim();
    let asked = match text.parse::<u32>() {
        Ok(seconds) => SignedDuration::from_secs(seconds.into()),
        Err(_) => DateTimeParser::new().parse_timestamp(text).ok()?.duration_since(now),
    };
    Some(asked.clamp(SignedDuration::ZERO, LONGEST_RETRY_AFTER))
}

/// What becomes of a notice after this verdict, and when it is due again.
///
/// `failures` is how many attempts failed before this one; `jitter` a random
/// number that spreads the next attempts of many.
pub(crate) fn fate(
    verdict: Verdict,
    happened_at: Timestamp,
    failures: usize,
    give_up_after: SignedDuration,
    now: Timestamp,
    jitter: u16,
) -> (NoticeState, Timestamp) {
    match verdict {
        Verdict::Delivered => (NoticeState::Delivered, now),
        Verdict::Refused => (NoticeState::Failed, now),
        Verdict::TryAgain { .. } if now.duration_since(happened_at) >= give_up_after => {
            (NoticeState::Failed, now)
        }
        Verdict::TryAgain { at_least } => {
            let wait = if at_least.is_zero() {
                backoff(failures, jitter)
            } else {
                // Never earlier than asked, and not all at the same moment.
                at_least.max(backoff(failures, 0)) + fraction(FIRST_WAIT, jitter)
            };
            (NoticeState::Pending, now + wait)
        }
    }
}

/// Half of the doubled wait is fixed, half is chance.
fn backoff(failures: usize, jitter: u16) -> SignedDuration {
    let doublings = i32::try_from(failures.min(16)).unwrap_or(16);
    let half = FIRST_WAIT.saturating_mul(1 << doublings).min(LONGEST_WAIT) / 2;
    half + fraction(half, jitter)
}

/// `whole` times `part` / 65536.
fn fraction(whole: SignedDuration, part: u16) -> SignedDuration {
    SignedDuration::from_millis_i128(whole.as_millis() * i128::from(part) / (1 << 16))
}

#[cfg(test)]
mod tests;
