//! One connection with its place: in a room, or in a connection check.

use std::time::{Duration, Instant};

use str0m::channel::{ChannelData, ChannelId};
use str0m::media::{MediaData, MediaKind, Mid};

use super::link::Link;
use super::slots::{FrameInfo, Slots, Source, Verdict};
use crate::config::Limits;
use crate::ids::{ParticipantId, RoomId, Seat};
use crate::message::{StreamKind, ToPage};

/// What a connection is for.
#[derive(Debug)]
pub(super) enum Purpose {
    /// A person in a room.
    Seat(Seat),
    /// A browser that measures its way to the server.
    Check(Echo),
}

/// How far a connection has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// The answer was given; the browser has to find its way here.
    Connecting,
    /// Media may flow.
    Up,
    /// Over for the room. The last message still has to reach the browser.
    Leaving {
        /// When the line is cut.
        until: Instant,
    },
}

/// The m-lines on which the browser sends.
#[derive(Debug, Default)]
struct Uploads {
    audio: Option<Mid>,
    camera: Option<Mid>,
    screen: Option<Mid>,
}

/// One connection with its place.
#[derive(Debug)]
pub(super) struct Peer {
    pub(super) link: Link,
    pub(super) purpose: Purpose,
    pub(super) stage: Stage,
    pub(super) since: Instant,
    pub(super) last_heard: Instant,
    /// When the core wakes this peer up.
    pub(super) alarm: Instant,
    pub(super) control: Option<ChannelId>,
    pub(super) slots: Slots,
    pub(super) published: Vec<StreamKind>,
    uploads: Uploads,
    last_keyframe_request: [Option<Instant>; 2],
}

impl Peer {
    /// A second one in this time would only make the encoder's key frame come later.
    const KEYFRAME_INTERVAL: Duration = Duration::from_millis(500);

    pub(super) fn new(link: Link, purpose: Purpose, now: Instant) -> Self {
        Self {
            link,
            purpose,
            stage: Stage::Connecting,
            since: now,
            last_heard: now,
            alarm: now,
            control: None,
            slots: Slots::default(),
            published: vec![StreamKind::Audio, StreamKind::Camera],
            uploads: Uploads::default(),
            last_keyframe_request: [None; 2],
        }
    }

    /// When this connection ends if nothing is heard from it.
    pub(super) fn deadline(&self, limits: &Limits) -> Instant {
        let silent = match self.stage {
            Stage::Connecting => self.since + limits.connect,
            Stage::Up => self.last_heard + limits.silence,
            Stage::Leaving { until } => until,
        };
        match self.purpose {
            Purpose::Check(_) => silent.min(self.since + limits.check),
            Purpose::Seat(_) => silent,
        }
    }

    /// An m-line on which the browser sends: in order of the offer, the first audio is the
    /// microphone, the first video the camera, the second the screen. More are not used.
    pub(super) fn add_upload(&mut self, mid: Mid, kind: MediaKind) {
        let uploads = &mut self.uploads;
        let place = match kind {
            MediaKind::Audio => &mut uploads.audio,
            MediaKind::Video if uploads.camera.is_none() => &mut uploads.camera,
            MediaKind::Video => &mut uploads.screen,
        };
        place.get_or_insert(mid);
    }

    fn upload(&self, kind: StreamKind) -> Option<Mid> {
        match kind {
            StreamKind::Audio => self.uploads.audio,
            StreamKind::Camera => self.uploads.camera,
            StreamKind::Screen => self.uploads.screen,
        }
    }

    /// Whether the others get this stream: there is an m-line for it, and the person wants it.
    pub(super) fn publishes(&self, kind: StreamKind) -> bool {
        self.stage == Stage::Up && self.upload(kind).is_some() && self.published.contains(&kind)
    }

    /// Which published stream came in on an m-line.
    pub(super) fn stream_on(&self, mid: Mid) -> Option<StreamKind> {
        [StreamKind::Audio, StreamKind::Camera, StreamKind::Screen]
            .into_iter()
            .find(|kind| self.upload(*kind) == Some(mid) && self.publishes(*kind))
    }

    /// Asks for a key frame, unless that was done a moment ago.
    pub(super) fn request_keyframe(&mut self, now: Instant, kind: StreamKind) {
        let last = match kind {
            StreamKind::Audio => return,
            StreamKind::Camera => &mut self.last_keyframe_request[0],
            StreamKind::Screen => &mut self.last_keyframe_request[1],
        };
        if last.is_some_and(|at| now < at + Self::KEYFRAME_INTERVAL) {
            return;
        }
        *last = Some(now);
        if let Some(mid) = self.upload(kind) {
            self.link.request_keyframe(mid);
        }
    }

    /// Passes on a frame of another connection. Answers whether its source should send a key frame.
    pub(super) fn forward(&mut self, now: Instant, source: Source, frame: &MediaData) -> bool {
        let Some(slot) = self.slots.carrying(source) else {
            return false;
        };
        let info =
            FrameInfo { time: frame.time, keyframe: frame.is_keyframe(), contiguous: frame.contiguous };
        match slot.judge(now, info) {
            Verdict::Send(time) => {
                self.link.write(slot.mid, time, frame);
                false
            }
            Verdict::AskForKeyframe => true,
        }
    }

    /// Tells the page something, if it can hear.
    pub(super) fn say(&mut self, message: &ToPage) {
        if let Some(channel) = self.control {
            self.link.say(channel, false, message.to_json().as_bytes());
        }
    }

    fn seat(&self) -> Option<&Seat> {
        match &self.purpose {
            Purpose::Seat(seat) => Some(seat),
            Purpose::Check(_) => None,
        }
    }

    pub(super) fn participant(&self) -> Option<&ParticipantId> {
        self.seat().map(|seat| &seat.participant)
    }

    pub(super) fn room(&self) -> Option<&RoomId> {
        self.seat().map(|seat| &seat.room)
    }
}

/// Sends back what a connection check sends, within reason.
#[derive(Debug)]
pub(super) struct Echo {
    second: Instant,
    left: u32,
}

impl Echo {
    /// Enough to feel the loss and the jitter of a call; not enough to be worth abusing.
    const MESSAGES_PER_SECOND: u32 = 200;
    /// About what fits into one datagram.
    const MAX_BYTES: usize = 1200;

    pub(super) fn new(now: Instant) -> Self {
        Self { second: now, left: Self::MESSAGES_PER_SECOND }
    }

    pub(super) fn allows(&mut self, now: Instant, message: &ChannelData) -> bool {
        if now >= self.second + Duration::from_secs(1) {
            *self = Self::new(now);
        }
        if self.left == 0 || message.data.len() > Self::MAX_BYTES {
            return false;
        }
        self.left -= 1;
        true
    }
}
