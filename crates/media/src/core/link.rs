//! One WebRTC connection: a str0m `Rtc` that cannot bring the server down.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use str0m::change::SdpOffer;
use str0m::channel::{ChannelData, ChannelId};
use str0m::media::{Direction, KeyframeRequestKind, MediaAdded, MediaData, MediaKind, MediaTime, Mid};
use str0m::net::Transmit;
use str0m::{Candidate, Input, Output, Rtc, RtcError};

use crate::config::Limits;
use crate::error::JoinError;

/// What a connection has to say.
#[derive(Debug)]
pub(super) enum LinkEvent {
    /// ICE and DTLS are up.
    Up,
    /// The browser sends on this m-line.
    Sends(Mid, MediaKind),
    /// The browser can receive on this m-line.
    Receives(Mid, MediaKind),
    /// A whole frame came in.
    Media(Box<MediaData>),
    /// The browser cannot decode what it got on this m-line.
    KeyframeWanted(Mid),
    /// The browser opened a data channel.
    ChannelOpen(ChannelId, String),
    /// A message on a data channel.
    Message(ChannelData),
    /// The browser closed the connection, or it broke for good.
    Gone,
}

/// A str0m instance, under two rules that str0m leaves to its user: after every change its output
/// is drained before the next change, and a panic inside it (str0m panics on its own bugs)
/// costs this one connection.
#[derive(Debug)]
pub(super) struct Link {
    rtc: Rtc,
    broken: bool,
    gone_told: bool,
}

impl Link {
    /// Errors that str0m may report in one drain before the connection is given up.
    const MAX_ERRORS: usize = 16;

    /// Makes a connection out of a browser's offer. Answers the connection and the answer's SDP.
    pub(super) fn accept(
        offer: &str,
        candidates: &[Candidate],
        limits: &Limits,
        now: Instant,
    ) -> Result<(Self, String), JoinError> {
        let offer = parse(offer, limits)?;
        let rtc = Rtc::builder()
            .set_ice_lite(true)
            .clear_codecs()
            .enable_opus(true, false)
            .enable_vp8(true)
            .build(now);
        let mut link = Self { rtc, broken: false, gone_told: false };
        for candidate in candidates {
            link.rtc.add_local_candidate(candidate.clone());
        }
        let answer = link.negotiate(offer)?;
        Ok((link, answer))
    }

    /// Answers another offer on the same connection, as after `restartIce()`.
    pub(super) fn reoffer(&mut self, offer: &str, limits: &Limits) -> Result<String, JoinError> {
        self.negotiate(parse(offer, limits)?)
    }

    fn negotiate(&mut self, offer: SdpOffer) -> Result<String, JoinError> {
        // str0m panics on its own bugs, and an offer is the richest thing that a stranger may send.
        let answer = catch_unwind(AssertUnwindSafe(|| self.rtc.sdp_api().accept_offer(offer)));
        match answer {
            Ok(Ok(answer)) => Ok(answer.to_sdp_string()),
            Ok(Err(error)) => Err(JoinError::BadOffer(error.to_string())),
            Err(_) => {
                self.broken = true;
                Err(JoinError::BadOffer("it broke the media engine".to_owned()))
            }
        }
    }

    /// The name under which the browser's connectivity checks ask for this connection.
    pub(super) fn ufrag(&mut self) -> String {
        self.rtc.direct_api().local_ice_credentials().ufrag
    }

    /// Whether a datagram is meant for this connection; for STUN this checks its integrity.
    pub(super) fn accepts(&self, input: &Input<'_>) -> bool {
        catch_unwind(AssertUnwindSafe(|| self.rtc.accepts(input))).unwrap_or(false)
    }

    /// Hands in a datagram or the time.
    pub(super) fn input(&mut self, input: Input<'_>) {
        self.guarded(|rtc| rtc.handle_input(input));
    }

    /// Sends a frame on an m-line.
    pub(super) fn write(&mut self, mid: Mid, time: MediaTime, frame: &MediaData) {
        self.guarded(|rtc| {
            let Some(mut writer) = rtc.writer(mid) else {
                return Ok(());
            };
            let Some(pt) = writer.match_params(frame.params) else {
                return Ok(());
            };
            let extensions = &frame.ext_vals;
            if let Some(orientation) = extensions.video_orientation {
                writer = writer.video_orientation(orientation);
            }
            if let (Some(level), Some(voice)) = (extensions.audio_level, extensions.voice_activity) {
                writer = writer.audio_level(level, voice);
            }
            writer.start_of_talkspurt(frame.audio_start_of_talk_spurt).write(
                pt,
                frame.network_time,
                time,
                frame.data.clone(),
            )
        });
    }

