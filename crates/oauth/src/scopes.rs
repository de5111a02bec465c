use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// The scopes of a token answer, each once.
///
/// Servers write them with a prefix or without (`Patient.read`), in v1 or v2
/// form, in mixed case, twice, or not at all, which means: as requested
/// (RFC 6749 5.1).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GrantedScopes(Option<BTreeSet<String>>);

impl GrantedScopes {
    pub(crate) fn read(scope: Option<&str>) -> Self {
        Self(scope.map(|scope| scope.split_whitespace().map(str::to_owned).collect()))
    }

    /// Which of these resource types may not be read. Empty where the server
    /// did not say what it granted.
    pub fn missing_reads<'a>(&self, resource_types: &[&'a str]) -> Vec<&'a str> {
        let Some(scopes) = &self.0 else { return Vec::new() };
        let missing = |wanted: &&&str| !scopes.iter().any(|scope| allows_reading(scope, wanted));
        resource_types.iter().filter(missing).copied().collect()
    }
}

fn allows_reading(scope: &str, wanted: &str) -> bool {
    let scope = scope.split_once('?').map_or(scope, |(scope, _)| scope);
    let scope = scope.split_once('/').map_or(scope, |(_, scope)| scope);
    let Some((resource_type, permission)) = scope.split_once('.') else { return false };
    let reads = match permission.to_ascii_lowercase().as_str() {
        "*" | "read" => true,
        "write" | "search" => false,
        v2 => v2.contains('r') && v2.bytes().all(|byte| b"cruds".contains(&byte)),
    };
    reads && (resource_type == "*" || resource_type == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn missing(scope: &str) -> String {
        GrantedScopes::read(Some(scope)).missing_reads(&["Appointment", "Patient"]).join(" ")
    }

    #[test]
    fn whatever_the_form() {
        for all in [
            "user/Appointment.read user/Patient.Read launch openid ",
            "patient/*.rs",
            "*.*",
            "Appointment.read Appointment.Read Patient.search Patient.read",
            "user/Appointment.cruds?status=booked user/Patient.r",
        ] {
            assert_eq!(missing(all), "", "{all}");
        }
        assert_eq!(missing("user/Appointment.write user/Patient.search launch"), "Appointment Patient");
        assert_eq!(missing("user/Patient.rs openid"), "Appointment");
        assert_eq!(missing(""), "Appointment Patient");
        assert!(GrantedScopes::read(None).missing_reads(&["Appointment"]).is_empty());
    }
}
