//! A browser as the server sees one: a str0m peer that makes the offer which the crate asks of pages.
//! Without sockets and without a clock, so that the simulated network and the real one can both drive it.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use str0m::change::{SdpAnswer, SdpPendingOffer};
use str0m::channel::{ChannelConfig, ChannelId, Reliability};
use str0m::media::{Direction, Frequency, MediaKind, MediaTime, Mid};
use str0m::net::{DatagramRecv, Protocol, Receive, TcpType, Transmit};
use str0m::{Candidate, Event, Input, Output, Rtc};

/// Frames that came in on one m-line.
#[derive(Debug, Default, Clone)]
pub(crate) struct Received {
    pub(crate) frames: usize,
    pub(crate) keyframes: usize,
    /// What the frames contained, oldest first.
    pub(crate) contents: Vec<Vec<u8>>,
    pub(crate) last_time: Option<MediaTime>,
    /// Frames whose media time was not after the one before.
    pub(crate) backwards: usize,
}

/// A browser.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) rtc: Rtc,
    address: SocketAddr,
    protocol: Protocol,
    start: Instant,
    pending: Option<SdpPendingOffer>,
    channel: Option<ChannelId>,
    channel_open: bool,
    pub(crate) audio: Option<Mid>,
    pub(crate) camera: Option<Mid>,
    pub(crate) screen: Option<Mid>,
    pub(crate) received: HashMap<Mid, Received>,
    /// What the server said on the data channel, oldest first.
    pub(crate) messages: Vec<String>,
    pub(crate) keyframe_requests: usize,
    pub(crate) connected: bool,
    pub(crate) closed: bool,
}

impl Client {
    pub(crate) fn new(now: Instant, address: SocketAddr, protocol: Protocol) -> Self {
        let mut rtc = Rtc::builder().clear_codecs().enable_opus(true, false).enable_vp8(true).build(now);
        let candidate = match protocol {
            Protocol::Udp => Candidate::builder().udp().host(address).build(),
            _ => Candidate::builder().tcp().host(address).tcptype(TcpType::Active).build(),
        };
        rtc.add_local_candidate(candidate.unwrap());
        Self {
            rtc,
            address,
            protocol,
            start: now,
            pending: None,
            channel: None,
            channel_open: false,
            audio: None,
            camera: None,
            screen: None,
            received: HashMap::new(),
            messages: Vec::new(),
            keyframe_requests: 0,
            connected: false,
            closed: false,
        }
    }

    /// An offer with room for so many other people.
    pub(crate) fn offer(&mut self, others: usize) -> String {
        let mut change = self.rtc.sdp_api();
        self.channel = Some(change.add_channel("anteroom".to_owned()));
        let mut add = |kind, direction| change.add_media(kind, direction, None, None, None);
        self.audio = Some(add(MediaKind::Audio, Direction::SendOnly));
        self.camera = Some(add(MediaKind::Video, Direction::SendOnly));
        self.screen = Some(add(MediaKind::Video, Direction::SendOnly));
        for _ in 0..others {
            add(MediaKind::Audio, Direction::RecvOnly);
            add(MediaKind::Video, Direction::RecvOnly);
        }
        add(MediaKind::Video, Direction::RecvOnly);
        let (offer, pending) = change.apply().unwrap();
        self.pending = Some(pending);
        offer.to_sdp_string()
    }

    /// An offer for a connection check.
    pub(crate) fn check_offer(&mut self) -> String {
        let mut change = self.rtc.sdp_api();
        self.channel = Some(change.add_channel_with_config(ChannelConfig {
            label: "check".to_owned(),
            ordered: false,
            reliability: Reliability::MaxRetransmits { retransmits: 0 },
            ..ChannelConfig::default()
        }));
        let (offer, pending) = change.apply().unwrap();
        self.pending = Some(pending);
        offer.to_sdp_string()
    }

