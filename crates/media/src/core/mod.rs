//! The heart of the server, without sockets and without a clock: who is in which room, whose
//! datagram is this, whose frame goes where. Datagrams and the time go in; datagrams and events come out.

mod demux;
mod link;
mod peer;
mod rooms;
mod slots;
mod timeline;

#[cfg(test)]
mod simulation;

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use str0m::channel::{ChannelData, ChannelId};
use str0m::media::MediaData;
use str0m::net::{DatagramRecv, Protocol, Receive, TcpType, Transmit};
use str0m::{Candidate, Input};

use self::demux::Demux;
pub(crate) use self::demux::Origin;
use self::link::{Link, LinkEvent};
use self::peer::{Echo, Peer, Purpose, Stage};
use self::rooms::Rooms;
use self::slots::Source;
use crate::config::Limits;
use crate::error::JoinError;
use crate::event::{Answer, Event, LeaveReason, Present, Stats};
use crate::ids::{ParticipantId, RoomId, Seat};
use crate::message::{CONTROL_CHANNEL, FromPage, SlotContent, StreamKind, ToPage};

/// A connection, by the order in which it came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct PeerKey(u64);

/// Over which protocols a browser shall be answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Paths {
    /// Every one that the server offers.
    All,
    /// UDP alone, to learn whether it passes.
    UdpOnly,
    /// TCP alone, to learn whether it would do where UDP does not pass.
    TcpOnly,
}

impl Paths {
    fn allow(self, protocol: Protocol) -> bool {
        match self {
            Self::All => true,
            Self::UdpOnly => protocol == Protocol::Udp,
            Self::TcpOnly => protocol == Protocol::Tcp,
        }
    }
}

/// The heart of the server.
#[derive(Debug)]
pub(crate) struct Core {
    limits: Limits,
    candidates: Vec<Candidate>,
    peers: HashMap<PeerKey, Peer>,
    rooms: Rooms,
    demux: Demux,
    /// When each peer wants to be woken, soonest first.
    alarms: BTreeSet<(Instant, PeerKey)>,
    next_key: u64,
    /// What peers have said and nobody has handled yet.
    happened: VecDeque<(PeerKey, LinkEvent)>,
    /// Rooms in which somebody came, left, or changed what they publish.
    changed: BTreeSet<RoomId>,
    transmits: VecDeque<Transmit>,
    events: VecDeque<Event>,
    stats: Stats,
    stopping: bool,
}

impl Core {
    /// How long a connection that is over stays, so that the page hears why.
    pub(crate) const FAREWELL: Duration = Duration::from_secs(1);

    /// A server that can be reached under these addresses.
    pub(crate) fn new(limits: Limits, udp: &[SocketAddr], tcp: &[SocketAddr]) -> Self {
        let udp = udp.iter().map(|a| Candidate::builder().udp().host(*a).build());
        let tcp = tcp.iter().map(|a| Candidate::builder().tcp().host(*a).tcptype(TcpType::Passive).build());
        // An address that ICE refuses would not be reachable either.
        let candidates = udp.chain(tcp).filter_map(Result::ok).collect();
        Self {
            limits,
            candidates,
            peers: HashMap::new(),
            rooms: Rooms::default(),
            demux: Demux::default(),
            alarms: BTreeSet::new(),
            next_key: 0,
            happened: VecDeque::new(),
            changed: BTreeSet::new(),
            transmits: VecDeque::new(),
            events: VecDeque::new(),
            stats: Stats::default(),
            stopping: false,
        }
    }

    /// Answers the offer of a person who may be in the room; see [`crate::MediaHandle::join`].
    pub(crate) fn join(&mut self, now: Instant, seat: Seat, offer: &str) -> Result<Answer, JoinError> {
        if self.stopping {
            return Err(JoinError::Stopped);
        }
        self.rooms.admits(&seat, &self.limits)?;
        let (link, sdp) = Link::accept(offer, &self.candidates, &self.limits, now)?;

        if let Some(old) = self.rooms.peer(&seat.room, &seat.participant) {
            self.leave(now, old, LeaveReason::Replaced, Some(&ToPage::Replaced));
        }
        let peer = self.add(now, link, Purpose::Seat(seat.clone()));
        self.rooms.seat(seat, peer);
        self.drain(peer);
        self.settle(now);
        Ok(Answer { sdp })
    }

