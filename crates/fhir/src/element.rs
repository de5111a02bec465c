use fhir_model::r4b::types;
use jiff::{Timestamp, civil};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use serde_path_to_error::{Path, Segment};

use crate::{DisplayText, FhirServer, Kind, Oddity, Reference};

/// How much of one element may be left out before all of it is.
const MOST_DROPS: usize = 8;

/// One object of a resource, read element by element. Each element that the
/// visit needs is read on its own by fhir-model's type for it, so that an odd
/// one costs itself and not the resource; what nobody asks for cannot be odd.
/// (fhir-model's whole resources refuse everything for one unknown code.)
pub(crate) struct Element<'a> {
    json: &'a Map<String, Value>,
    path: String,
    server: &'a FhirServer,
}

impl<'a> Element<'a> {
    /// A resource's root; `None` where it is of another type.
    pub(crate) fn resource(json: &'a Value, kind: &str, server: &'a FhirServer) -> Option<Self> {
        let json = json.as_object()?;
        (json.get("resourceType")?.as_str()? == kind).then(|| Self { json, path: kind.to_owned(), server })
    }

    /// The place of an element of this one.
    pub(crate) fn path_of(&self, name: &str) -> String {
        format!("{}.{name}", self.path)
    }

    /// An element's values: none, one, or an array's. Servers that send one
    /// value where an array belongs are understood; nulls are passed over.
    fn values(&self, name: &str) -> Vec<(&'a Value, String)> {
        let path = self.path_of(name);
        match self.json.get(name) {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::Array(values)) => values
                .iter()
                .enumerate()
                .filter(|(_, value)| !value.is_null())
                .map(|(index, value)| (value, format!("{path}[{index}]")))
                .collect(),
            Some(value) => vec![(value, path)],
        }
    }

    /// The objects of a backbone element, such as `participant`.
    pub(crate) fn objects(&self, name: &str, oddities: &mut Vec<Oddity>) -> Vec<Element<'a>> {
        let mut objects = Vec::new();
        for (value, path) in self.values(name) {
            match value.as_object() {
                Some(json) => objects.push(Element { json, path, server: self.server }),
                None => oddities.push(Oddity::dropped(path)),
            }
        }
        objects
    }

    /// A string.
    pub(crate) fn text(&self, name: &str, oddities: &mut Vec<Oddity>) -> Option<&'a str> {
        match self.json.get(name)? {
            Value::String(text) => Some(text),
            Value::Null => None,
            _ => {
                oddities.push(Oddity::dropped(self.path_of(name)));
                None
            }
        }
    }

    /// A value that parses itself: an id, a code.
    pub(crate) fn parsed<T: std::str::FromStr>(&self, name: &str, oddities: &mut Vec<Oddity>) -> Option<T> {
        let parsed = self.text(name, oddities)?.parse().ok();
        if parsed.is_none() {
            oddities.push(Oddity::dropped(self.path_of(name)));
        }
        parsed
    }

    /// An instant. One without a zone is read in the EHR connection's zone: a
    /// visit at a slightly doubtful time is better than none.
    pub(crate) fn instant(&self, name: &str, oddities: &mut Vec<Oddity>) -> Option<Timestamp> {
        let text = self.text(name, oddities)?;
        if let Ok(instant) = text.parse() {
            return Some(instant);
        }
        let local = text
            .contains('T')
            .then(|| text.parse::<civil::DateTime>().ok())
            .flatten()
            .and_then(|local| local.to_zoned(self.server.time_zone.clone()).ok());
        oddities.push(match local {
            Some(_) => Oddity::zone_assumed(self.path_of(name)),
            None => Oddity::dropped(self.path_of(name)),
        });
        local.map(|local| local.timestamp())
    }

    /// A whole number above zero.
    pub(crate) fn positive(&self, name: &str, oddities: &mut Vec<Oddity>) -> Option<u32> {
        let value = self.json.get(name).filter(|value| !value.is_null())?;
        let number =
            value.as_u64().and_then(|number| u32::try_from(number).ok()).filter(|number| *number > 0);
        if number.is_none() {
            oddities.push(Oddity::dropped(self.path_of(name)));
        }
        number
    }

    /// References with what they show. One that leads elsewhere keeps its
    /// display and loses its target.
    pub(crate) fn references(&self, name: &str, oddities: &mut Vec<Oddity>) -> Vec<Shown> {
        let mut references = Vec::new();
        for (value, path) in self.values(name) {
            let Some(types::Reference(reference)) = read_reference(value, &path, oddities) else { continue };
            let text = reference.reference.as_deref();
            let target = text.and_then(|text| self.server.base.reference(text));
            // Another server's patient is still a patient, of whom no more is known.
            let named = || text?.rsplit('/').nth(1)?.parse().ok();
            let typed = || reference.r#type.as_deref()?.parse().ok();
            references.push(Shown {
                kind: target.as_ref().map(|target| target.kind).or_else(named).or_else(typed),
                target,
                display: reference.display.as_deref().and_then(DisplayText::new),
            });
        }
        references
    }

    /// The first reference of an element.
    pub(crate) fn reference(&self, name: &str, oddities: &mut Vec<Oddity>) -> Option<Shown> {
        self.references(name, oddities).into_iter().next()
    }

    /// Identifiers.
    pub(crate) fn identifiers(&self, oddities: &mut Vec<Oddity>) -> Vec<types::Identifier> {
        self.values("identifier")
            .into_iter()
            .filter_map(|(value, path)| read_identifier(value, &path, oddities))
            .collect()
    }

    /// Names.
    pub(crate) fn names(&self, oddities: &mut Vec<Oddity>) -> Vec<types::HumanName> {
        self.values("name")
            .into_iter()
            .filter_map(|(value, path)| read_name(value, &path, oddities))
            .collect()
    }

    /// What a coded element says to people: its text, or a coding's display.
    pub(crate) fn concept(&self, name: &str, oddities: &mut Vec<Oddity>) -> Option<DisplayText> {
        let (value, path) = self.values(name).into_iter().next()?;
        let types::CodeableConcept(concept) = read_concept(value, &path, oddities)?;
        let displays = concept.coding.iter().flatten().filter_map(|coding| coding.0.display.as_deref());
        concept.text.as_deref().into_iter().chain(displays).find_map(DisplayText::new)
    }
}

