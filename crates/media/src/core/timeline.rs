//! The media time of one slot, which must go forward although its sources come and go.

use std::time::Instant;

use str0m::media::MediaTime;

/// Maps the media times of changing sources to one that only goes forward.
///
/// A browser drops frames that look older than the last one it got on an m-line. Each source counts
/// from its own random start, so the first frame of a new one is put where the clock on the wall says
/// that it belongs, and the rest keep their distance to it.
#[derive(Debug, Default)]
pub(super) struct Timeline {
    /// Media time of the current source's first frame: as it came in, as it went out.
    anchor: Option<(u64, u64)>,
    /// When the latest frame went out, and with which time.
    last: Option<(Instant, u64)>,
}

impl Timeline {
    /// The next frame comes from another source.
    pub(super) fn change_source(&mut self) {
        self.anchor = None;
    }

    /// Where a frame of the current source belongs.
    pub(super) fn place(&mut self, now: Instant, time: MediaTime) -> MediaTime {
        let incoming = time.numer();
        let (first_in, first_out) =
            *self.anchor.get_or_insert_with(|| (incoming, start_of_source(self.last, now, time)));
        let outgoing = first_out.wrapping_add(incoming.wrapping_sub(first_in));
        self.last = Some((now, outgoing));
        MediaTime::new(outgoing, time.frequency())
    }
}

fn start_of_source(last: Option<(Instant, u64)>, now: Instant, time: MediaTime) -> u64 {
    let Some((at, out)) = last else {
        return time.numer();
    };
    let rate = u128::from(time.denom());
    let elapsed = now.saturating_duration_since(at).as_micros() * rate / 1_000_000;
    out.wrapping_add(u64::try_from(elapsed).unwrap_or(u64::MAX).max(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn the_first_source_keeps_its_own_times() {
        let mut timeline = Timeline::default();
        let now = Instant::now();
        assert_eq!(timeline.place(now, MediaTime::from_90khz(5000)).numer(), 5000);
        assert_eq!(timeline.place(now, MediaTime::from_90khz(8000)).numer(), 8000);
    }

    #[test]
    fn a_new_source_goes_on_where_the_wall_clock_stands() {
        let mut timeline = Timeline::default();
        let start = Instant::now();
        timeline.place(start, MediaTime::from_90khz(900_000));

        timeline.change_source();
        let later = start + Duration::from_secs(2);
        assert_eq!(timeline.place(later, MediaTime::from_90khz(17)).numer(), 1_080_000);
        assert_eq!(timeline.place(later, MediaTime::from_90khz(3017)).numer(), 1_083_000);
        // Reordered by the network: earlier than the first frame of its source.
        assert_eq!(timeline.place(later, MediaTime::from_90khz(10)).numer(), 1_079_993);
    }

    #[test]
    fn time_goes_forward_even_if_sources_change_at_one_instant() {
        let mut timeline = Timeline::default();
        let now = Instant::now();
        timeline.place(now, MediaTime::from_90khz(900_000));
        timeline.change_source();
        assert_eq!(timeline.place(now, MediaTime::from_90khz(0)).numer(), 900_001);
    }
}