    /// Answers another offer on a living connection.
    pub(crate) fn restart(&mut self, now: Instant, seat: &Seat, offer: &str) -> Result<Answer, JoinError> {
        if self.stopping {
            return Err(JoinError::Stopped);
        }
        let key = self.rooms.connection(seat).ok_or(JoinError::Gone)?;
        let peer = self.peers.get_mut(&key).ok_or(JoinError::Gone)?;
        let answer = peer.link.reoffer(offer, &self.limits);
        // The browser shows that it lives; its network may need as long as at first.
        peer.last_heard = now;
        self.demux.name(peer.link.ufrag(), key);
        self.drain(key);
        self.settle(now);
        answer.map(|sdp| Answer { sdp })
    }

    /// Answers a browser that wants to measure its way to the server.
    pub(crate) fn check(&mut self, now: Instant, offer: &str, paths: Paths) -> Result<Answer, JoinError> {
        if self.stopping {
            return Err(JoinError::Stopped);
        }
        if self.checks() >= self.limits.checks {
            return Err(JoinError::Busy);
        }
        let candidates: Vec<_> =
            self.candidates.iter().filter(|candidate| paths.allow(candidate.proto())).cloned().collect();
        let (link, sdp) = Link::accept(offer, &candidates, &self.limits, now)?;
        let peer = self.add(now, link, Purpose::Check(Echo::new(now)));
        self.drain(peer);
        self.settle(now);
        Ok(Answer { sdp })
    }

    /// Ends the connection of a person; answers whether there was one.
    pub(crate) fn remove(&mut self, now: Instant, room: &RoomId, participant: &ParticipantId) -> bool {
        let Some(peer) = self.rooms.peer(room, participant) else {
            return false;
        };
        self.leave(now, peer, LeaveReason::Removed, Some(&ToPage::Removed));
        self.settle(now);
        true
    }

    /// Ends all connections of a room; answers whether there were any.
    pub(crate) fn end(&mut self, now: Instant, room: &RoomId) -> bool {
        let members = self.rooms.members(room);
        for peer in &members {
            self.leave(now, *peer, LeaveReason::Ended, Some(&ToPage::Ended));
        }
        self.settle(now);
        !members.is_empty()
    }

    /// Ends everything. The last messages go out within [`Self::FAREWELL`].
    pub(crate) fn stop(&mut self, now: Instant) {
        self.stopping = true;
        for peer in self.peers.keys().copied().collect::<Vec<_>>() {
            self.leave(now, peer, LeaveReason::Stopped, Some(&ToPage::Stopping));
        }
        self.settle(now);
    }

    /// Whether nothing is left to do.
    pub(crate) fn is_idle(&self) -> bool {
        self.peers.is_empty()
    }

    /// Who is in a room, in the order of arrival.
    pub(crate) fn presence(&self, room: &RoomId) -> Vec<Present> {
        let members = self.rooms.members(room);
        let peers = members.iter().filter_map(|key| self.peers.get(key));
        peers
            .filter_map(|peer| match &peer.purpose {
                Purpose::Seat(seat) => Some(Present {
                    participant: seat.participant.clone(),
                    connection: seat.connection.clone(),
                    connected: peer.stage == Stage::Up,
                }),
                Purpose::Check(_) => None,
            })
            .collect()
    }

    pub(crate) fn stats(&self) -> Stats {
        Stats {
            rooms: self.rooms.len(),
            participants: self.rooms.people(),
            checks: self.checks(),
            ..self.stats
        }
    }

    fn checks(&self) -> usize {
        let check = |peer: &&Peer| matches!(peer.purpose, Purpose::Check(_));
        self.peers.values().filter(check).count()
    }

    /// A datagram came in. Answers whether it belonged to a peer.
    pub(crate) fn receive(&mut self, now: Instant, origin: Origin, datagram: &[u8]) -> bool {
        let delivered = self.deliver(now, origin, datagram);
        match delivered {
            Some(peer) => {
                self.stats.packets_in += 1;
                self.stats.bytes_in += datagram.len() as u64;
                self.drain(peer);
                self.settle(now);
            }
            None => self.stats.packets_unknown += 1,
        }
        delivered.is_some()
    }

    fn deliver(&mut self, now: Instant, origin: Origin, datagram: &[u8]) -> Option<PeerKey> {
        let key = self.demux.find(origin, datagram)?;
        let peer = self.peers.get_mut(&key)?;
        let received = Receive {
            proto: origin.protocol,
            source: origin.address,
            destination: local_address(&self.candidates, origin)?,
            contents: DatagramRecv::try_from(datagram).ok()?,
        };
        let input = Input::Receive(now, received);
        if !peer.link.accepts(&input) {
            return None;
        }
        self.demux.remember(origin, key);
        peer.last_heard = now;
        peer.link.input(input);
        Some(key)
    }

    /// When [`Self::tick`] wants to be called.
    pub(crate) fn next_alarm(&self) -> Option<Instant> {
        self.alarms.first().map(|(at, _)| *at)
    }