/// A reference as it is read: where it leads, if that is ours, and what it
/// shows.
pub(crate) struct Shown {
    pub(crate) kind: Option<Kind>,
    pub(crate) target: Option<Reference>,
    pub(crate) display: Option<DisplayText>,
}

// fhir-model's types are large to compile; they are instantiated here, once.

fn read_reference(json: &Value, path: &str, oddities: &mut Vec<Oddity>) -> Option<types::Reference> {
    read(json, path, oddities)
}

fn read_identifier(json: &Value, path: &str, oddities: &mut Vec<Oddity>) -> Option<types::Identifier> {
    read(json, path, oddities)
}

fn read_name(json: &Value, path: &str, oddities: &mut Vec<Oddity>) -> Option<types::HumanName> {
    read(json, path, oddities)
}

fn read_concept(json: &Value, path: &str, oddities: &mut Vec<Oddity>) -> Option<types::CodeableConcept> {
    read(json, path, oddities)
}

/// Reads one element; what its type refuses is left out, innermost first.
fn read<T: DeserializeOwned>(json: &Value, path: &str, oddities: &mut Vec<Oddity>) -> Option<T> {
    let mut place = match serde_path_to_error::deserialize(json) {
        Ok(element) => return Some(element),
        Err(error) => error.path().clone(),
    };
    let mut rest = json.clone();
    for _ in 0..MOST_DROPS {
        let Some(dropped) = leave_out(&mut rest, &place) else { break };
        oddities.push(Oddity::dropped(format!("{path}{dropped}")));
        match serde_path_to_error::deserialize(&rest) {
            Ok(element) => return Some(element),
            Err(error) => place = error.path().clone(),
        }
    }
    oddities.push(Oddity::dropped(path));
    None
}

/// Takes out what stands at the place, or the nearest thing above it that
/// stands in the JSON. Answers its path, or `None` where only the whole is left.
fn leave_out(json: &mut Value, place: &Path) -> Option<String> {
    let steps = steps_within(json, place);
    let (last, above) = steps.split_last()?;
    let holder = above.iter().try_fold(json, |value, step| step.into(value))?;
    match (last, holder) {
        (Step::Key(key), Value::Object(object)) => drop(object.remove(*key)),
        (Step::Index(index), Value::Array(array)) => drop(array.remove(*index)),
        _ => return None,
    }
    Some(steps.iter().map(Step::shown).collect())
}

enum Step<'a> {
    Key(&'a str),
    Index(usize),
}

impl Step<'_> {
    fn into<'v>(&self, value: &'v mut Value) -> Option<&'v mut Value> {
        match self {
            Self::Key(key) => value.get_mut(*key),
            Self::Index(index) => value.get_mut(*index),
        }
    }

    fn shown(&self) -> String {
        match self {
            // FHIR's element names are letters; another name is somebody's text.
            Self::Key(key) if key.chars().all(|c| c.is_ascii_alphabetic() || c == '_') => format!(".{key}"),
            Self::Key(_) => ".?".to_owned(),
            Self::Index(index) => format!("[{index}]"),
        }
    }
}

fn steps_within<'p>(json: &Value, place: &'p Path) -> Vec<Step<'p>> {
    let mut steps = Vec::new();
    let mut value = json;
    for segment in place {
        let step = match segment {
            Segment::Map { key } => Step::Key(key),
            Segment::Seq { index } => Step::Index(*index),
            Segment::Enum { .. } | Segment::Unknown => break,
        };
        let inner = match step {
            Step::Key(key) => value.get(key),
            Step::Index(index) => value.get(index),
        };
        let Some(inner) = inner else { break };
        value = inner;
        steps.push(step);
    }
    steps
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn paths(oddities: &[Oddity]) -> Vec<String> {
        oddities.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_innermost_odd_thing_is_left_out() {
        let name = json!({
            "use": "weird-code",
            "family": "Doe",
            "given": ["Jane", null, 7],
            "period": {"start": "1980-02-31", "end": "2030-01-01"},
        });
        let mut oddities = Vec::new();
        let name = read_name(&name, "Patient.name[0]", &mut oddities).unwrap();
        assert_eq!(name.0.family.as_deref(), Some("Doe"));
        assert!(name.0.period.is_some());
        assert_eq!(
            paths(&oddities),
            [
                "dropped Patient.name[0].given[2]",
                "dropped Patient.name[0].period.start",
                "dropped Patient.name[0].use",
            ]
        );
    }

    #[test]
    fn an_element_of_another_shape_is_left_out_whole() {
        let mut oddities = Vec::new();
        assert!(read_name(&json!("Jane Doe"), "Patient.name", &mut oddities).is_none());
        assert_eq!(paths(&oddities), ["dropped Patient.name"]);
    }

    #[test]
    fn leaving_out_is_bounded() {
        let name = json!({"family": "Doe", "given": vec![7; 1000]});
        let mut oddities = Vec::new();
        assert!(read_name(&name, "Patient.name", &mut oddities).is_none());
        assert_eq!(oddities.len(), MOST_DROPS + 1);
    }
}
