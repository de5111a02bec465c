//! The core with browsers around it, on a network and a clock that exist only here.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use str0m::net::Protocol;

use super::{Core, Origin, Paths};
use crate::{ConnectionId, Event, JoinError, LeaveReason, Limits, ParticipantId, RoomId, Seat};

#[path = "../../tests/client/mod.rs"]
mod client;
use client::Client;

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

#[test]
fn two_people_get_each_others_frames() {
    let mut world = World::new();
    world.join("ann");
    world.join("bob");
    world.film(&["ann", "bob"], Duration::from_secs(2));
    world.run(Duration::from_secs(1));

    for (to, from) in [("ann", "bob"), ("bob", "ann")] {
        let video = world.frames(to, from, "camera");
        assert!(video >= 55, "{to} got {video} frames of 60");
        assert!(world.frames(to, from, "audio") >= 55);
        assert_eq!(world.clients[to].received.values().map(|l| l.backwards).sum::<usize>(), 0);
    }
    assert_eq!(world.events, [Event::Joined(seat("ann")), Event::Joined(seat("bob"))]);
    let line = world.clients["ann"].received.values().find(|l| l.keyframes > 0).unwrap();
    assert!(line.contents.iter().all(|frame| &frame[3..6] == b"bob"));
}

#[test]
fn a_third_person_is_plugged_into_free_slots() {
    let mut world = World::new();
    world.join("ann");
    world.join("bob");
    world.film(&["ann", "bob"], Duration::from_secs(1));
    let before = world.slots("ann");
    world.join("cat");
    world.film(&["ann", "bob", "cat"], Duration::from_secs(1));
    world.run(Duration::from_secs(1));

    for (to, from) in [("ann", "cat"), ("bob", "cat"), ("cat", "ann"), ("cat", "bob")] {
        assert!(world.frames(to, from, "camera") >= 20, "{to} does not see {from}");
        assert!(world.frames(to, from, "audio") >= 20, "{to} does not hear {from}");
    }
    let after = world.slots("ann");
    assert!(before.iter().all(|slot| after.contains(slot)), "streams stay where they were");
}

#[test]
fn a_latecomer_starts_with_a_key_frame() {
    let mut world = World::new();
    world.join("ann");
    world.film(&["ann"], Duration::from_secs(1));
    assert_eq!(world.clients["ann"].keyframe_requests, 0);
    world.join("bob");
    world.film(&["ann"], Duration::from_secs(1));
    assert!(world.clients["ann"].keyframe_requests > 0);
    assert!(world.clients["bob"].received.values().any(|line| line.keyframes > 0));
}

#[test]
fn a_lost_frame_is_healed_by_a_key_frame() {
    let mut world = World::new();
    world.join("ann");
    world.join("bob");
    world.film(&["ann"], Duration::from_secs(1));
    let asked = world.clients["ann"].keyframe_requests;
    // Long enough that sending again, too, fails.
    world.lose = Some(("ann", 60));
    world.film(&["ann"], Duration::from_secs(4));
    assert!(world.clients["ann"].keyframe_requests > asked);
    let line = world.clients["bob"].received.values().find(|l| l.keyframes > 0).unwrap();
    assert!(line.keyframes >= 2);
}

