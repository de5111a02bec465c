use std::collections::BTreeMap;

use jiff::SignedDuration;
use visit::Role;

use crate::{InvalidSetting, Word};

/// Who is reported to one EHR connection, how soon and for how long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusPolicy {
    id_types: BTreeMap<Role, Word>,
    grace: SignedDuration,
    give_up_after: SignedDuration,
}

impl StatusPolicy {
    /// How long a rejoin may take unless the configuration says otherwise.
    pub const DEFAULT_GRACE: SignedDuration = SignedDuration::from_secs(30);

    /// How long delivery is tried unless the configuration says otherwise: a
    /// night's downtime of the EHR.
    pub const DEFAULT_GIVE_UP_AFTER: SignedDuration = SignedDuration::from_hours(6);

    /// - `id_types`: the EHR's word for the kind of id, by role. Only roles
    ///   that stand here are reported.
    /// - `grace`: how long after a lost connection the person may come back
    ///   without a word to the EHR; at most 10 minutes.
    /// - `give_up_after`: how old a report may be when an attempt fails for
    ///   that attempt to be followed by another; 1 minute to 7 days.
    pub fn new(
        id_types: BTreeMap<Role, Word>,
        grace: SignedDuration,
        give_up_after: SignedDuration,
    ) -> Result<Self, InvalidSetting> {
        if !(SignedDuration::ZERO..=SignedDuration::from_mins(10)).contains(&grace) {
            return Err(InvalidSetting { what: "grace time", rule: "0 s to 10 minutes" });
        }
        if !(SignedDuration::from_mins(1)..=SignedDuration::from_hours(7 * 24)).contains(&give_up_after) {
            return Err(InvalidSetting { what: "time to give up after", rule: "1 minute to 7 days" });
        }
        Ok(Self { id_types, grace, give_up_after })
    }

    /// The id types of the default: provider `1`, patient `2`, proxy `2`;
    /// others are not reported.
    ///
    /// `1` and `2` are inferred from public examples (`ExternalID=FAMMD`, an
    /// Epic user, with `1`; a number with `2`). That a proxy is a `2` as well
    /// is an assumption.
    pub fn default_id_types() -> BTreeMap<Role, Word> {
        BTreeMap::from([
            (Role::Provider, Word::known("1")),
            (Role::Patient, Word::known("2")),
            (Role::Proxy, Word::known("2")),
        ])
    }

    /// The EHR's word for this role's kind of id; `None`: not reported.
    pub fn id_type(&self, role: Role) -> Option<&Word> {
        self.id_types.get(&role)
    }

    /// How long a rejoin may take.
    pub fn grace(&self) -> SignedDuration {
        self.grace
    }

    /// How old a report may become before delivery is given up.
    pub fn give_up_after(&self) -> SignedDuration {
        self.give_up_after
    }
}

impl Default for StatusPolicy {
    fn default() -> Self {
        Self {
            id_types: Self::default_id_types(),
            grace: Self::DEFAULT_GRACE,
            give_up_after: Self::DEFAULT_GIVE_UP_AFTER,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_roles_with_an_id_type_are_reported() {
        let policy = StatusPolicy::default();
        let reported = Role::ALL.into_iter().filter(|role| policy.id_type(*role).is_some());
        assert_eq!(reported.collect::<Vec<_>>(), [Role::Provider, Role::Patient, Role::Proxy]);
    }

    #[test]
    fn times_have_bounds() {
        let policy = |grace, give_up| StatusPolicy::new(BTreeMap::new(), grace, give_up);
        let hour = SignedDuration::from_hours(1);
        assert!(policy(SignedDuration::ZERO, hour).is_ok());
        assert!(policy(SignedDuration::from_secs(-1), hour).is_err());
        assert!(policy(hour, hour).is_err());
        assert!(policy(SignedDuration::ZERO, SignedDuration::from_secs(59)).is_err());
        assert!(policy(SignedDuration::ZERO, SignedDuration::from_hours(169)).is_err());
    }
}