    /// An offer after a change of the network.
    pub(crate) fn restart_offer(&mut self) -> String {
        let mut change = self.rtc.sdp_api();
        change.ice_restart(true);
        let (offer, pending) = change.apply().unwrap();
        self.pending = Some(pending);
        offer.to_sdp_string()
    }

    pub(crate) fn accept(&mut self, answer: &str) {
        let answer = SdpAnswer::from_sdp_string(answer).unwrap();
        let pending = self.pending.take().unwrap();
        self.rtc.sdp_api().accept_answer(pending, answer).unwrap();
    }

    pub(crate) fn receive(&mut self, now: Instant, from: SocketAddr, datagram: &[u8]) {
        let Ok(contents) = DatagramRecv::try_from(datagram) else {
            return;
        };
        let received = Receive { proto: self.protocol, source: from, destination: self.address, contents };
        self.rtc.handle_input(Input::Receive(now, received)).unwrap();
    }

    pub(crate) fn tick(&mut self, now: Instant) {
        self.rtc.handle_input(Input::Timeout(now)).unwrap();
    }

    /// Takes out what waits to be sent, and answers when the client wants the time again.
    pub(crate) fn drain(&mut self, mut transmit: impl FnMut(Transmit)) -> Instant {
        loop {
            match self.rtc.poll_output() {
                Ok(Output::Timeout(at)) => return at,
                Ok(Output::Transmit(datagram)) => transmit(datagram),
                Ok(Output::Event(event)) => self.happened(event),
                // The handshake has failed for good.
                Err(_) => self.rtc.disconnect(),
            }
        }
    }

    fn happened(&mut self, event: Event) {
        match event {
            Event::Connected => self.connected = true,
            Event::Closed => self.closed = true,
            Event::ChannelOpen(..) => self.channel_open = true,
            Event::ChannelData(message) => {
                self.messages.push(String::from_utf8(message.data).unwrap());
            }
            Event::KeyframeRequest(_) => self.keyframe_requests += 1,
            Event::MediaData(frame) => {
                let line = self.received.entry(frame.mid).or_default();
                line.frames += 1;
                line.keyframes += usize::from(frame.is_keyframe());
                line.backwards += usize::from(line.last_time.is_some_and(|last| frame.time <= last));
                line.contents.push(frame.data.to_vec());
                line.last_time = Some(frame.time);
            }
            _ => {}
        }
    }

    pub(crate) fn channel_open(&self) -> bool {
        self.channel_open
    }

    pub(crate) fn say(&mut self, message: &str) -> bool {
        let channel = self.channel.and_then(|id| self.rtc.channel(id));
        channel.is_some_and(|mut channel| channel.write(false, message.as_bytes()).unwrap())
    }

    /// Sends a VP8 frame with this content on a video line.
    pub(crate) fn send_video(&mut self, now: Instant, line: Mid, keyframe: bool, content: &[u8]) {
        // The lowest bit of a VP8 frame's first byte is 0 for a key frame (RFC 7741, section 4.3).
        let header = [if keyframe { 0x10 } else { 0x11 }, 0, 0];
        self.send(now, line, &[&header, content].concat());
    }

    pub(crate) fn send_audio(&mut self, now: Instant, content: &[u8]) {
        let line = self.audio.unwrap();
        self.send(now, line, content);
    }

    fn send(&mut self, now: Instant, line: Mid, frame: &[u8]) {
        let elapsed = now - self.start;
        let Some(writer) = self.rtc.writer(line) else {
            return;
        };
        let Some((pt, clock)) = writer.payload_params().next().map(|p| (p.pt(), p.spec().clock_rate)) else {
            return;
        };
        // Each browser counts from its own random start.
        let base = Duration::from_secs(1000 + u64::from(self.address.port()));
        let time = MediaTime::from(base + elapsed).rebase(Frequency::new(clock.get()).unwrap());
        writer.write(pt, now, time, frame).unwrap();
    }
}
