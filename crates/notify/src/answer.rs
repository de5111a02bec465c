//! What is kept of an EHR's answer for operators to read: plain, short, and
//! without what an answer may carry along (tokens, stack traces, markup).

use std::error::Error;

use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};

/// Characters kept of an answer.
const LONGEST: usize = 300;

/// Deeper exceptions repeat the ones above.
const DEEPEST_EXCEPTION: usize = 4;

/// Shortens an answer's body. What was sent as `secret` is taken out wherever
/// it is echoed.
pub(crate) fn shortened(body: &[u8], secret: Option<&SecretString>) -> String {
    let text = match serde_json::from_slice(body) {
        Ok(Value::Object(object)) if is_dot_net_exception(&object) => exception_messages(&object),
        Ok(mut value) => {
            drop_stack_traces(&mut value);
            value.to_string()
        }
        Err(_) => String::from_utf8_lossy(body).into_owned(),
    };
    tidied(&text, secret)
}

/// What went wrong with each of its causes, in the form of an answer.
pub(crate) fn explained(error: &(dyn Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |&error| error.source());
    tidied(&causes.map(ToString::to_string).collect::<Vec<_>>().join(": "), None)
}

/// Whether this JSON object is how ASP.NET reports an exception, as Epic's
/// web services do.
pub(crate) fn is_dot_net_exception(object: &Map<String, Value>) -> bool {
    ["ExceptionMessage", "ExceptionType"].iter().any(|key| object.get(*key).is_some_and(Value::is_string))
}

fn exception_messages(exception: &Map<String, Value>) -> String {
    let chain =
        std::iter::successors(Some(exception), |exception| exception.get("InnerException")?.as_object());
    let mut messages: Vec<&str> = Vec::new();
    for exception in chain.take(DEEPEST_EXCEPTION) {
        let texts =
            ["Message", "ExceptionMessage"].into_iter().filter_map(|key| exception.get(key)?.as_str());
        for text in texts.map(before_stack_trace) {
            if !messages.contains(&text) {
                messages.push(text);
            }
        }
    }
    messages.join(" ")
}

fn drop_stack_traces(value: &mut Value) {
    match value {
        Value::Object(object) => {
            object.retain(|key, _| !key.to_ascii_lowercase().contains("stacktrace"));
            object.values_mut().for_each(drop_stack_traces);
        }
        Value::Array(values) => values.iter_mut().for_each(drop_stack_traces),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn tidied(text: &str, secret: Option<&SecretString>) -> String {
    let mut text = text.to_owned();
    if let Some(secret) = secret.map(ExposeSecret::expose_secret).filter(|secret| !secret.is_empty()) {
        text = text.replace(secret, "…");
    }
    let visible: String = text.chars().map(|c| if is_invisible(c) { ' ' } else { c }).collect();
    let plain = without_tokens(&without_markup(before_stack_trace(&visible)));
    clipped(&plain.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// Control characters, and those that hide or reorder what stands beside them.
fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// The text up to where a .NET stack trace begins, by its name or by its
/// first line (`   at Epic.Namespace.Class.Method(...)`).
fn before_stack_trace(text: &str) -> &str {
    let lower = text.to_ascii_lowercase();
    let by_name = ["stacktrace", "stack trace"].iter().filter_map(|name| lower.find(name));
    let by_frame = text.match_indices("at ").map(|(at, _)| at).filter(|at| is_frame(text, *at));
    text[..by_name.chain(by_frame).min().unwrap_or(text.len())].trim_end_matches(['"', '<', '{', ',', ' '])
}

fn is_frame(text: &str, at: usize) -> bool {
    let begins_a_word = text[..at].chars().next_back().is_none_or(char::is_whitespace);
    let Some((method, _)) = text[at + "at ".len()..].split_once('(') else { return false };
    begins_a_word
        && method.contains('.')
        && method.chars().all(|c| c.is_alphanumeric() || "._<>`+[],&;".contains(c))
}

/// The text between tags; what stands inside comments, scripts and style
/// sheets is no text.
fn without_markup(text: &str) -> String {
    let lower = text.to_ascii_lowercase();
    let mut plain = String::with_capacity(text.len());
    let mut at = 0;
    while let Some(open) = lower[at..].find('<').map(|offset| at + offset) {
        plain.push_str(&text[at..open]);
        let inside = &lower[open + 1..];
        let end = if inside.starts_with("!--") {
            "-->"
        } else if inside.starts_with("script") {
            "</script>"
        } else if inside.starts_with("style") {
            "</style>"
        } else if inside.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '/' | '!' | '?')) {
            ">"
        } else {
            plain.push('<');
            at = open + 1;
            continue;
        };
        plain.push(' ');
        at = lower[open..].find(end).map_or(text.len(), |offset| open + offset + end.len());
    }
    plain.push_str(&text[at..]);
    plain
}

/// Takes out what looks like a token: parts of a JWT, and long runs that mix
/// digits with letters of both cases as only encodings do.
fn without_tokens(text: &str) -> String {
    let is_inside = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '=' | '+' | '~');
    let mut plain = String::with_capacity(text.len());
    for piece in text.split_inclusive(|c| !is_inside(c)) {
        let run = piece.trim_end_matches(|c| !is_inside(c));
        plain.push_str(if is_token(run) { "…" } else { run });
        plain.push_str(&piece[run.len()..]);
    }
    plain
}

fn is_token(run: &str) -> bool {
    let has = |kind: fn(&char) -> bool| run.chars().any(|c| kind(&c));
    (run.starts_with("eyJ") && run.len() >= 16)
        || (run.len() >= 40
            && has(char::is_ascii_digit)
            && has(char::is_ascii_lowercase)
            && has(char::is_ascii_uppercase))
}

fn clipped(text: &str) -> String {
    if text.chars().count() <= LONGEST {
        return text.to_owned();
    }
    text.chars().take(LONGEST - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests;
