//! Who knocks: the browser's address, behind whatever proxies the operator
//! trusts.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use axum::{
    extract::{ConnectInfo, Request},
    http::{HeaderMap, HeaderName},
};

use crate::state::AppState;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The browser's address. `X-Forwarded-For` counts only as far as proxies
/// that the operator named have written it: read from the right, the first
/// address that is no such proxy.
pub(crate) fn of_browser(state: &AppState, request: &Request) -> IpAddr {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
    // Without a socket (tests drive the router directly) there is no peer.
    let peer = peer.map_or(Ipv4Addr::UNSPECIFIED.into(), |ConnectInfo(peer)| peer.ip().to_canonical());
    behind_proxies(peer, request.headers(), &state.trusted_proxies)
}

fn behind_proxies(peer: IpAddr, headers: &HeaderMap, trusted: &[IpAddr]) -> IpAddr {
    let mut address = peer;
    let forwarded = headers.get_all(FORWARDED_FOR).iter().filter_map(|value| value.to_str().ok());
    let mut hops: Vec<&str> = forwarded.flat_map(|value| value.split(',')).collect();
    while trusted.contains(&address) {
        let Some(hop) = hops.pop().and_then(|hop| hop.trim().parse::<IpAddr>().ok()) else { break };
        address = hop.to_canonical();
    }
    address
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(peer: &str, forwarded: &[&str], trusted: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append(FORWARDED_FOR, value.parse().unwrap());
        }
        let trusted: Vec<_> = trusted.iter().map(|address| address.parse().unwrap()).collect();
        behind_proxies(peer.parse().unwrap(), &headers, &trusted).to_string()
    }

    #[test]
    fn only_named_proxies_speak_for_others() {
        assert_eq!(seen("198.51.100.7", &["203.0.113.9"], &[]), "198.51.100.7");
        assert_eq!(seen("10.0.0.1", &["203.0.113.9"], &["10.0.0.1"]), "203.0.113.9");
        // What the browser itself wrote on the left does not count.
        assert_eq!(seen("10.0.0.1", &["1.1.1.1, 203.0.113.9"], &["10.0.0.1"]), "203.0.113.9");
        assert_eq!(seen("10.0.0.1", &["203.0.113.9", "10.0.0.2"], &["10.0.0.1", "10.0.0.2"]), "203.0.113.9");
        assert_eq!(seen("10.0.0.1", &["nonsense"], &["10.0.0.1"]), "10.0.0.1");
    }
}