    /// Asks the browser for a key frame on an m-line on which it sends.
    pub(super) fn request_keyframe(&mut self, mid: Mid) {
        self.guarded(|rtc| match rtc.writer(mid) {
            // Fails before the first packet of the stream, which starts with a key frame anyway.
            Some(mut writer) => writer.request_keyframe(None, KeyframeRequestKind::Pli),
            None => Ok(()),
        });
    }

    /// Sends a message; drops it if the channel is closed or will not take it.
    pub(super) fn say(&mut self, channel: ChannelId, binary: bool, message: &[u8]) {
        self.guarded(|rtc| match rtc.channel(channel) {
            Some(mut channel) => channel.write(binary, message).map(|_| ()),
            None => Ok(()),
        });
    }

    /// Tells the browser that the connection is over.
    pub(super) fn close(&mut self) {
        self.guarded(Rtc::close);
    }

    /// Takes out everything that waits. Answers when the connection wants to know the time again;
    /// `None` if it is dead.
    pub(super) fn drain(
        &mut self,
        mut transmit: impl FnMut(Transmit),
        mut event: impl FnMut(LinkEvent),
    ) -> Option<Instant> {
        let mut errors = 0;
        while !self.broken && self.rtc.is_alive() {
            match catch_unwind(AssertUnwindSafe(|| self.rtc.poll_output())) {
                Ok(Ok(Output::Timeout(at))) => {
                    if self.rtc.is_alive() {
                        return Some(at);
                    }
                }
                Ok(Ok(Output::Transmit(datagram))) => transmit(datagram),
                Ok(Ok(Output::Event(happened))) => {
                    self.gone_told |= matches!(happened, str0m::Event::Closed);
                    if let Some(happened) = translate(happened) {
                        event(happened);
                    }
                }
                Ok(Err(error)) => {
                    tracing::debug!(%error, "media connection reports an error");
                    errors += 1;
                    self.broken = errors > Self::MAX_ERRORS;
                }
                Err(_) => self.broken = true,
            }
        }
        if !self.gone_told {
            self.gone_told = true;
            event(LinkEvent::Gone);
        }
        None
    }

    fn guarded(&mut self, change: impl FnOnce(&mut Rtc) -> Result<(), RtcError>) {
        if self.broken {
            return;
        }
        match catch_unwind(AssertUnwindSafe(|| change(&mut self.rtc))) {
            Ok(Ok(())) => {}
            // A forged or damaged datagram, or a stream that is not there yet: no reason to hang up.
            Ok(Err(error)) => {
                tracing::debug!(%error, "media connection reports an error");
            }
            Err(_) => {
                tracing::error!("media connection dropped: the media engine panicked");
                self.broken = true;
            }
        }
    }
}

/// Reads an offer, after a look at its size.
fn parse(offer: &str, limits: &Limits) -> Result<SdpOffer, JoinError> {
    let lines = offer.lines().filter(|line| line.starts_with("m=")).count();
    if offer.len() > limits.offer_bytes || lines > limits.offer_lines {
        return Err(JoinError::OfferTooLarge);
    }
    catch_unwind(|| SdpOffer::from_sdp_string(offer))
        .map_err(|_| JoinError::BadOffer("it broke the SDP parser".to_owned()))?
        .map_err(|_| JoinError::BadOffer("it is not SDP".to_owned()))
}

fn translate(event: str0m::Event) -> Option<LinkEvent> {
    use str0m::Event;
    Some(match event {
        Event::Connected => LinkEvent::Up,
        Event::MediaAdded(MediaAdded { mid, kind, direction, .. }) => match direction {
            Direction::RecvOnly => LinkEvent::Sends(mid, kind),
            Direction::SendOnly => LinkEvent::Receives(mid, kind),
            Direction::SendRecv | Direction::Inactive => return None,
        },
        Event::MediaData(frame) => LinkEvent::Media(Box::new(frame)),
        Event::KeyframeRequest(request) => LinkEvent::KeyframeWanted(request.mid),
        Event::ChannelOpen(channel, label) => LinkEvent::ChannelOpen(channel, label),
        Event::ChannelData(message) => LinkEvent::Message(message),
        Event::Closed => LinkEvent::Gone,
        _ => return None,
    })
}
