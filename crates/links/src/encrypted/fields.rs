use std::fmt;

use base64::{
    Engine,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use url::form_urlencoded;

/// Longer query strings are not looked at. A link of Epic's with ten long
/// custom fields has about 1,500 characters.
const LONGEST_QUERY: usize = 8 * 1024;
const MOST_FIELDS: usize = 64;

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Names and values of a query string. `Debug` shows nothing of them.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Fields(Vec<(String, String)>);

impl Fields {
    /// Reads the query of an address. Names may repeat: it belongs to
    /// everybody on the way.
    pub(crate) fn of_query(query: &str) -> Option<Self> {
        if query.len() > LONGEST_QUERY {
            return None;
        }
        let fields: Vec<_> =
            form_urlencoded::parse(query.as_bytes()).into_owned().take(MOST_FIELDS + 1).collect();
        (fields.len() <= MOST_FIELDS).then_some(Self(fields))
    }

    /// Reads a decrypted text. It is the only thing that tells a link that was
    /// tampered with from a good one, so it is strict: UTF-8 without control
    /// characters, and each name once.
    pub(crate) fn of_link(text: &[u8]) -> Option<Self> {
        let fields = Self::of_query(str::from_utf8(text).ok()?)?;
        let is_clean = |text: &String| !text.chars().any(char::is_control);
        let is_first = |(at, (name, _)): (usize, &(String, String))| {
            !fields.0[..at].iter().any(|(earlier, _)| earlier.eq_ignore_ascii_case(name))
        };
        let good = fields.0.iter().all(|(name, value)| is_clean(name) && is_clean(value))
            && fields.0.iter().enumerate().all(is_first);
        good.then_some(fields)
    }

    /// The value of this name in whatever case, unless it is blank: Epic fills
    /// in nothing where it knows nothing.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(theirs, value)| theirs.eq_ignore_ascii_case(name) && !value.trim().is_empty())
            .map(|(_, value)| value.as_str())
    }

    /// The value of a name that stands there exactly once, in this case.
    pub(crate) fn only(&self, name: &str) -> Option<&str> {
        let mut values = self.0.iter().filter(|(theirs, _)| theirs == name).map(|(_, value)| value.as_str());
        values.next().filter(|_| values.next().is_none())
    }
}

impl fmt::Debug for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fields(…)")
    }
}

/// Reads base64 and base64url, with or without padding. A `+` that travelled
/// unescaped has become a space; old Java encoders break lines.
pub(crate) fn decode_base64(text: &str) -> Option<Vec<u8>> {
    let repaired: String = text
        .chars()
        .filter(|c| !matches!(c, '\r' | '\n'))
        .map(|c| match c {
            ' ' | '-' => '+',
            '_' => '/',
            other => other,
        })
        .collect();
    BASE64.decode(repaired).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_read_in_each_form_that_travels() {
        let bytes = [0xfb, 0xef, 0xff, 0xfe];
        for text in ["++///g==", "++///g", "--___g", "  ///g==", "++//\r\n/g=="] {
            assert_eq!(decode_base64(text).as_deref(), Some(&bytes[..]), "{text}");
        }
        for text in ["++///h", "+", "ä", "++//=/", "++///g==="] {
            assert_eq!(decode_base64(text), None, "{text}");
        }
    }

    #[test]
    fn a_links_text_names_each_thing_once_and_cleanly() {
        let read = |text: &str| Fields::of_link(text.as_bytes());
        let fields = read("SessionID=1&ExternalID=+165790&Custom=a%26b&Empty=").unwrap();
        assert_eq!(fields.get("sessionid"), Some("1"));
        assert_eq!(fields.get("ExternalID"), Some(" 165790"));
        assert_eq!(fields.get("Custom"), Some("a&b"));
        assert_eq!(fields.get("Empty"), None);
        assert_eq!(read("a=1&A=1"), None);
        assert_eq!(read("a=%00"), None);
        assert_eq!(Fields::of_link(b"a=\xff"), None);
        assert_eq!(read(&"a".repeat(LONGEST_QUERY + 1)), None);
        let many: Vec<_> = (0..=MOST_FIELDS).map(|n| format!("n{n}=")).collect();
        assert_eq!(read(&many.join("&")), None);
        assert!(read(&many[1..].join("&")).is_some());
    }
}