    /// Time has passed.
    pub(crate) fn tick(&mut self, now: Instant) {
        let due: Vec<_> = self.alarms.iter().take_while(|(at, _)| *at <= now).map(|(_, key)| *key).collect();
        for key in due {
            let Some(peer) = self.peers.get_mut(&key) else {
                continue;
            };
            if peer.deadline(&self.limits) <= now {
                self.expire(now, key);
            } else {
                peer.link.input(Input::Timeout(now));
                self.drain(key);
            }
        }
        self.settle(now);
    }

    fn expire(&mut self, now: Instant, key: PeerKey) {
        let Some(peer) = self.peers.get_mut(&key) else {
            return;
        };
        if matches!(peer.stage, Stage::Leaving { .. }) {
            peer.link.close();
            peer.link.drain(|datagram| self.transmits.push_back(datagram), drop);
            self.forget(key);
        } else {
            self.leave(now, key, LeaveReason::TimedOut, None);
        }
    }

    /// The next datagram to send.
    pub(crate) fn next_transmit(&mut self) -> Option<Transmit> {
        let datagram = self.transmits.pop_front()?;
        self.stats.packets_out += 1;
        self.stats.bytes_out += datagram.contents.len() as u64;
        Some(datagram)
    }

    /// The next event for the embedder.
    pub(crate) fn next_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    fn add(&mut self, now: Instant, mut link: Link, purpose: Purpose) -> PeerKey {
        let key = PeerKey(self.next_key);
        self.next_key += 1;
        self.demux.name(link.ufrag(), key);
        self.peers.insert(key, Peer::new(link, purpose, now));
        key
    }

    fn forget(&mut self, key: PeerKey) {
        if let Some(peer) = self.peers.remove(&key) {
            self.alarms.remove(&(peer.alarm, key));
            self.demux.forget(key);
        }
    }

    /// Handles what peers have said, and what follows from it, until nothing is left.
    fn settle(&mut self, now: Instant) {
        loop {
            if let Some((key, event)) = self.happened.pop_front() {
                self.handle(now, key, event);
            } else if let Some(room) = self.changed.pop_first() {
                self.plan(now, &room);
            } else {
                return;
            }
        }
    }

    /// str0m wants this after every single change of a connection.
    fn drain(&mut self, key: PeerKey) {
        let Some(peer) = self.peers.get_mut(&key) else {
            return;
        };
        let wake = peer.link.drain(
            |datagram| self.transmits.push_back(datagram),
            |event| self.happened.push_back((key, event)),
        );
        let deadline = peer.deadline(&self.limits);
        let alarm = wake.map_or(deadline, |wake| wake.min(deadline));
        self.alarms.remove(&(peer.alarm, key));
        self.alarms.insert((alarm, key));
        peer.alarm = alarm;
    }

    fn handle(&mut self, now: Instant, key: PeerKey, event: LinkEvent) {
        let Some(peer) = self.peers.get_mut(&key) else {
            return;
        };
        match event {
            LinkEvent::Gone => self.leave(now, key, LeaveReason::Closed, None),
            _ if matches!(peer.stage, Stage::Leaving { .. }) => {}
            LinkEvent::Up => self.arrive(key),
            LinkEvent::Sends(mid, kind) => {
                peer.add_upload(mid, kind);
                self.changed.extend(peer.room().cloned());
            }
            LinkEvent::Receives(mid, kind) => {
                peer.slots.add(mid, kind);
                self.changed.extend(peer.room().cloned());
            }
            LinkEvent::Media(frame) => self.forward(now, key, &frame),
            LinkEvent::KeyframeWanted(mid) => {
                if let Some(source) = peer.slots.source_of(mid) {
                    self.request_keyframe(now, source);
                }
            }
            LinkEvent::ChannelOpen(channel, label) => self.open(key, channel, &label),
            LinkEvent::Message(message) => self.hear(now, key, &message),
        }
    }

    fn arrive(&mut self, key: PeerKey) {
        let Some(peer) = self.peers.get_mut(&key) else {
            return;
        };
        peer.stage = Stage::Up;
        if let Purpose::Seat(seat) = &peer.purpose {
            self.changed.insert(seat.room.clone());
            self.events.push_back(Event::Joined(seat.clone()));
        }
    }

