//! The core with browsers around it, on a network and a clock that exist only here.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use str0m::net::Protocol;

use super::{Core, Origin, Paths};
use crate::{ConnectionId, Event, JoinError, Limits, ParticipantId, RoomId, Seat};

#[path = "../../tests/client/mod.rs"]
mod client;
use client::Client;

mod calls;
mod garbage;

const UDP: &str = "192.0.2.1:5000";
const TCP: &str = "192.0.2.1:5001";
/// One way.
const LATENCY: Duration = Duration::from_millis(20);
const FRAME: Duration = Duration::from_millis(33);

type Name = &'static str;

/// The server, browsers by name, and the datagrams between them.
struct World {
    now: Instant,
    core: Core,
    clients: HashMap<Name, Client>,
    addresses: HashMap<SocketAddr, Name>,
    wire: Vec<Parcel>,
    events: Vec<Event>,
    /// Browsers without a network.
    dark: Vec<Name>,
    /// The next datagrams from this browser to the server that get lost.
    lose: Option<(Name, usize)>,
    next_port: u16,
}

struct Parcel {
    due: Instant,
    protocol: Protocol,
    from: SocketAddr,
    to: SocketAddr,
    datagram: Vec<u8>,
}

fn room() -> RoomId {
    RoomId::new("room").unwrap()
}

fn who(name: &str) -> ParticipantId {
    ParticipantId::new(name.split('/').next().unwrap()).unwrap()
}

/// A name like `ann/2` stands for another connection of `ann`.
fn seat(name: &str) -> Seat {
    Seat {
        room: room(),
        participant: who(name),
        connection: ConnectionId::new(&name.replace('/', "-")).unwrap(),
    }
}

impl World {
    fn new() -> Self {
        Self::with(Limits::default())
    }

    fn with(limits: Limits) -> Self {
        let udp = [UDP.parse().unwrap()];
        let tcp = [TCP.parse().unwrap()];
        Self {
            now: Instant::now(),
            core: Core::new(limits, &udp, &tcp),
            clients: HashMap::new(),
            addresses: HashMap::new(),
            wire: Vec::new(),
            events: Vec::new(),
            dark: Vec::new(),
            lose: None,
            next_port: 4000,
        }
    }

    fn client(&mut self, name: Name, protocol: Protocol) -> &mut Client {
        self.next_port += 1;
        let address = SocketAddr::from(([198, 51, 100, 7], self.next_port));
        self.addresses.insert(address, name);
        self.clients.insert(name, Client::new(self.now, address, protocol));
        self.clients.get_mut(name).unwrap()
    }

    fn try_join(&mut self, name: Name) -> Result<(), JoinError> {
        let offer = self.client(name, Protocol::Udp).offer(5);
        let answer = self.core.join(self.now, seat(name), &offer);
        self.clients.get_mut(name).unwrap().accept(&answer?.sdp);
        Ok(())
    }

    fn join(&mut self, name: Name) {
        self.try_join(name).unwrap();
        self.run(Duration::from_secs(1));
        assert!(self.clients[name].channel_open(), "{name} did not get through");
    }

    fn check(&mut self, name: Name, protocol: Protocol, paths: Paths) -> Result<String, JoinError> {
        let offer = self.client(name, protocol).check_offer();
        let sdp = self.core.check(self.now, &offer, paths)?.sdp;
        self.clients.get_mut(name).unwrap().accept(&sdp);
        Ok(sdp)
    }

    /// Lets everything happen that happens in this time.
    fn run(&mut self, time: Duration) {
        let end = self.now + time;
        loop {
            self.collect();
            let alarm = self.core.next_alarm();
            let soonest = self.wire.iter().map(|p| p.due).chain(alarm).min();
            let client_alarm = self.tick_clients();
            self.collect();
            let next = soonest.into_iter().chain(client_alarm).min();
            let Some(next) = next.filter(|at| *at < end) else {
                break;
            };
            self.now = self.now.max(next);
            if alarm.is_some_and(|at| at <= self.now) {
                self.core.tick(self.now);
            }
            self.deliver();
            // A clock that never stands still keeps a peer that asks for "now" from stopping it.
            self.now += Duration::from_micros(100);
        }
        self.now = end;
    }

    fn tick_clients(&mut self) -> Option<Instant> {
        let mut soonest = None;
        for client in self.clients.values_mut() {
            client.tick(self.now);
        }
        self.collect();
        for client in self.clients.values_mut() {
            let at = client.drain(|_| {});
            soonest = Some(soonest.map_or(at, |s: Instant| s.min(at)));
        }
        soonest
    }