#[test]
fn a_screen_is_shown_only_while_it_is_published() {
    let mut world = World::new();
    world.join("ann");
    world.join("bob");
    let show = |world: &mut World| {
        for n in 0..30 {
            let now = world.now;
            let ann = world.clients.get_mut("ann").unwrap();
            let screen = ann.screen.unwrap();
            ann.send_video(now, screen, n % 10 == 0, b"screen");
            world.run(FRAME);
        }
        world.run(Duration::from_millis(500));
    };
    show(&mut world);
    assert_eq!(world.total_frames("bob"), 0, "not published yet");

    let publish = r#"{"type":"publish","kinds":["audio","camera","screen"]}"#;
    assert!(world.clients.get_mut("ann").unwrap().say(publish));
    world.run(Duration::from_millis(200));
    show(&mut world);
    assert!(world.frames("bob", "ann", "screen") >= 10);
    assert_eq!(world.slots("bob").len(), 3);

    assert!(world.clients.get_mut("ann").unwrap().say(r#"{"type":"publish","kinds":[]}"#));
    world.run(Duration::from_millis(200));
    world.forget_frames();
    show(&mut world);
    world.film(&["ann"], Duration::from_secs(1));
    assert_eq!(world.total_frames("bob"), 0, "muted means muted");
    assert!(world.slots("bob").is_empty());
}

#[test]
fn a_rejoin_replaces_the_old_connection_at_once() {
    let mut world = World::new();
    world.join("ann");
    world.join("bob");
    world.film(&["ann", "bob"], Duration::from_secs(1));
    world.join("ann/2");
    assert_eq!(world.last_message("ann"), r#"{"type":"replaced"}"#);
    assert_eq!(
        world.events[2..],
        [Event::Left(seat("ann"), LeaveReason::Replaced), Event::Joined(seat("ann/2"))]
    );

    world.forget_frames();
    world.film(&["ann", "bob", "ann/2"], Duration::from_secs(1));
    world.run(Duration::from_secs(1));
    assert_eq!(world.total_frames("ann"), 0);
    assert!(world.frames("ann/2", "bob", "camera") >= 20);
    assert!(world.frames("bob", "ann", "camera") >= 20);
    assert!(world.clients["ann"].closed);
    let backwards: usize = world.clients["bob"].received.values().map(|l| l.backwards).sum();
    assert_eq!(backwards, 0, "time goes on over a change of source");
    assert_eq!(world.core.presence(&room()).len(), 2);
}

#[test]
fn a_rejoin_from_the_same_address_is_told_apart_by_its_name() {
    let mut world = World::new();
    world.join("ann");
    world.next_port -= 1;
    world.join("ann/2");
    assert!(world.events.contains(&Event::Joined(seat("ann/2"))));
}

#[test]
fn removal_stops_media_both_ways() {
    let mut world = World::new();
    world.join("ann");
    world.join("bob");
    world.film(&["ann", "bob"], Duration::from_secs(1));
    assert!(world.core.remove(world.now, &room(), &who("bob")));
    world.run(Duration::from_millis(100));
    world.forget_frames();
    assert_eq!(world.last_message("bob"), r#"{"type":"removed"}"#);

    world.film(&["ann", "bob"], Duration::from_secs(2));
    assert_eq!(world.total_frames("ann") + world.total_frames("bob"), 0);
    assert!(world.slots("ann").is_empty());
    assert!(world.clients["bob"].closed);
    assert_eq!(world.events.last(), Some(&Event::Left(seat("bob"), LeaveReason::Removed)));
    assert!(!world.core.remove(world.now, &room(), &who("bob")));
}

#[test]
fn the_end_is_for_everybody() {
    let mut world = World::new();
    world.join("ann");
    world.join("bob");
    assert!(world.core.end(world.now, &room()));
    world.run(Duration::from_secs(2));
    for name in ["ann", "bob"] {
        assert_eq!(world.last_message(name), r#"{"type":"ended"}"#);
        assert!(world.clients[name].closed);
        assert!(world.events.contains(&Event::Left(seat(name), LeaveReason::Ended)));
    }
    assert!(world.core.is_idle(), "nothing is left behind");
    assert_eq!(world.core.stats().rooms, 0);
    assert!(!world.core.end(world.now, &room()));
}

#[test]
fn a_closed_tab_is_noticed_at_once() {
    let mut world = World::new();
    world.join("ann");
    world.join("bob");
    world.clients.get_mut("bob").unwrap().rtc.close().unwrap();
    world.run(Duration::from_millis(200));
    assert_eq!(world.events.last(), Some(&Event::Left(seat("bob"), LeaveReason::Closed)));
    assert!(world.slots("ann").is_empty());
}

#[test]
fn a_full_room_takes_nobody_but_those_who_are_in_it() {
    let mut world = World::with(Limits { room_size: 2, rooms: 1, ..Limits::default() });
    world.join("ann");
    world.join("bob");
    assert_eq!(world.try_join("cat"), Err(JoinError::Full));
    assert_eq!(world.try_join("bob"), Err(JoinError::ConnectionInUse));
    assert_eq!(world.try_join("bob/2"), Ok(()));
    let elsewhere = Seat { room: RoomId::new("other").unwrap(), ..seat("cat") };
    let offer = world.client("cat", Protocol::Udp).offer(1);
    assert_eq!(world.core.join(world.now, elsewhere, &offer), Err(JoinError::Busy));
}

#[test]
fn a_network_that_comes_back_in_time_needs_nothing() {
    let mut world = World::new();
    world.join("ann");
    world.join("bob");
    world.dark = vec!["bob"];
    world.run(Duration::from_secs(20));
    world.dark.clear();
    world.run(Duration::from_secs(5));
    world.film(&["ann"], Duration::from_secs(1));
    assert!(world.frames("bob", "ann", "camera") >= 20);
    assert_eq!(world.events.len(), 2);
}

#[test]
fn silence_ends_a_connection_after_its_time() {
    let mut world = World::new();
    world.join("ann");
    world.join("bob");
    world.dark = vec!["bob"];
    world.run(Duration::from_secs(29));
    assert_eq!(world.core.presence(&room()).len(), 2);
    world.run(Duration::from_secs(2));
    assert_eq!(world.core.presence(&room()).len(), 1);
    assert_eq!(world.events.last(), Some(&Event::Left(seat("bob"), LeaveReason::TimedOut)));
    assert!(world.slots("ann").is_empty());
}

#[test]
fn a_browser_that_never_gets_through_is_given_up() {
    let mut world = World::new();
    world.dark = vec!["ann"];
    world.try_join("ann").unwrap();
    assert!(!world.core.presence(&room())[0].connected);
    world.run(Duration::from_secs(31));
    assert_eq!(world.events, [Event::Left(seat("ann"), LeaveReason::TimedOut)]);
    assert!(world.core.is_idle());
}

#[test]
fn an_ice_restart_keeps_the_call() {
    let mut world = World::new();
    world.join("ann");
    world.join("bob");
    for _ in 0..2 {
        let offer = world.clients.get_mut("bob").unwrap().restart_offer();
        let answer = world.core.restart(world.now, &seat("bob"), &offer).unwrap();
        world.clients.get_mut("bob").unwrap().accept(&answer.sdp);
        world.run(Duration::from_secs(1));
        world.forget_frames();
        world.film(&["ann", "bob"], Duration::from_secs(1));
        assert!(world.frames("bob", "ann", "camera") >= 20);
        assert!(world.frames("ann", "bob", "camera") >= 20);
    }
    assert_eq!(world.events.len(), 2, "nobody left or came");

    let gone = world.core.restart(world.now, &seat("bob/2"), "v=0");
    assert_eq!(gone, Err(JoinError::Gone));
}

#[test]
fn a_check_echoes_within_its_limits() {
    let mut world = World::with(Limits { checks: 1, ..Limits::default() });
    let sdp = world.check("ann", Protocol::Udp, Paths::All).unwrap();
    assert!(sdp.contains(" udp ") && sdp.contains(" tcp "));
    assert_eq!(world.check("bob", Protocol::Udp, Paths::All), Err(JoinError::Busy));
    world.run(Duration::from_secs(1));
    assert!(world.clients.get_mut("ann").unwrap().say("ping"));
    world.run(Duration::from_secs(1));
    assert_eq!(world.clients["ann"].messages, ["ping"]);

    for _ in 0..300 {
        let ann = world.clients.get_mut("ann").unwrap();
        ann.say("flood");
        world.collect();
    }
    world.clients.get_mut("ann").unwrap().say(&"x".repeat(1201));
    world.run(Duration::from_millis(900));
    assert_eq!(world.clients["ann"].messages.len(), 201);

    world.run(Duration::from_secs(30));
    assert!(world.clients["ann"].closed, "a check does not last");
    assert!(world.core.is_idle());
    assert_eq!(world.events, []);
}

#[test]
fn a_check_over_tcp_alone_names_no_udp() {
    let mut world = World::new();
    let sdp = world.check("ann", Protocol::Tcp, Paths::TcpOnly).unwrap();
    assert!(!sdp.to_lowercase().contains(" udp "), "{sdp}");
    world.run(Duration::from_secs(1));
    world.clients.get_mut("ann").unwrap().say("ping");
    world.run(Duration::from_secs(1));
    assert_eq!(world.clients["ann"].messages, ["ping"]);
}

#[test]
fn a_server_that_stops_says_so() {
    let mut world = World::new();
    world.join("ann");
    world.core.stop(world.now);
    world.run(Duration::from_secs(2));
    assert_eq!(world.last_message("ann"), r#"{"type":"stopping"}"#);
    assert!(world.core.is_idle());
    assert_eq!(world.try_join("bob"), Err(JoinError::Stopped));
}

#[test]
fn offers_that_cannot_be_used_are_refused_and_change_nothing() {
    let mut world = World::new();
    world.join("ann");
    let many_lines = "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n".repeat(25);
    let long = "a".repeat(64 * 1024 + 1);
    for (offer, too_large) in [("", false), ("hello", false), (&*many_lines, true), (&*long, true)] {
        let refused = world.core.join(world.now, seat("ann/2"), offer).unwrap_err();
        assert_eq!(refused == JoinError::OfferTooLarge, too_large, "{refused}");
    }
    assert_eq!(world.core.presence(&room())[0].connection, seat("ann").connection);
}

#[test]
fn strangers_are_dropped() {
    let mut world = World::new();
    world.join("ann");
    let stranger = Origin { protocol: Protocol::Udp, address: "203.0.113.9:9".parse().unwrap() };
    for datagram in [&[0x80; 100][..], &[22; 50], &[0; 20], &[]] {
        assert!(!world.core.receive(world.now, stranger, datagram));
    }
    assert_eq!(world.core.stats().packets_unknown, 4);
}

/// An offer with a few bytes changed, lines dropped or doubled.
fn damaged_offer() -> impl Strategy<Value = String> {
    let good = Client::new(Instant::now(), "198.51.100.7:4000".parse().unwrap(), Protocol::Udp).offer(2);
    let lines = good.lines().count();
    let edits = prop::collection::vec((0..lines, 0_usize..60, any::<char>(), 0..4), 1..6);
    edits.prop_map(move |edits| {
        let mut lines: Vec<String> = good.lines().map(str::to_owned).collect();
        for (line, column, character, edit) in edits {
            let line = line % lines.len();
            match edit {
                0 => drop(lines.remove(line)),
                1 => lines.insert(line, lines[column % lines.len()].clone()),
                _ => {
                    let mut text: Vec<char> = lines[line].chars().collect();
                    if let Some(place) = text.get_mut(column) {
                        *place = character;
                    }
                    lines[line] = text.into_iter().collect();
                }
            }
            if lines.is_empty() {
                break;
            }
        }
        lines.join("\r\n") + "\r\n"
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    #[test]
    fn no_datagram_hurts(
        first in prop::sample::select(&[0_u8, 1, 20, 22, 23, 63, 128, 144, 191, 255][..]),
        rest in prop::collection::vec(any::<u8>(), 0..200),
        known in any::<bool>(),
    ) {
        let mut world = World::new();
        world.join("ann");
        let datagram = [&[first][..], &rest].concat();
        let own = *world.addresses.keys().next().unwrap();
        let address = if known { own } else { "203.0.113.9:9".parse().unwrap() };
        let origin = Origin { protocol: Protocol::Udp, address };
        world.core.receive(world.now, origin, &datagram);
        world.run(Duration::from_millis(500));
        // Whoever can forge ann's address cannot end her call with it.
        prop_assert!(world.core.presence(&room())[0].connected);
    }

    #[test]
    fn no_offer_hurts(offer in damaged_offer()) {
        let mut world = World::new();
        let _ = world.core.join(world.now, seat("ann"), &offer);
        world.run(Duration::from_millis(100));
    }

    #[test]
    fn no_text_is_mistaken_for_an_offer(text in "\\PC{0,400}") {
        let mut world = World::new();
        prop_assert!(world.core.join(world.now, seat("ann"), &text).is_err());
    }
}
