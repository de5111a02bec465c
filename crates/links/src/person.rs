use aws_lc_rs::digest::{Context, SHA256};
use visit::{FhirId, Person, ResourceKind, Role};

const LINK: &str = "link-";
const GUEST: &str = "guest-";
/// 160 bits: the ids stay within FHIR's 64 characters.
const HASH_BYTES: usize = 20;

/// Whether this person came by an encrypted or a direct link, so that their
/// id is a stand-in: no FHIR server knows it and none may be asked for it.
///
/// FHIR allows a server to use such ids itself, but not to hit one of ours
/// other than by a collision of 160 bits.
pub fn came_by_link(person: &Person) -> bool {
    let id = person.id.as_str();
    [LINK, GUEST].iter().filter_map(|prefix| id.strip_prefix(prefix)).any(|hash| {
        hash.len() == 2 * HASH_BYTES && hash.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    })
}

/// Who opened an encrypted link: the same for the same external id in the
/// same role at the same EHR connection.
///
/// The hash gives the id FHIR's alphabet; it is no secrecy, because external
/// ids are few enough to be tried.
pub(crate) fn by_encrypted_link(ehr: &str, role: Role, external_id: &str) -> Person {
    stand_in(LINK, role, &[ehr, role.as_str(), external_id])
}

/// Who opened a direct link: the link's seat and nobody else's.
pub(crate) fn by_guest_link(seat: &str, role: Role) -> Person {
    stand_in(GUEST, role, &[seat])
}

fn stand_in(prefix: &str, role: Role, parts: &[&str]) -> Person {
    let mut context = Context::new(&SHA256);
    context.update(b"anteroom stand-in person 1");
    for part in [&[prefix], parts].concat() {
        // No part contains a zero byte, so that no two lists of parts are one text.
        context.update(&[0]);
        context.update(part.as_bytes());
    }
    let hash = context.finish();
    let digits = hash.as_ref()[..HASH_BYTES].iter().flat_map(|byte| [byte >> 4, byte & 15]);
    let id: String = prefix
        .chars()
        .chain(digits.map(|digit| char::from(b"0123456789abcdef"[usize::from(digit)])))
        .collect();
    let id: FhirId = id.parse().expect("a prefix and hex digits are a FHIR id");
    Person::new(kind_of(role), id)
}

fn kind_of(role: Role) -> ResourceKind {
    match role {
        Role::Provider | Role::Interpreter | Role::Monitor => ResourceKind::Practitioner,
        Role::Patient => ResourceKind::Patient,
        Role::Proxy | Role::Guest => ResourceKind::RelatedPerson,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_stays_the_same_by_connection_role_and_external_id() {
        let person = by_encrypted_link("lamna", Role::Patient, "Z123");
        assert_eq!(person, by_encrypted_link("lamna", Role::Patient, "Z123"));
        for other in [
            by_encrypted_link("other", Role::Patient, "Z123"),
            by_encrypted_link("lamna", Role::Provider, "Z123"),
            by_encrypted_link("lamna", Role::Patient, "Z124"),
        ] {
            assert_ne!(person, other);
        }
    }

    #[test]
    fn stand_ins_are_told_from_people_of_a_fhir_server() {
        assert!(came_by_link(&by_encrypted_link("lamna", Role::Patient, "Z123")));
        assert!(came_by_link(&by_guest_link("seat00000000000000000a", Role::Guest)));
        for fhir in ["Patient/eb3d", "Patient/link-1", "RelatedPerson/guest-of-honour"] {
            assert!(!came_by_link(&fhir.parse().unwrap()), "{fhir}");
        }
    }
}
