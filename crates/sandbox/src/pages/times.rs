use jiff::{Timestamp, Zoned, tz::TimeZone};

/// `2:05 PM`
pub(super) fn time(moment: Timestamp, zone: &TimeZone) -> String {
    local(moment, zone).strftime("%-I:%M %p").to_string()
}

/// `Today`, `Tomorrow`, or the weekday and date.
pub(super) fn day(moment: Timestamp, now: Timestamp, zone: &TimeZone) -> String {
    let date = local(moment, zone).date();
    let today = local(now, zone).date();
    if date == today {
        "Today".to_owned()
    } else if today.tomorrow().is_ok_and(|tomorrow| date == tomorrow) {
        "Tomorrow".to_owned()
    } else {
        date.strftime("%A, %B %-d").to_string()
    }
}

/// `Saturday, November 21, 2:03 PM CST`
pub(super) fn moment(moment: Timestamp, zone: &TimeZone) -> String {
    local(moment, zone).strftime("%A, %B %-d, %-I:%M %p %Z").to_string()
}

fn local(moment: Timestamp, zone: &TimeZone) -> Zoned {
    moment.to_zoned(zone.clone())
}