    fn collect(&mut self) {
        let due = self.now + LATENCY;
        let mut sent = Vec::new();
        for client in self.clients.values_mut() {
            client.drain(|t| sent.push(t));
        }
        while let Some(transmit) = self.core.next_transmit() {
            sent.push(transmit);
        }
        for transmit in sent {
            let sender = self.addresses.get(&transmit.source);
            if let (Some(name), Some((loser, left))) = (sender, &mut self.lose)
                && name == loser
                && *left > 0
                && transmit.contents.len() > 900
            {
                *left -= 1;
                continue;
            }
            self.wire.push(Parcel {
                due,
                protocol: transmit.proto,
                from: transmit.source,
                to: transmit.destination,
                datagram: transmit.contents.to_vec(),
            });
        }
        while let Some(event) = self.core.next_event() {
            self.events.push(event);
        }
    }

    fn deliver(&mut self) {
        let now = self.now;
        let (due, later): (Vec<_>, Vec<_>) = self.wire.drain(..).partition(|p| p.due <= now);
        self.wire = later;
        for parcel in due {
            let name = self.addresses.get(&parcel.from).or(self.addresses.get(&parcel.to));
            if name.is_some_and(|name| self.dark.contains(name)) {
                continue;
            }
            if let Some(client) = self.addresses.get(&parcel.to).and_then(|n| self.clients.get_mut(n)) {
                client.receive(now, parcel.from, &parcel.datagram);
                let mut sent = Vec::new();
                client.drain(|t| sent.push(t));
                for t in sent {
                    self.wire.push(Parcel {
                        due: now + LATENCY,
                        protocol: t.proto,
                        from: t.source,
                        to: t.destination,
                        datagram: t.contents.to_vec(),
                    });
                }
            } else {
                let origin = Origin { protocol: parcel.protocol, address: parcel.from };
                self.core.receive(now, origin, &parcel.datagram);
            }
        }
    }

    /// Everybody films and speaks for this time. Encoders begin with a key frame, and make one when asked.
    fn film(&mut self, names: &[Name], time: Duration) {
        let end = self.now + time;
        let mut answered: HashMap<Name, usize> = HashMap::new();
        let mut first = true;
        while self.now < end {
            for name in names {
                let now = self.now;
                let client = self.clients.get_mut(name).unwrap();
                let asked = client.keyframe_requests;
                let keyframe = first || answered.get(name).is_some_and(|n| *n < asked);
                answered.insert(*name, asked);
                let camera = client.camera.unwrap();
                client.send_video(now, camera, keyframe, &[name.as_bytes(), &[0; 3000]].concat());
                self.collect();
                self.clients.get_mut(name).unwrap().send_audio(now, name.as_bytes());
                self.collect();
            }
            first = false;
            self.run(FRAME);
        }
    }

    /// What the page of `name` was told last: `mid=participant:kind`, without the line numbers' noise.
    fn slots(&self, name: Name) -> Vec<(String, String, String)> {
        let told = self.clients[name].messages.iter().rev();
        let last = told
            .filter_map(|m| serde_json::from_str::<serde_json::Value>(m).ok())
            .find(|m| m["type"] == "slots")
            .expect("no slots were told");
        let text = |v: &serde_json::Value| v.as_str().unwrap().to_owned();
        last["slots"]
            .as_array()
            .unwrap()
            .iter()
            .map(|s| (text(&s["mid"]), text(&s["participant"]), text(&s["kind"])))
            .collect()
    }

    /// Frames that `to` has got from `from`, by what it was told about its lines.
    fn frames(&self, to: Name, from: &str, kind: &str) -> usize {
        let slots = self.slots(to);
        let Some((mid, ..)) = slots.iter().find(|(_, p, k)| p == from && k == kind) else {
            return 0;
        };
        let received = &self.clients[to].received;
        let line = received.iter().find(|(line, _)| line.to_string() == *mid);
        line.map_or(0, |(_, line)| line.frames)
    }

    fn forget_frames(&mut self) {
        for client in self.clients.values_mut() {
            client.received.clear();
        }
    }

    fn total_frames(&self, name: Name) -> usize {
        self.clients[name].received.values().map(|line| line.frames).sum()
    }

    fn last_message(&self, name: Name) -> &str {
        self.clients[name].messages.last().map_or("", String::as_str)
    }
}
