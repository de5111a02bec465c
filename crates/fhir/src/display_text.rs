use std::fmt;

/// A text for people to read, mostly a name: shown, never stored and never
/// logged. It is one line of at most 120 characters without control or
/// direction-changing characters; pages escape it as any other text.
#[derive(Clone, PartialEq, Eq)]
pub struct DisplayText(String);

const LONGEST: usize = 120;

impl DisplayText {
    /// Cleans a text; `None` where nothing is left to read.
    pub fn new(text: &str) -> Option<Self> {
        let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let clean: String = words.chars().filter(|c| !is_unseen(*c)).take(LONGEST).collect();
        let clean = clean.trim();
        (!clean.is_empty()).then(|| Self(clean.to_owned()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Characters that would let one name pose as another or turn a line around.
fn is_unseen(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

impl fmt::Debug for DisplayText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DisplayText(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_clean_line() {
        let name = DisplayText::new("  Doe,\n\u{202e}Jane\u{0} ").unwrap();
        assert_eq!(name.as_str(), "Doe, Jane");
        assert_eq!(DisplayText::new(&"x".repeat(500)).unwrap().as_str().len(), 120);
        assert_eq!(DisplayText::new(" \u{200b} "), None);
    }

    #[test]
    fn a_name_is_not_in_debug() {
        assert_eq!(format!("{:?}", DisplayText::new("Doe, Jane")), "Some(DisplayText(…))");
    }
}
