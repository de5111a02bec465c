//! Where the server listens, what it tells browsers about that, and what it refuses to hold.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;
use std::time::Duration;

/// How to start a [`MediaServer`](crate::MediaServer).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The UDP socket that all media shares. `0.0.0.0:port` or `[::]:port` serves every interface;
    /// port 0 takes a free one.
    pub udp: SocketAddr,
    /// The TCP listener for browsers whose network passes no UDP (ICE-TCP, RFC 6544). `None`: UDP only.
    pub tcp: Option<SocketAddr>,
    /// What browsers are told to connect to. Needed behind NAT or in a container, where the server
    /// cannot know its outer address. Empty: the addresses of the interfaces.
    pub public_addresses: Vec<PublicAddress>,
    /// Upper bounds on what the network may make the server hold.
    pub limits: Limits,
}

/// An address under which browsers reach the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PublicAddress {
    /// This address, with the ports that the server listens on.
    Ip(IpAddr),
    /// This address and port, for UDP and TCP alike.
    Socket(SocketAddr),
}

impl PublicAddress {
    fn with_port(self, port: u16) -> SocketAddr {
        match self {
            Self::Ip(ip) => SocketAddr::new(ip, port),
            Self::Socket(address) => address,
        }
    }
}

/// A string that is neither `address` nor `address:port`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a public address is an IP address, or an IP address with a port: 203.0.113.7, 203.0.113.7:7882, [2001:db8::7]:7882"
)]
pub struct InvalidPublicAddress;

impl FromStr for PublicAddress {
    type Err = InvalidPublicAddress;

    fn from_str(text: &str) -> Result<Self, InvalidPublicAddress> {
        let address = match text.parse() {
            Ok(ip) => Self::Ip(ip),
            Err(_) => Self::Socket(text.parse().map_err(|_| InvalidPublicAddress)?),
        };
        let probe = address.with_port(1);
        // Browsers cannot connect to these, and an ICE candidate must not carry them.
        if probe.ip().is_unspecified() || probe.ip().is_multicast() || probe.port() == 0 {
            return Err(InvalidPublicAddress);
        }
        Ok(address)
    }
}

impl fmt::Display for PublicAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(ip) => ip.fmt(f),
            Self::Socket(address) => address.fmt(f),
        }
    }
}

/// Upper bounds on what the network may make the server hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Rooms at once.
    pub rooms: usize,
    /// People in one room.
    pub room_size: usize,
    /// Bytes of one SDP offer.
    pub offer_bytes: usize,
    /// Media lines of one SDP offer: three to send, and a pair to receive for each other person, with room to spare.
    pub offer_lines: usize,
    /// TCP connections at once.
    pub tcp_connections: usize,
    /// TCP connections at once from one address. A hospital may sit behind one.
    pub tcp_connections_per_address: usize,
    /// How long a TCP connection may carry nothing that belongs to a live peer.
    pub tcp_idle: Duration,
    /// How long a browser may take from the answer to the first media path (ICE and DTLS).
    pub connect: Duration,
    /// How long a connected browser may be silent, its network gone, before it is given up.
    /// Browsers send a consent check every few seconds (RFC 7675), so silence means no path.
    pub silence: Duration,
    /// Connection checks at once.
    pub checks: usize,
    /// How long one connection check may last.
    pub check: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            rooms: 500,
            room_size: 6,
            offer_bytes: 64 * 1024,
            offer_lines: 24,
            tcp_connections: 500,
            tcp_connections_per_address: 100,
            tcp_idle: Duration::from_secs(30),
            connect: Duration::from_secs(30),
            silence: Duration::from_secs(30),
            checks: 32,
            check: Duration::from_secs(30),
        }
    }
}

/// Why the server could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A socket could not be bound: the port is taken, or the address is not of this machine.
    #[error("cannot listen on {protocol} {address}")]
    Bind {
        /// `UDP` or `TCP`.
        protocol: &'static str,
        /// The address that was asked for.
        address: SocketAddr,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The addresses of the interfaces could not be read.
    #[error("cannot list the network interfaces; set the public addresses instead")]
    Interfaces(#[source] io::Error),
    /// There is no address that a browser could be told.
    #[error("no usable address for browsers to connect to; set the public addresses")]
    NoAddress,
    /// The system gave no thread or runtime.
    #[error("cannot start the media thread")]
    Thread(#[source] io::Error),
}

/// The addresses to tell browsers for a socket that is bound to `bound`.
pub(crate) fn advertised(bound: SocketAddr, public: &[PublicAddress]) -> Result<Vec<SocketAddr>, StartError> {
    let addresses: Vec<_> = if !public.is_empty() {
        public.iter().map(|a| a.with_port(bound.port())).collect()
    } else if !bound.ip().is_unspecified() {
        vec![bound]
    } else {
        // Loopback is included on purpose: Chromium on the same machine takes it, while Firefox
        // refuses it and needs the others.
        if_addrs::get_if_addrs()
            .map_err(StartError::Interfaces)?
            .into_iter()
            .filter(if_addrs::Interface::is_oper_up)
            .map(|interface| interface.ip())
            .filter(|ip| reachable(*ip) && (ip.is_ipv4() || bound.is_ipv6()))
            .map(|ip| SocketAddr::new(ip, bound.port()))
            .collect()
    };
    if addresses.is_empty() {
        return Err(StartError::NoAddress);
    }
    Ok(addresses)
}

/// Link-local IPv6 needs a scope, which an ICE candidate cannot carry.
fn reachable(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => !ip.is_unspecified(),
        IpAddr::V6(ip) => !ip.is_unspecified() && !ip.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn public_addresses_have_a_port_or_take_ours() {
        let bound = "10.0.0.2:7882".parse().unwrap();
        let public = ["203.0.113.7", "203.0.113.8:9000", "[2001:db8::7]:9000"]
            .map(|text| text.parse::<PublicAddress>().unwrap());
        let told = advertised(bound, &public).unwrap();
        let told: Vec<_> = told.iter().map(ToString::to_string).collect();
        assert_eq!(told, ["203.0.113.7:7882", "203.0.113.8:9000", "[2001:db8::7]:9000"]);
    }

    #[test]
    fn public_addresses_that_nobody_can_reach_are_refused() {
        for bad in ["", "example.org", "0.0.0.0", "[::]:1", "1.2.3.4:0", "224.0.0.1", "1.2.3.4:99999"] {
            assert_eq!(bad.parse::<PublicAddress>(), Err(InvalidPublicAddress), "{bad}");
        }
    }

    #[test]
    fn a_socket_on_one_address_tells_that_address() {
        let bound = "127.0.0.1:7882".parse().unwrap();
        assert_eq!(advertised(bound, &[]).unwrap(), [bound]);
    }

    #[test]
    fn a_socket_on_every_address_tells_those_of_the_interfaces() {
        let told = advertised("0.0.0.0:7882".parse().unwrap(), &[]).unwrap();
        assert!(told.iter().all(|a| a.is_ipv4() && a.port() == 7882 && !a.ip().is_unspecified()));
        assert!(told.iter().any(|a| a.ip().is_loopback()));
    }
}
