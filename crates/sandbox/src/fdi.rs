//! The CONTEXT of an integration (FDI) record: custom keys of the token
//! response, with Epic's `%TOKENS%` in their values.

use crate::{cast::User, day::Appointment, launch::Launch};

/// A CONTEXT as an Epic analyst writes it: `sessionId=%CSN%&userId=%EPICUSERID%`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContextTemplate(Vec<(String, Value)>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Value {
    Text(String),
    Token(Token),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token {
    Csn,
    ConferenceId,
    UserId,
    PatientId,
    BirthDate,
}

/// A `%TOKEN%` that this EHR does not know.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "the context names {0}; known are %CSN%, %CONFERENCEID%, %EPICUSERID%, %SYSLOGIN%, %EPTID% and %DOB%"
)]
pub struct UnknownToken(String);

impl ContextTemplate {
    /// Reads `key=value&key=value`, where a value is text or one token.
    pub fn parse(context: &str) -> Result<Self, UnknownToken> {
        context
            .split('&')
            .filter(|pair| !pair.is_empty())
            .map(|pair| {
                let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
                let value = match value {
                    "%CSN%" => Value::Token(Token::Csn),
                    "%CONFERENCEID%" => Value::Token(Token::ConferenceId),
                    "%EPICUSERID%" | "%SYSLOGIN%" => Value::Token(Token::UserId),
                    "%EPTID%" => Value::Token(Token::PatientId),
                    "%DOB%" => Value::Token(Token::BirthDate),
                    other if other.contains('%') => return Err(UnknownToken(other.to_owned())),
                    text => Value::Text(text.to_owned()),
                };
                Ok((key.to_owned(), value))
            })
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// The keys and values for one launch. A token without a meaning there,
    /// as a CSN where no visit is open, becomes empty text.
    pub(crate) fn fill(&self, launch: &Launch) -> impl Iterator<Item = (String, String)> {
        self.0.iter().map(|(key, value)| {
            let value = match value {
                Value::Text(text) => text.clone(),
                Value::Token(token) => token.value(launch).unwrap_or_default(),
            };
            (key.clone(), value)
        })
    }
}

impl Token {
    fn value(self, launch: &Launch) -> Option<String> {
        let appointment: Option<&Appointment> = launch.appointment();
        let user: User = launch.user();
        Some(match self {
            Self::Csn => appointment?.csn.clone(),
            Self::ConferenceId => appointment?.conference_id.clone(),
            Self::UserId => user.external_id().to_owned(),
            Self::PatientId => launch.patient()?.mrn.to_owned(),
            Self::BirthDate => launch.patient()?.birth_date.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_token_is_named() {
        let refused = ContextTemplate::parse("sessionId=%CSM%").unwrap_err();

        assert!(refused.to_string().contains("%CSM%"));
    }

    #[test]
    fn no_context_is_a_context() {
        assert_eq!(ContextTemplate::parse(""), Ok(ContextTemplate(Vec::new())));
    }
}
