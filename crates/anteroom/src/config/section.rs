//! Reads one table of the configuration, key by key, and notes what is wrong.
//!
//! serde would stop at the first mistake and knows no place for what came
//! from the environment; operators get all mistakes at once, each with its
//! place.
//!
//! A reader that answers [`Noted`] has noted a problem. Callers ask for all keys
//! first and then take with `?` what they need.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use super::{
    problem::{Place, Problem, Problems, nearest},
    tree::{Entry, Node, Value},
};

/// What readers share.
#[derive(Debug, Clone, Copy)]
pub(super) struct Desk<'a> {
    pub(super) problems: &'a Problems,
    /// Relative paths are taken from here: the configuration file's folder.
    pub(super) folder: &'a Path,
}

/// One table. When it is dropped, the keys that nobody asked for are noted.
#[derive(Debug)]
pub(super) struct Section<'a> {
    desk: Desk<'a>,
    /// As in `ehr[0].visits`; empty at the top.
    path: String,
    place: Place,
    entries: BTreeMap<String, Entry>,
    /// The keys that were asked for, and where they stand if they do.
    asked: Vec<(&'static str, Option<Place>)>,
}

/// A value that is there.
#[derive(Debug)]
pub(super) struct Field<'a> {
    pub(super) desk: Desk<'a>,
    path: String,
    place: Place,
    pub(super) value: Value,
}

/// There is nothing to go on with: a problem was noted.
#[derive(Debug)]
pub(super) struct Noted;

/// Why a value cannot be used.
#[derive(Debug)]
pub(super) struct Wrong {
    /// What is wrong, to follow the key and a colon.
    pub(super) what: String,
    /// What would be right.
    pub(super) right: String,
}

impl Wrong {
    pub(super) fn new(what: impl Into<String>, right: impl Into<String>) -> Self {
        Self { what: what.into(), right: right.into() }
    }
}

impl<'a> Section<'a> {
    /// The whole configuration.
    pub(super) fn root(desk: Desk<'a>, node: Node) -> Self {
        Self::new(desk, String::new(), node.place, node.value)
    }

    fn new(desk: Desk<'a>, path: String, place: Place, value: Value) -> Self {
        let entries = if let Value::Table(entries) = value {
            entries
        } else {
            let what = format!("{path}: this is no table");
            let right = format!("[{path}] with keys below it");
            desk.problems.add(Problem { place: place.clone(), what, right });
            BTreeMap::new()
        };
        Self { desk, path, place, entries, asked: Vec::new() }
    }

    /// The value of a key that must be there.
    pub(super) fn required<T>(
        &mut self,
        key: &'static str,
        right: &str,
        read: impl FnOnce(&Field<'a>) -> Result<T, Wrong>,
    ) -> Result<T, Noted> {
        let found = self.optional(key, read)?;
        found.ok_or_else(|| self.wrong(key, Wrong::new("this is missing", right)))
    }

    /// The value of a key that may be left out.
    pub(super) fn optional<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&Field<'a>) -> Result<T, Wrong>,
    ) -> Result<Option<T>, Noted> {
        let Some(field) = self.field(key) else { return Ok(None) };
        read(&field).map(Some).map_err(|wrong| field.note(wrong))
    }

