//! Reads one table of the configuration, key by key, and notes what is wrong.
//!
//! serde would stop at the first mistake and knows no place for what came
//! from the environment; operators get all mistakes at once, each with its
//! place.
//!
//! A reader answers `None` where it has noted a problem. What is optional is
//! therefore `Option<Option<T>>`: with `?` only what is right remains.

use std::{
    cell::Cell,
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
    asked: Vec<&'static str>,
    lenient: Cell<bool>,
}

/// A value that is there.
#[derive(Debug)]
pub(super) struct Field<'a> {
    pub(super) desk: Desk<'a>,
    path: String,
    place: Place,
    pub(super) value: Value,
}

/// Why a value cannot be used.
#[derive(Debug)]
pub(super) struct Wrong {
    /// What is wrong, to follow the key and a colon.
    pub(super) what: String,
    /// What would be right.
    pub(super) right: String,
}

impl Wrong {
    pub(super) fn new(what: impl ToString, right: impl ToString) -> Self {
        Self { what: what.to_string(), right: right.to_string() }
    }
}

impl<'a> Section<'a> {
    /// The whole configuration.
    pub(super) fn root(desk: Desk<'a>, node: Node) -> Self {
        Self::new(desk, String::new(), node.place, node.value)
    }

    fn new(desk: Desk<'a>, path: String, place: Place, value: Value) -> Self {
        let (entries, lenient) = match value {
            Value::Table(entries) => (entries, false),
            _ => {
                let what = format!("{path}: this is no table");
                let right = format!("[{path}] with keys below it");
                desk.problems.add(Problem { place: place.clone(), what, right });
                (BTreeMap::new(), true)
            }
        };
        Self { desk, path, place, entries, asked: Vec::new(), lenient: Cell::new(lenient) }
    }

    /// As in `ehr[0]`.
    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// Whether the key is there.
    pub(super) fn has(&self, key: &str) -> bool {
        self.entries.contains_key(key)
    }

    /// The value of a key that must be there.
    pub(super) fn required<T>(
        &mut self,
        key: &'static str,
        right: &str,
        read: impl FnOnce(&Field<'a>) -> Result<T, Wrong>,
    ) -> Option<T> {
        let found = self.optional(key, read)?;
        if found.is_none() {
            self.wrong(key, Wrong::new("this is missing", right));
        }
        found
    }

    /// The value of a key that may be left out.
    pub(super) fn optional<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&Field<'a>) -> Result<T, Wrong>,
    ) -> Option<Option<T>> {
        let Some(field) = self.field(key) else { return Some(None) };
        match read(&field) {
            Ok(value) => Some(Some(value)),
            Err(wrong) => {
                field.note(wrong);
                None
            }
        }
    }

    /// The value of a key, or this.
    pub(super) fn or<T>(
        &mut self,
        key: &'static str,
        default: T,
        read: impl FnOnce(&Field<'a>) -> Result<T, Wrong>,
    ) -> Option<T> {
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

    /// Notes that a key, or this whole table, cannot be as it is.
    pub(super) fn wrong(&self, key: &str, Wrong { what, right }: Wrong) {
        let what = format!("{}: {what}", self.path_of(key));
        self.desk.problems.add(Problem { place: self.place.clone(), what, right });
    }

    fn field(&mut self, key: &'static str) -> Option<Field<'a>> {
        self.asked.push(key);
        let path = self.path_of(key);
        let Entry { node: Node { place, value }, .. } = self.entries.remove(key)?;
        Some(Field { desk: self.desk, path, place, value })
    }

    fn path_of(&self, key: &str) -> String {
        match (self.path.as_str(), key) {
            ("", key) => key.to_owned(),
            (path, "") => path.to_owned(),
            (path, key) => format!("{path}.{key}"),
        }
    }
}

impl Drop for Section<'_> {
    fn drop(&mut self) {
        if self.lenient.get() {
            return;
        }
        for (key, Entry { place, .. }) in &self.entries {
            let what = format!("{}: there is no such key", self.path_of(key));
            let right = match nearest(key, self.asked.iter().copied()) {
                Some(meant) => format!("{meant} (did you mean that?)"),
                None => format!("one of {}", self.asked.join(", ")),
            };
            self.desk.problems.add(Problem { place: place.clone(), what, right });
        }
    }
}

impl Field<'_> {
    /// Notes why the value cannot be used.
    pub(super) fn note(&self, Wrong { what, right }: Wrong) {
        let what = format!("{}: {what}", self.path);
        self.desk.problems.add(Problem { place: self.place.clone(), what, right });
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
