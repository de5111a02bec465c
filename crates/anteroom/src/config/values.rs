//! Readers of single values: a place in the file goes in, a checked value
//! comes out, or what would be right.

use std::{fmt::Display, ops::RangeInclusive, path::PathBuf, str::FromStr};

use secrecy::SecretString;
use url::{Host, Url};

use super::{
    problem::nearest,
    section::{Field, Noted, Section, Wrong},
    tree::Value,
};

/// A text that its type checks. `right` says what it must be, with an example.
pub(super) fn parsed<T>(right: &str) -> impl FnOnce(&Field<'_>) -> Result<T, Wrong>
where
    T: FromStr,
    T::Err: Display,
{
    move |field| {
        let text = field.text(right)?;
        text.parse().map_err(|error| Wrong::new(format!("{text:?} cannot be used: {error}"), right))
    }
}

/// A text of at least one character.
pub(super) fn text(right: &str) -> impl FnOnce(&Field<'_>) -> Result<String, Wrong> {
    move |field| match field.text(right)?.trim() {
        "" => Err(Wrong::new("this is empty", right)),
        text => Ok(text.to_owned()),
    }
}

/// A whole number within these bounds.
pub(super) fn number(bounds: RangeInclusive<i64>) -> impl FnOnce(&Field<'_>) -> Result<i64, Wrong> {
    move |field| {
        let number = match &field.value {
            Value::Integer(number) => Some(*number),
            Value::Text(text) if field.is_variable() => text.trim().parse().ok(),
            _ => None,
        };
        let right = format!("a whole number from {} to {}", bounds.start(), bounds.end());
        match number {
            Some(number) if bounds.contains(&number) => Ok(number),
            Some(number) => Err(Wrong::new(format!("{number} is out of bounds"), right)),
            None => Err(Wrong::new("this is no whole number", right)),
        }
    }
}

/// One of these words.
pub(super) fn one_of<T: Copy>(known: &[(&str, T)]) -> impl FnOnce(&Field<'_>) -> Result<T, Wrong> {
    move |field| {
        let words: Vec<_> = known.iter().map(|(word, _)| *word).collect();
        let all = words.iter().map(|word| format!("{word:?}")).collect::<Vec<_>>().join(", ");
        let given = field.text(&format!("one of {all}"))?;
        if let Some((_, meaning)) = known.iter().find(|(word, _)| *word == given) {
            return Ok(*meaning);
        }
        let right = match nearest(given, words) {
            Some(meant) => format!("one of {all} (did you mean {meant:?}?)"),
            None => format!("one of {all}"),
        };
        Err(Wrong::new(format!("{given:?} is not known"), right))
    }
}

/// A list of texts, each checked by its type.
pub(super) fn list_of<T>(right: &str) -> impl FnOnce(&Field<'_>) -> Result<Vec<T>, Wrong>
where
    T: FromStr,
    T::Err: Display,
{
    move |field| {
        let read = |text: &str| {
            text.parse().map_err(|error| Wrong::new(format!("{text:?} cannot be used: {error}"), right))
        };
        field.texts(right)?.into_iter().map(read).collect()
    }
}

/// A path, from the configuration file's folder.
pub(super) fn path(field: &Field<'_>) -> Result<PathBuf, Wrong> {
    field.path()
}

/// Several of them.
pub(super) fn paths(field: &Field<'_>) -> Result<Vec<PathBuf>, Wrong> {
    let folder = field.desk.folder;
    Ok(field.texts("paths")?.into_iter().map(|text| folder.join(text)).collect())
}

/// A secret, written out or in a file: `key` or `key_file`, not both. No
/// message holds it.
pub(super) fn secret(
    section: &mut Section<'_>,
    key: &'static str,
    key_file: &'static str,
) -> Result<Option<SecretString>, Noted> {
    let direct = section.optional(key, |field| Ok(SecretString::from(field.text("a text")?)));
    let from_file = section.optional(key_file, |field| {
        let path = field.path()?;
        let text = std::fs::read_to_string(&path).map_err(|error| {
            Wrong::new(format!("{} cannot be read: {error}", path.display()), "a file that holds the secret")
        })?;
        Ok(SecretString::from(text.trim_end_matches(['\r', '\n'])))
    });
    match (direct?, from_file?) {
        (Some(_), Some(_)) => {
            let what = format!("{key_file} is there as well");
            Err(section.wrong(key, Wrong::new(what, format!("either {key} or {key_file}"))))
        }
        (direct, from_file) => Ok(direct.or(from_file)),
    }
}

/// An origin that may embed our pages: scheme, host and port, nothing more.
#[derive(Debug, Clone)]
pub(super) struct Origin(pub(super) String);

impl FromStr for Origin {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // Content Security Policy takes a wildcard for the first label.
        let concrete = text.replacen("://*.", "://any.", 1);
        let url = Url::parse(&concrete).map_err(|_| "it is no address")?;
        if !(url.scheme() == "https" || url.scheme() == "http" && is_loopback(&url)) {
            return Err("only https (http on loopback)");
        }
        if url.origin().ascii_serialization() != concrete {
            return Err(
                "it must be scheme, host and port, in lower case, without a path or slash at the end",
            );
        }
        Ok(Self(text.to_owned()))
    }
}

/// The name of a host, without scheme and port.
#[derive(Debug, Clone)]
pub(super) struct HostName(pub(super) String);

impl FromStr for HostName {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match Host::parse(text) {
            Ok(Host::Domain(name)) => Ok(Self(name)),
            _ => Err("it is no host name"),
        }
    }
}

/// Whether an address is on this machine.
pub(super) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        None => false,
    }
}