    /// The value of a key, or this.
    pub(super) fn or<T>(
        &mut self,
        key: &'static str,
        default: T,
        read: impl FnOnce(&Field<'a>) -> Result<T, Wrong>,
    ) -> Result<T, Noted> {
        self.optional(key, read).map(|value| value.unwrap_or(default))
    }

    /// The table below a key.
    pub(super) fn section(&mut self, key: &'static str) -> Option<Section<'a>> {
        let Field { desk, path, place, value } = self.field(key)?;
        Some(Section::new(desk, path, place, value))
    }

    /// The table below a key, or one without entries.
    pub(super) fn section_or_empty(&mut self, key: &'static str) -> Section<'a> {
        let path = self.path_of(key);
        let place = self.place.clone();
        let desk = self.desk;
        self.section(key).unwrap_or_else(|| Section::new(desk, path, place, Value::Table(BTreeMap::new())))
    }

    /// The tables of a list: `[[key]]`.
    pub(super) fn sections(&mut self, key: &'static str) -> Vec<Section<'a>> {
        let Some(Field { desk, path, place, value }) = self.field(key) else { return Vec::new() };
        let Value::List(nodes) = value else {
            let what = format!("{path}: this is no list of tables");
            desk.problems.add(Problem { place, what, right: format!("[[{path}]], once for each") });
            return Vec::new();
        };
        let section = |(index, node): (usize, Node)| {
            Section::new(desk, format!("{path}[{index}]"), node.place, node.value)
        };
        nodes.into_iter().enumerate().map(section).collect()
    }

    /// Notes that a key cannot be as it is; at its place, or its table's.
    pub(super) fn wrong(&self, key: &str, Wrong { what, right }: Wrong) -> Noted {
        let place = self.asked.iter().find_map(|(asked, place)| place.as_ref().filter(|_| *asked == key));
        let place = place.unwrap_or(&self.place).clone();
        let what = format!("{}: {what}", self.path_of(key));
        self.desk.problems.add(Problem { place, what, right });
        Noted
    }

    fn field(&mut self, key: &'static str) -> Option<Field<'a>> {
        let path = self.path_of(key);
        let entry = self.entries.remove(key);
        self.asked.push((key, entry.as_ref().map(|entry| entry.node.place.clone())));
        let Entry { node: Node { place, value }, .. } = entry?;
        Some(Field { desk: self.desk, path, place, value })
    }

    fn path_of(&self, key: &str) -> String {
        match self.path.as_str() {
            "" => key.to_owned(),
            path => format!("{path}.{key}"),
        }
    }
}

impl Drop for Section<'_> {
    fn drop(&mut self) {
        for (key, Entry { place, .. }) in &self.entries {
            let what = format!("{}: there is no such key", self.path_of(key));
            let known: Vec<_> = self.asked.iter().map(|(key, _)| *key).collect();
            let right = match nearest(key, known.iter().copied()) {
                Some(meant) => format!("{meant} (did you mean that?)"),
                None => format!("one of {}", known.join(", ")),
            };
            self.desk.problems.add(Problem { place: place.clone(), what, right });
        }
    }
}

impl Field<'_> {
    /// Notes why the value cannot be used.
    fn note(&self, Wrong { what, right }: Wrong) -> Noted {
        let what = format!("{}: {what}", self.path);
        self.desk.problems.add(Problem { place: self.place.clone(), what, right });
        Noted
    }

    /// The text that must stand here.
    pub(super) fn text(&self, right: &str) -> Result<&str, Wrong> {
        match &self.value {
            Value::Text(text) => Ok(text),
            _ => Err(Wrong::new("this is no text", format!("{right}, between quotes"))),
        }
    }

    /// The values of the list that must stand here.
    pub(super) fn texts(&self, right: &str) -> Result<Vec<&str>, Wrong> {
        let no_list = || Wrong::new("this is no list of texts", format!("{right}, as [\"…\", \"…\"]"));
        let Value::List(nodes) = &self.value else { return Err(no_list()) };
        nodes
            .iter()
            .map(|node| match &node.value {
                Value::Text(text) => Ok(text.as_str()),
                _ => Err(no_list()),
            })
            .collect()
    }

    /// The path that must stand here, from the configuration file's folder.
    pub(super) fn path(&self) -> Result<PathBuf, Wrong> {
        let text = self.text("a path")?;
        if text.is_empty() {
            return Err(Wrong::new("this is empty", "a path"));
        }
        Ok(self.desk.folder.join(text))
    }

    /// Whether the value came from the environment, where all is text.
    pub(super) fn is_variable(&self) -> bool {
        matches!(self.place, Place::Variable(_))
    }
}
