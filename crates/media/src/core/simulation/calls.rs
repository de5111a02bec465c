//! What people in a room may rely on.

use std::time::Duration;

use str0m::net::Protocol;

use super::{FRAME, World, room, seat, who};
use crate::core::Paths;
use crate::{Event, JoinError, LeaveReason, Limits, RoomId, Seat};

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
fn a_check_over_one_protocol_names_no_other() {
    for (protocol, paths, other) in
        [(Protocol::Tcp, Paths::TcpOnly, " udp "), (Protocol::Udp, Paths::UdpOnly, " tcp ")]
    {
        let mut world = World::new();
        let sdp = world.check("ann", protocol, paths).unwrap();
        assert!(!sdp.to_lowercase().contains(other), "{sdp}");
        world.run(Duration::from_secs(1));
        world.clients.get_mut("ann").unwrap().say("ping");
        world.run(Duration::from_secs(1));
        assert_eq!(world.clients["ann"].messages, ["ping"]);
    }
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
