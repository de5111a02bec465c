//! The configuration as a tree in which every part knows where it stands:
//! the TOML file, with what the environment puts over it.

use std::{collections::BTreeMap, fmt};

use toml::{
    Spanned,
    de::{DeString, DeTable, DeValue},
};

use super::problem::{Place, Problem, Problems};

/// Environment variables of the configuration begin with this and separate
/// the parts of a key by two underscores: `ANTEROOM_SERVER__LISTEN`,
/// `ANTEROOM_EHR__0__NAME`.
const PREFIX: &str = "ANTEROOM_";

#[derive(Debug)]
pub(super) struct Node {
    pub(super) place: Place,
    pub(super) value: Value,
}

#[derive(Debug)]
pub(super) enum Value {
    Table(BTreeMap<String, Entry>),
    List(Vec<Node>),
    /// From the environment everything is text.
    Text(String),
    Integer(i64),
    /// A truth value, a number with a fraction, a date: nothing of ours is one.
    Other,
}

#[derive(Debug)]
pub(super) struct Entry {
    /// Where the key stands.
    pub(super) place: Place,
    pub(super) node: Node,
}

/// Reads the file's text. What is no TOML is noted and the rest read.
pub(super) fn parse(text: &str, problems: &Problems) -> Node {
    let places = Places(text);
    let (document, errors) = DeTable::parse_recoverable(text);
    for error in errors {
        let place = error.span().map_or(Place::START, |span| places.at(span.start));
        problems.add(Problem {
            place,
            what: format!("this is no TOML: {}", error.message().replace('\n', ", ")),
            right: "TOML 1.0, as in: key = \"value\"".to_owned(),
        });
    }
    Node { place: Place::START, value: Value::Table(places.entries(document.into_inner())) }
}

struct Places<'a>(&'a str);

impl Places<'_> {
    fn at(&self, offset: usize) -> Place {
        let before = self.0.get(..offset).unwrap_or(self.0);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Place::File {
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
        }
    }

    fn entries(&self, table: DeTable<'_>) -> BTreeMap<String, Entry> {
        let entry = |(key, value): (Spanned<DeString<'_>>, Spanned<DeValue<'_>>)| {
            let place = self.at(key.span().start);
            (key.into_inner().into_owned(), Entry { place, node: self.node(value) })
        };
        table.into_iter().map(entry).collect()
    }

    fn node(&self, value: Spanned<DeValue<'_>>) -> Node {
        let place = self.at(value.span().start);
        let value = match value.into_inner() {
            DeValue::Table(table) => Value::Table(self.entries(table)),
            DeValue::Array(list) => Value::List(list.into_iter().map(|value| self.node(value)).collect()),
            DeValue::String(text) => Value::Text(text.into_owned()),
            DeValue::Integer(digits) => {
                i64::from_str_radix(digits.as_str(), digits.radix()).map_or(Value::Other, Value::Integer)
            }
            DeValue::Boolean(_) | DeValue::Float(_) | DeValue::Datetime(_) => Value::Other,
        };
        Node { place, value }
    }
}

/// One step of a variable's way into the tree. Numbers come first, so that
/// sorted variables fill a list from its beginning.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Index(usize),
    Key(String),
}

/// Puts the environment over the file.
pub(super) fn put_over(
    root: &mut Node,
    environment: impl IntoIterator<Item = (String, String)>,
    problems: &Problems,
) {
    let mut variables: Vec<(Vec<Step>, String, String)> =
        environment.into_iter().filter_map(|(name, text)| Some((steps(&name)?, name, text))).collect();
    // Of two with one name the later counts.
    variables.sort_by(|one, other| one.0.cmp(&other.0));
    for (steps, name, text) in variables {
        let place = Place::Variable(name);
        if let Err(what) = put(root, &steps, &place, text) {
            let right = "a key of the configuration; lists count from 0 without a gap".to_owned();
            problems.add(Problem { place, what, right });
        }
    }
}

/// The way that a variable's name describes; `None`: it is none of ours.
fn steps(name: &str) -> Option<Vec<Step>> {
    let (first, rest) = name.strip_prefix(PREFIX)?.split_once("__")?;
    let step = |part: &str| part.parse().map_or_else(|_| Step::Key(part.to_ascii_lowercase()), Step::Index);
    Some([first].into_iter().chain(rest.split("__")).map(step).collect())
}

fn put(node: &mut Node, steps: &[Step], place: &Place, text: String) -> Result<(), String> {
    let Some((step, rest)) = steps.split_first() else {
        *node = Node { place: place.clone(), value: Value::Text(text) };
        return Ok(());
    };
    if !matches!(node.value, Value::Table(_) | Value::List(_)) {
        *node = empty(Some(step), place);
    }
    let next = match (&mut node.value, step) {
        (Value::Table(entries), Step::Key(key)) => {
            let fresh = || Entry { place: place.clone(), node: empty(rest.first(), place) };
            &mut entries.entry(key.clone()).or_insert_with(fresh).node
        }
        (Value::List(nodes), Step::Index(index)) if *index <= nodes.len() => {
            if *index == nodes.len() {
                nodes.push(empty(rest.first(), place));
            }
            &mut nodes[*index]
        }
        (Value::List(nodes), step) => return Err(format!("{step} is no place in a list of {}", nodes.len())),
        (_, step) => return Err(format!("{step} is no key")),
    };
    put(next, rest, place, text)
}

/// What a step leads into.
fn empty(step: Option<&Step>, place: &Place) -> Node {
    let value = match step {
        Some(Step::Index(_)) => Value::List(Vec::new()),
        Some(Step::Key(_)) => Value::Table(BTreeMap::new()),
        None => Value::Text(String::new()),
    };
    Node { place: place.clone(), value }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Index(index) => index.fmt(f),
            Self::Key(key) => key.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_two_variables_with_one_name_the_later_counts() {
        let problems = Problems::default();
        let mut root = parse("", &problems);
        let twice = ["z", "a"].map(|text| ("ANTEROOM_SERVER__LISTEN".to_owned(), text.to_owned()));
        put_over(&mut root, twice, &problems);
        let Value::Table(top) = root.value else { panic!("the root is a table") };
        let Value::Table(server) = &top["server"].node.value else { panic!("[server] is a table") };
        assert!(matches!(&server["listen"].node.value, Value::Text(text) if text == "a"));
    }
}
