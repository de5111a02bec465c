//! Which of a browser's receiving m-lines carries whose stream.

use std::time::Instant;

use str0m::media::{MediaKind, MediaTime, Mid};

use super::PeerKey;
use super::timeline::Timeline;
use crate::message::StreamKind;

/// One stream of one connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Source {
    pub(super) peer: PeerKey,
    pub(super) kind: StreamKind,
}

impl StreamKind {
    pub(super) fn media(self) -> MediaKind {
        match self {
            Self::Audio => MediaKind::Audio,
            Self::Camera | Self::Screen => MediaKind::Video,
        }
    }
}

/// One receiving m-line of a browser.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) mid: Mid,
    pub(super) source: Option<Source>,
    kind: MediaKind,
    timeline: Timeline,
    /// Video is of no use to the decoder before a key frame.
    needs_keyframe: bool,
}

/// What to do with a frame of a slot's source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Send it, with this media time.
    Send(MediaTime),
    /// It cannot be decoded: ask the source for a key frame.
    AskForKeyframe,
}

/// What is known of a frame without reading it.
#[derive(Debug, Clone, Copy)]
pub(super) struct FrameInfo {
    pub(super) time: MediaTime,
    pub(super) keyframe: bool,
    /// Whether nothing was lost between this frame and the one before.
    pub(super) contiguous: bool,
}

impl Slot {
    /// Judges the next frame of the slot's source.
    ///
    /// Frames are packed anew for the receiver, who therefore cannot see that one is missing:
    /// after a loss it must get nothing until the next key frame, or it would show rubbish.
    pub(super) fn judge(&mut self, now: Instant, frame: FrameInfo) -> Verdict {
        if self.kind == MediaKind::Video {
            if frame.keyframe {
                self.needs_keyframe = false;
            } else if self.needs_keyframe || !frame.contiguous {
                self.needs_keyframe = true;
                return Verdict::AskForKeyframe;
            }
        }
        Verdict::Send(self.timeline.place(now, frame.time))
    }

    fn plug(&mut self, source: Option<Source>) {
        self.source = source;
        self.needs_keyframe = true;
        self.timeline.change_source();
    }
}

/// All receiving m-lines of a browser, in the order of its offer.
#[derive(Debug, Default)]
pub(super) struct Slots(Vec<Slot>);

/// What a plan has changed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Change {
    /// The sources that have got a slot.
    pub(super) plugged: Vec<Source>,
}

