use std::fmt;

/// What was odd about an element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Odd {
    /// It could not be read and was left out.
    Dropped,
    /// A time without zone, read in the EHR connection's time zone.
    ZoneAssumed,
}

/// One odd element of a resource: its place, never its value. `Display` is fit
/// for a log line: `dropped Appointment.participant[1].actor`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Oddity {
    /// Names and positions from the resource's type down to the element.
    pub path: String,
    /// What was odd.
    pub odd: Odd,
}

impl Oddity {
    pub(crate) fn dropped(path: impl Into<String>) -> Self {
        Self { path: path.into(), odd: Odd::Dropped }
    }

    pub(crate) fn zone_assumed(path: impl Into<String>) -> Self {
        Self { path: path.into(), odd: Odd::ZoneAssumed }
    }
}

impl fmt::Display for Oddity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.odd {
            Odd::Dropped => "dropped",
            Odd::ZoneAssumed => "no zone at",
        };
        write!(f, "{what} {}", self.path)
    }
}

/// What was read, with what was odd about it.
#[derive(Default)]
pub(crate) struct Read<T> {
    pub(crate) value: T,
    pub(crate) oddities: Vec<Oddity>,
}

impl<T> Read<T> {
    /// Reads one resource.
    pub(crate) fn collecting(read: impl FnOnce(&mut Vec<Oddity>) -> Option<T>) -> Option<Self> {
        let mut oddities = Vec::new();
        read(&mut oddities).map(|value| Self { value, oddities })
    }

    /// Takes the value and adds its oddities to the others.
    pub(crate) fn noting(self, oddities: &mut Vec<Oddity>) -> T {
        oddities.extend(self.oddities);
        self.value
    }
}

impl<T> Read<Vec<T>> {
    /// Reads what can be read of many resources.
    pub(crate) fn each<J>(resources: &[J], read: impl Fn(&J, &mut Vec<Oddity>) -> Option<T>) -> Self {
        let mut oddities = Vec::new();
        let value = resources.iter().filter_map(|resource| read(resource, &mut oddities)).collect();
        Self { value, oddities }
    }
}
