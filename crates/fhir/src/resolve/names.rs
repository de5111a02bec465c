use std::collections::{BTreeSet, HashMap};

use futures_util::future::join_all;
use visit::{Person, ResourceKind};

use super::{Launcher, ResolvedVisit};
use crate::{DisplayText, FhirClient};

/// Names are for the page alone; more than these are not worth the wait.
const MOST_READS: usize = 6;

/// Fills in the names that the appointment does not show, read side by side.
/// A name that cannot be read stays away and keeps nobody out.
pub(super) async fn complete(client: &FhirClient, launcher: &Launcher, visit: &mut ResolvedVisit) {
    let places = name_places(launcher, visit);
    let mut known: HashMap<Person, DisplayText> =
        places.iter().filter_map(|(person, name)| Some((person.clone(), (**name).clone()?))).collect();
    let missing: BTreeSet<Person> = places
        .iter()
        .map(|(person, _)| person)
        .filter(|person| !known.contains_key(person))
        .cloned()
        .collect();

    let reads =
        missing.iter().take(MOST_READS).map(|person| async move { (person, client.person(person).await) });
    for (person, record) in join_all(reads).await {
        match record {
            Ok(record) => known.extend(record.value.name.map(|name| (person.clone(), name))),
            Err(error) => {
                tracing::info!(kind = person.kind.as_str(), code = error.code(), "a name cannot be read");
            }
        }
    }
    for (person, name) in places {
        if name.is_none() {
            *name = known.get(&person).cloned();
        }
    }
}

/// Everywhere that a known person's name is shown.
fn name_places<'v>(
    launcher: &Launcher,
    visit: &'v mut ResolvedVisit,
) -> Vec<(Person, &'v mut Option<DisplayText>)> {
    let mut places = vec![(launcher.person(), &mut visit.launcher_name)];
    for patient in &mut visit.patients {
        places.push((Person::new(ResourceKind::Patient, patient.id.clone()), &mut patient.name));
    }
    for attendee in &mut visit.practitioners {
        if let Some(person) = attendee.person.clone() {
            places.push((person, &mut attendee.name));
        }
    }
    places
}