    /// The connection is over for its room. If the page can still hear, it is told why.
    fn leave(&mut self, now: Instant, key: PeerKey, reason: LeaveReason, message: Option<&ToPage>) {
        let Some(peer) = self.peers.get_mut(&key) else {
            return;
        };
        if matches!(peer.stage, Stage::Leaving { .. }) {
            return;
        }
        peer.stage = Stage::Leaving { until: now + Self::FAREWELL };
        let seat = match &peer.purpose {
            Purpose::Seat(seat) => Some(seat.clone()),
            Purpose::Check(_) => None,
        };
        match message {
            Some(message) if peer.control.is_some() => {
                peer.say(message);
                self.drain(key);
            }
            // Nobody listens: cut the line now. A browser that is there hears the close.
            _ => self.expire(now, key),
        }
        if let Some(seat) = seat {
            self.rooms.unseat(&seat);
            self.changed.insert(seat.room.clone());
            self.events.push_back(Event::Left(seat, reason));
        }
    }

    fn open(&mut self, key: PeerKey, channel: ChannelId, label: &str) {
        let Some(peer) = self.peers.get_mut(&key) else {
            return;
        };
        if label == CONTROL_CHANNEL && matches!(peer.purpose, Purpose::Seat(_)) {
            peer.control = Some(channel);
            self.tell_slots(key);
        }
    }

    fn hear(&mut self, now: Instant, key: PeerKey, message: &ChannelData) {
        let Some(peer) = self.peers.get_mut(&key) else {
            return;
        };
        match &mut peer.purpose {
            Purpose::Check(echo) => {
                if echo.allows(now, message) {
                    peer.link.say(message.id, message.binary, &message.data);
                    self.drain(key);
                }
            }
            Purpose::Seat(seat) if peer.control == Some(message.id) => {
                if let Some(FromPage::Publish { kinds }) = FromPage::parse(&message.data) {
                    self.changed.insert(seat.room.clone());
                    peer.published = kinds;
                }
            }
            Purpose::Seat(_) => {}
        }
    }

    /// Passes a frame on to everybody in the room who has a slot for it.
    fn forward(&mut self, now: Instant, from: PeerKey, frame: &MediaData) {
        let Some(peer) = self.peers.get(&from) else {
            return;
        };
        let (Purpose::Seat(seat), Some(kind)) = (&peer.purpose, peer.stream_on(frame.mid)) else {
            return;
        };
        let source = Source { peer: from, kind };
        let mut keyframe_wanted = false;
        for to in self.rooms.members(&seat.room) {
            if to == from {
                continue;
            }
            if let Some(receiver) = self.peers.get_mut(&to) {
                keyframe_wanted |= receiver.forward(now, source, frame);
                self.drain(to);
            }
        }
        if keyframe_wanted {
            self.request_keyframe(now, source);
        }
    }

    fn request_keyframe(&mut self, now: Instant, source: Source) {
        if let Some(peer) = self.peers.get_mut(&source.peer) {
            peer.request_keyframe(now, source.kind);
            self.drain(source.peer);
        }
    }

    /// Gives everybody in a room the slots that they should have now.
    fn plan(&mut self, now: Instant, room: &RoomId) {
        let members = self.rooms.members(room);
        // Screens first: where slots are few, the screen is what people want to see.
        let streams: Vec<_> = [StreamKind::Screen, StreamKind::Camera, StreamKind::Audio]
            .into_iter()
            .flat_map(|kind| members.iter().map(move |peer| Source { peer: *peer, kind }))
            .filter(|source| self.peers.get(&source.peer).is_some_and(|peer| peer.publishes(source.kind)))
            .collect();

        for key in members {
            let wanted: Vec<_> = streams.iter().filter(|source| source.peer != key).copied().collect();
            // Before it is up, a peer would lose the key frame with which a stream has to begin.
            let up = self.peers.get_mut(&key).filter(|peer| peer.stage == Stage::Up);
            let Some(change) = up.and_then(|peer| peer.slots.plan(&wanted)) else {
                continue;
            };
            self.tell_slots(key);
            for source in change.plugged {
                self.request_keyframe(now, source);
            }
        }
    }

    fn tell_slots(&mut self, key: PeerKey) {
        let Some(peer) = self.peers.get(&key) else {
            return;
        };
        let slots = peer.slots.iter().filter_map(|slot| {
            let source = slot.source?;
            Some(SlotContent {
                mid: slot.mid.to_string(),
                participant: self.peers.get(&source.peer)?.participant()?.clone(),
                kind: source.kind,
            })
        });
        let message = ToPage::Slots { slots: slots.collect() };
        if let Some(peer) = self.peers.get_mut(&key) {
            peer.say(&message);
            self.drain(key);
        }
    }
}

/// The candidate on which str0m shall believe a datagram came in. The sockets serve all addresses,
/// so it only has to be one of ours that fits.
fn local_address(candidates: &[Candidate], origin: Origin) -> Option<SocketAddr> {
    let fits =
        |c: &&Candidate| c.proto() == origin.protocol && c.addr().is_ipv4() == origin.address.is_ipv4();
    candidates.iter().find(fits).map(Candidate::addr)
}
