//! Whose datagram is this? All connections share the ports.

use std::collections::HashMap;
use std::net::SocketAddr;

use str0m::ice::StunMessage;
use str0m::net::Protocol;

use super::PeerKey;

/// Where a datagram came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Origin {
    /// UDP or TCP.
    pub(crate) protocol: Protocol,
    /// The browser's address, as seen here.
    pub(crate) address: SocketAddr,
}

impl Origin {
    fn key(self) -> (bool, SocketAddr) {
        (self.protocol == Protocol::Tcp, self.address)
    }
}

/// Finds the connection of a datagram, at the same cost for strangers as for friends.
///
/// A browser shows itself by a connectivity check that names the connection and is signed with its
/// password (STUN, RFC 8445). From then on its address is known, and only known addresses may send
/// anything but such checks.
#[derive(Debug, Default)]
pub(super) struct Demux {
    by_name: HashMap<String, PeerKey>,
    by_origin: HashMap<(bool, SocketAddr), PeerKey>,
}

impl Demux {
    /// Addresses remembered for one connection: a browser has a few, a forger of addresses many.
    const MAX_ORIGINS: usize = 16;

    pub(super) fn name(&mut self, ufrag: String, peer: PeerKey) {
        self.by_name.retain(|_, named| *named != peer);
        self.by_name.insert(ufrag, peer);
    }

    /// The connection that a datagram claims to belong to.
    pub(super) fn find(&self, origin: Origin, datagram: &[u8]) -> Option<PeerKey> {
        let known = self.by_origin.get(&origin.key()).copied();
        if !is_stun(datagram) {
            return known;
        }
        // The name counts for more than the address, which a NAT may have given to somebody else.
        let message = StunMessage::parse(datagram).ok()?;
        match message.split_username() {
            Some((ufrag, _)) => self.by_name.get(ufrag).copied(),
            None => known,
        }
    }

    /// The datagram's claim has proved true.
    pub(super) fn remember(&mut self, origin: Origin, peer: PeerKey) {
        if self.by_origin.get(&origin.key()) == Some(&peer) {
            return;
        }
        let of_peer = self.by_origin.values().filter(|p| **p == peer).count();
        if of_peer < Self::MAX_ORIGINS {
            self.by_origin.insert(origin.key(), peer);
        }
    }

    pub(super) fn forget(&mut self, peer: PeerKey) {
        self.by_name.retain(|_, named| *named != peer);
        self.by_origin.retain(|_, known| *known != peer);
    }
}

/// RFC 7983: the first byte tells the protocols on one port apart.
fn is_stun(datagram: &[u8]) -> bool {
    datagram.first().is_some_and(|first| *first < 4)
}
