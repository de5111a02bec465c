//! What strangers may send.

use std::time::{Duration, Instant};

use proptest::prelude::*;
use str0m::net::Protocol;

use super::client::Client;
use super::{World, room, seat};
use crate::JoinError;
use crate::core::Origin;

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
