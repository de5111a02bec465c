use jiff::{SignedDuration, Timestamp, civil::DateTime, tz::TimeZone};
use visit::{Role, SessionId};

use super::{DisplayName, ExternalId, LinkScheme, fields::Fields};

/// What Epic's `LinkValidityPeriod` may be, in minutes.
const LONGEST_VALIDITY: i64 = 43_200;

/// What a link says, each part checked for itself.
#[derive(Debug)]
pub(crate) struct Claims {
    pub(crate) session: SessionId,
    pub(crate) role: Role,
    pub(crate) external_id: ExternalId,
    pub(crate) name: Option<DisplayName>,
    pub(crate) issued_at: Option<Timestamp>,
    pub(crate) appointment_at: Option<Timestamp>,
    /// The link's own limit, if it has one.
    pub(crate) validity: Option<SignedDuration>,
    pub(crate) fields: Fields,
}

impl Claims {
    /// Reads a decrypted text. What is there and wrong refuses the link, a
    /// name that cannot be shown excepted.
    pub(crate) fn read(text: &[u8], scheme: &LinkScheme) -> Option<Self> {
        let fields = Fields::of_link(text)?;
        let names = &scheme.names;
        let optional = |name: &Option<String>| name.as_ref().and_then(|name| fields.get(name));
        let appointment_at = match (optional(&names.appointment_time), &scheme.appointment_zone) {
            (Some(text), Some(zone)) => Some(local_time(text, zone)?),
            _ => None,
        };
        let issued_at = match optional(&names.timestamp) {
            Some(text) => Some(Timestamp::from_second(number(text)?).ok()?),
            None => None,
        };
        let validity = match optional(&names.validity) {
            Some(text) => Some(minutes(text)?),
            None => None,
        };
        Some(Self {
            session: fields.get(&names.session)?.trim().parse().ok()?,
            role: role(fields.get(&names.role)?.trim(), scheme)?,
            external_id: ExternalId::read(fields.get(&names.external_id)?)?,
            name: DisplayName::of(fields.get(&names.first_name), fields.get(&names.last_name)),
            issued_at,
            appointment_at,
            validity,
            fields,
        })
    }
}

fn role(code: &str, scheme: &LinkScheme) -> Option<Role> {
    let is = |ours: &Option<String>| ours.as_deref().is_some_and(|ours| ours.trim() == code);
    match () {
        () if is(&scheme.roles.provider) => Some(Role::Provider),
        () if is(&scheme.roles.patient) => Some(Role::Patient),
        () => None,
    }
}

/// Digits and nothing else: `i64`'s own reading allows a sign.
fn number(text: &str) -> Option<i64> {
    let text = text.trim();
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

/// 0 is no limit; more than Epic allows is wrong.
fn minutes(text: &str) -> Option<SignedDuration> {
    match number(text)? {
        0 => Some(SignedDuration::MAX),
        minutes @ 1..=LONGEST_VALIDITY => Some(SignedDuration::from_mins(minutes)),
        _ => None,
    }
}

/// Reads `08/11/2020 02:00 PM`.
fn local_time(text: &str, zone: &TimeZone) -> Option<Timestamp> {
    let local = DateTime::strptime("%m/%d/%Y %I:%M %p", text.trim()).ok()?;
    Some(local.to_zoned(zone.clone()).ok()?.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_digits() {
        assert_eq!(number(" 1647925975 "), Some(1_647_925_975));
        for bad in ["", "-1", "+1", "1e3", "1.5", "٣", "99999999999999999999"] {
            assert_eq!(number(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_validity_of_zero_is_no_limit() {
        assert_eq!(minutes("0"), Some(SignedDuration::MAX));
        assert_eq!(minutes("60"), Some(SignedDuration::from_mins(60)));
        assert_eq!(minutes("43200"), Some(SignedDuration::from_mins(43_200)));
        assert_eq!(minutes("43201"), None);
    }

    #[test]
    fn an_appointments_time_is_local() {
        let chicago = TimeZone::get("America/Chicago").unwrap();
        let at = local_time(" 08/11/2020 02:00 PM", &chicago);
        assert_eq!(at, Some("2020-08-11T19:00:00Z".parse().unwrap()));
        assert_eq!(local_time("2020-08-11T14:00", &chicago), None);
    }
}