impl Slots {
    pub(super) fn add(&mut self, mid: Mid, kind: MediaKind) {
        self.0.push(Slot { mid, source: None, kind, timeline: Timeline::default(), needs_keyframe: true });
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Slot> {
        self.0.iter()
    }

    pub(super) fn carrying(&mut self, source: Source) -> Option<&mut Slot> {
        self.0.iter_mut().find(|slot| slot.source == Some(source))
    }

    pub(super) fn source_of(&self, mid: Mid) -> Option<Source> {
        self.0.iter().find(|slot| slot.mid == mid)?.source
    }

    /// Gives the wanted sources their slots, the first of them first where there are too few.
    /// A source that has a slot stays in it. Answers `None` if nothing changed.
    pub(super) fn plan(&mut self, wanted: &[Source]) -> Option<Change> {
        let mut changed = false;
        let mut plugged = Vec::new();
        for kind in [MediaKind::Audio, MediaKind::Video] {
            let capacity = self.0.iter().filter(|slot| slot.kind == kind).count();
            let shown: Vec<_> =
                wanted.iter().filter(|source| source.kind.media() == kind).take(capacity).copied().collect();

            for slot in self.0.iter_mut().filter(|slot| slot.kind == kind) {
                if slot.source.is_some_and(|source| !shown.contains(&source)) {
                    slot.plug(None);
                    changed = true;
                }
            }
            for source in shown {
                if self.carrying(source).is_some() {
                    continue;
                }
                let free = self.0.iter_mut().find(|slot| slot.kind == kind && slot.source.is_none());
                if let Some(slot) = free {
                    slot.plug(Some(source));
                    plugged.push(source);
                    changed = true;
                }
            }
        }
        changed.then_some(Change { plugged })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn source(peer: u64, kind: StreamKind) -> Source {
        Source { peer: PeerKey(peer), kind }
    }

    fn slots(audio: usize, video: usize) -> Slots {
        let mut slots = Slots::default();
        for n in 0..audio {
            slots.add(Mid::from(&*format!("a{n}")), MediaKind::Audio);
        }
        for n in 0..video {
            slots.add(Mid::from(&*format!("v{n}")), MediaKind::Video);
        }
        slots
    }

    fn contents(slots: &Slots) -> Vec<Option<Source>> {
        slots.iter().map(|slot| slot.source).collect()
    }

    #[test]
    fn a_stream_keeps_its_slot_while_others_come_and_go() {
        use StreamKind::Camera;
        let mut slots = slots(0, 3);
        slots.plan(&[source(1, Camera), source(2, Camera)]);
        slots.plan(&[source(2, Camera), source(3, Camera)]);
        assert_eq!(contents(&slots), [Some(source(3, Camera)), Some(source(2, Camera)), None]);
        assert_eq!(slots.plan(&[source(2, Camera), source(3, Camera)]), None);
    }

    #[test]
    fn the_first_wanted_win_where_slots_are_few() {
        use StreamKind::{Camera, Screen};
        let mut slots = slots(0, 1);
        slots.plan(&[source(1, Camera)]);
        let change = slots.plan(&[source(2, Screen), source(1, Camera)]).unwrap();
        assert_eq!(change.plugged, [source(2, Screen)]);
        assert_eq!(contents(&slots), [Some(source(2, Screen))]);
    }

    #[test]
    fn video_starts_with_a_key_frame_and_stops_at_a_loss() {
        let now = Instant::now();
        let mut slots = slots(0, 1);
        let camera = source(1, StreamKind::Camera);
        slots.plan(&[camera]);
        let slot = slots.carrying(camera).unwrap();
        let mut judge = |n, keyframe, contiguous| {
            let time = MediaTime::from_90khz(n);
            let sent = Verdict::Send(time);
            slot.judge(now, FrameInfo { time, keyframe, contiguous }) == sent
        };
        assert!(!judge(0, false, true), "nothing before the first key frame");
        assert!(judge(1, true, true));
        assert!(judge(2, false, true));
        assert!(!judge(3, false, false), "a loss");
        assert!(!judge(4, false, true), "still not decodable");
        assert!(judge(5, true, false), "a key frame heals it");
        assert!(judge(6, false, true));
    }

    #[test]
    fn audio_needs_no_key_frame() {
        let mut slots = slots(1, 0);
        let microphone = source(1, StreamKind::Audio);
        slots.plan(&[microphone]);
        let frame = FrameInfo { time: MediaTime::ZERO, keyframe: false, contiguous: false };
        let verdict = slots.carrying(microphone).unwrap().judge(Instant::now(), frame);
        assert_eq!(verdict, Verdict::Send(MediaTime::ZERO));
    }

    fn any_source() -> impl Strategy<Value = Source> {
        let kinds = vec![StreamKind::Audio, StreamKind::Camera, StreamKind::Screen];
        (0_u64..6, prop::sample::select(kinds)).prop_map(|(peer, kind)| source(peer, kind))
    }

    proptest! {
        #[test]
        fn every_plan_shows_each_wanted_stream_once_in_a_slot_of_its_kind(
            plans in prop::collection::vec(prop::collection::btree_set(any_source(), 0..18), 1..8),
        ) {
            let mut slots = slots(5, 6);
            for wanted in plans {
                let wanted: Vec<_> = wanted.into_iter().collect();
                let before = contents(&slots);
                slots.plan(&wanted);
                for (slot, before) in slots.iter().zip(before) {
                    if let Some(source) = slot.source {
                        prop_assert!(wanted.contains(&source));
                        prop_assert_eq!(source.kind.media(), slot.kind);
                        prop_assert_eq!(slots.iter().filter(|s| s.source == Some(source)).count(), 1);
                    }
                    let stays = before.filter(|b| slots.iter().any(|s| s.source == Some(*b)));
                    if stays.is_some() {
                        prop_assert_eq!(slot.source, before, "a stream moved");
                    }
                }
                for (kind, capacity) in [(MediaKind::Audio, 5), (MediaKind::Video, 6)] {
                    let of_kind = wanted.iter().filter(|s| s.kind.media() == kind).count();
                    let shown = slots.iter().filter(|s| s.kind == kind && s.source.is_some()).count();
                    prop_assert_eq!(shown, of_kind.min(capacity));
                }
            }
        }
    }
}
