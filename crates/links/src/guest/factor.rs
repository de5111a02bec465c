use std::fmt;

use aws_lc_rs::{constant_time::verify_slices_are_equal, hmac};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::InvalidSecret;

/// What is asked besides the link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FactorKind {
    /// The date of birth.
    DateOfBirth,
    /// A code of six digits that came another way.
    Code,
}

/// What somebody answers, as it is compared: a date as a date, however it was
/// written, and a code as its six digits.
#[derive(Clone, PartialEq, Eq)]
pub enum Answer {
    /// A date of birth.
    DateOfBirth(Date),
    /// Six digits.
    Code([u8; 6]),
}

/// An answer that cannot be right, so that it is no try: the person is told
/// what an answer looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a code has six digits")]
pub struct NoAnswer;

impl Answer {
    /// Reads a code; spaces and hyphens between the digits are as people type
    /// them.
    pub fn code(text: &str) -> Result<Self, NoAnswer> {
        let digits: Vec<u8> = text.bytes().filter(|b| !matches!(b, b' ' | b'-')).collect();
        match <[u8; 6]>::try_from(digits) {
            Ok(code) if code.iter().all(u8::is_ascii_digit) => Ok(Self::Code(code)),
            _ => Err(NoAnswer),
        }
    }

    /// What it answers.
    pub fn kind(&self) -> FactorKind {
        match self {
            Self::DateOfBirth(_) => FactorKind::DateOfBirth,
            Self::Code(_) => FactorKind::Code,
        }
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}(…)", self.kind())
    }
}

/// The key under which answers are hashed; it lives outside the database.
///
/// Dates of birth and codes are few, so that no hash of them alone, salted or
/// slow, withstands whoever has the database. With a key that the database
/// does not hold there is nothing to try.
pub struct FactorKey(hmac::Key);

impl FactorKey {
    /// A key of 32 bytes, derived from the master key.
    pub fn new(bytes: &[u8; 32]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, bytes))
    }
}

impl fmt::Debug for FactorKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FactorKey(…)")
    }
}

/// What is asked besides the link, and the hash of the right answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecondFactor {
    kind: FactorKind,
    salt: SealedAnswer,
    right: SealedAnswer,
}

impl SecondFactor {
    /// Asks for this answer. The salt is 32 fresh random bytes.
    pub fn new(key: &FactorKey, salt: [u8; 32], answer: &Answer) -> Self {
        let salt = SealedAnswer(salt);
        Self { kind: answer.kind(), right: seal(key, &salt, answer), salt }
    }

    /// What is asked.
    pub fn kind(&self) -> FactorKind {
        self.kind
    }

    /// Somebody's answer in the form in which it can be compared.
    pub fn seal(&self, key: &FactorKey, answer: &Answer) -> SealedAnswer {
        seal(key, &self.salt, answer)
    }

    pub(super) fn is_right(&self, answer: &SealedAnswer) -> bool {
        self.right == *answer
    }
}

/// The keyed and salted hash of an answer (HMAC-SHA-256).
#[derive(Clone, Copy, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SealedAnswer([u8; 32]);

fn seal(key: &FactorKey, salt: &SealedAnswer, answer: &Answer) -> SealedAnswer {
    let mut context = hmac::Context::with_key(&key.0);
    context.update(&salt.0);
    match answer {
        Answer::DateOfBirth(date) => context.update(date.to_string().as_bytes()),
        Answer::Code(digits) => context.update(digits),
    }
    let mut sealed = [0; 32];
    sealed.copy_from_slice(context.sign().as_ref());
    SealedAnswer(sealed)
}

impl PartialEq for SealedAnswer {
    /// In constant time.
    fn eq(&self, other: &Self) -> bool {
        verify_slices_are_equal(&self.0, &other.0).is_ok()
    }
}

impl fmt::Debug for SealedAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealedAnswer(…)")
    }
}

impl TryFrom<String> for SealedAnswer {
    type Error = InvalidSecret;

    fn try_from(text: String) -> Result<Self, InvalidSecret> {
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| InvalidSecret)?;
        bytes.try_into().map(Self).map_err(|_| InvalidSecret)
    }
}

impl From<SealedAnswer> for String {
    fn from(sealed: SealedAnswer) -> String {
        URL_SAFE_NO_PAD.encode(sealed.0)
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn a_code_is_six_digits_however_typed() {
        for text in ["123456", "123 456", " 12-34-56 "] {
            assert_eq!(Answer::code(text), Ok(Answer::Code(*b"123456")), "{text}");
        }
        for text in ["", "12345", "1234567", "12345a", "١٢٣٤٥٦"] {
            assert_eq!(Answer::code(text), Err(NoAnswer), "{text}");
        }
    }

    #[test]
    fn an_answer_counts_for_its_key_and_salt() {
        let key = FactorKey::new(&[1; 32]);
        let born = |day| Answer::DateOfBirth(date(1980, 2, day));
        let factor = SecondFactor::new(&key, [2; 32], &born(3));
        assert!(factor.is_right(&factor.seal(&key, &born(3))));
        assert!(!factor.is_right(&factor.seal(&key, &born(4))));
        assert!(!factor.is_right(&factor.seal(&FactorKey::new(&[9; 32]), &born(3))));
        assert!(!factor.is_right(&SecondFactor::new(&key, [3; 32], &born(3)).right));
    }

    #[test]
    fn neither_answer_nor_key_is_in_debug() {
        let key = FactorKey::new(&[1; 32]);
        let answer = Answer::code("123456").unwrap();
        let factor = SecondFactor::new(&key, [2; 32], &answer);
        assert_eq!(
            format!("{key:?} {answer:?} {factor:?}"),
            "FactorKey(…) Code(…) SecondFactor { kind: Code, salt: SealedAnswer(…), right: SealedAnswer(…) }"
        );
    }
}
