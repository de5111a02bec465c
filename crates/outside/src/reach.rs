use std::net::{IpAddr, Ipv4Addr};

use crate::network::Network;

/// Where an address leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Out, to the Internet.
    Public,
    /// To this machine or this organization. An EHR may stand there, if the
    /// operator says so.
    Private,
    /// Where no EHR ever is: link-local, the cloud's metadata services,
    /// multicast, reserved.
    Never,
}

/// Where an address leads, by the IANA special-purpose address registries
/// (RFC 6890 and its updates).
pub(crate) fn reach_of(address: IpAddr) -> Reach {
    let address = delivered_to(address);
    let stands_in = |blocks: &[Network]| blocks.iter().any(|block| block.contains(address));
    if stands_in(NEVER) {
        Reach::Never
    } else if stands_in(PRIVATE) {
        Reach::Private
    } else if address.is_ipv4() || GLOBAL_UNICAST.contains(address) {
        Reach::Public
    } else {
        Reach::Never
    }
}

/// The IPv4 address that a mapped, translated or tunnelled one is delivered
/// to, so that no private address hides in an IPv6 coat.
fn delivered_to(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else { return address };
    match v6.octets() {
        // Mapped (RFC 4291), NAT64 (RFC 6052), 6to4 (RFC 3056).
        [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a, b, c, d]
        | [0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0, a, b, c, d]
        | [0x20, 0x02, a, b, c, d, ..] => Ipv4Addr::new(a, b, c, d).into(),
        _ => address,
    }
}

/// What IANA gives out for unicast (RFC 3513); all else in IPv6 is reserved
/// unless it stands below.
const GLOBAL_UNICAST: Network = Network::v6([0x2000, 0, 0, 0, 0, 0, 0, 0], 3);

const PRIVATE: &[Network] = &[
    // RFC 1918.
    Network::v4([10, 0, 0, 0], 8),
    Network::v4([172, 16, 0, 0], 12),
    Network::v4([192, 168, 0, 0], 16),
    // Carrier-grade NAT, RFC 6598.
    Network::v4([100, 64, 0, 0], 10),
    // Loopback.
    Network::v4([127, 0, 0, 0], 8),
    // Benchmarks, RFC 2544; some networks use it inside.
    Network::v4([198, 18, 0, 0], 15),
    // Documentation, RFC 5737.
    Network::v4([192, 0, 2, 0], 24),
    Network::v4([198, 51, 100, 0], 24),
    Network::v4([203, 0, 113, 0], 24),
    // Loopback.
    Network::v6([0, 0, 0, 0, 0, 0, 0, 1], 128),
    // Unique local, RFC 4193.
    Network::v6([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7),
    // Documentation, RFC 3849.
    Network::v6([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32),
    // Documentation, RFC 9637.
    Network::v6([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20),
];

const NEVER: &[Network] = &[
    // "This network": Linux takes it for loopback.
    Network::v4([0, 0, 0, 0], 8),
    // Link-local, RFC 3927; most metadata services.
    Network::v4([169, 254, 0, 0], 16),
    // Metadata, Alibaba.
    Network::v4([100, 100, 100, 200], 32),
    // Metadata, Azure.
    Network::v4([168, 63, 129, 16], 32),
    // Protocol assignments; metadata, Oracle.
    Network::v4([192, 0, 0, 0], 24),
    // 6to4 relays, RFC 7526.
    Network::v4([192, 88, 99, 0], 24),
    // Multicast.
    Network::v4([224, 0, 0, 0], 4),
    // Reserved, broadcast.
    Network::v4([240, 0, 0, 0], 4),
    // Metadata, AWS.
    Network::v6([0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254], 128),
    // Metadata, Google.
    Network::v6([0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254], 128),
    // Link-local.
    Network::v6([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10),
    // Protocol assignments, Teredo.
    Network::v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 23),
];

#[cfg(test)]
mod tests {
    use std::net::Ipv6Addr;

    use proptest::prelude::*;

    use super::*;

    fn reach(address: &str) -> Reach {
        reach_of(address.parse().unwrap())
    }

    #[test]
    fn public_addresses_are_public() {
        for address in [
            "8.8.8.8",
            "1.1.1.1",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.0.0.1",
            "172.15.255.255",
            "172.32.0.0",
            "192.167.255.255",
            "192.169.0.0",
            "223.255.255.255",
            "2606:4700::1111",
            "2001:200::1",
            "2a00:1450::1",
            "64:ff9b::8.8.8.8",
            "::ffff:8.8.8.8",
            "2002:808:808::",
        ] {
            assert_eq!(reach(address), Reach::Public, "{address}");
        }
    }

    #[test]
    fn inside_addresses_are_private() {
        for address in [
            "10.0.0.1",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.255.254",
            "198.18.0.1",
            "::1",
            "fc00::1",
            "fdff::1",
            "2001:db8::1",
        ] {
            assert_eq!(reach(address), Reach::Private, "{address}");
        }
    }

    #[test]
    fn metadata_and_reserved_addresses_are_never_asked() {
        for address in [
            "0.0.0.0",
            "169.254.169.254",
            "100.100.100.200",
            "168.63.129.16",
            "192.0.0.192",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "fd00:ec2::254",
            "fd20:ce::254",
            "2001::1",
            "64:ff9b:1::1",
            "::8.8.8.8",
            "4000::1",
            "::ffff:169.254.169.254",
            "64:ff9b::169.254.169.254",
        ] {
            assert_eq!(reach(address), Reach::Never, "{address}");
        }
    }

    /// The standard library's own classes, as a second opinion.
    fn is_special_v4(address: Ipv4Addr) -> bool {
        address.is_private()
            || address.is_loopback()
            || address.is_link_local()
            || address.is_broadcast()
            || address.is_documentation()
            || address.is_multicast()
            || address.is_unspecified()
    }

    fn is_special_v6(address: Ipv6Addr) -> bool {
        address.is_loopback()
            || address.is_unspecified()
            || address.is_multicast()
            || address.is_unique_local()
            || address.is_unicast_link_local()
    }

    /// Addresses from the special blocks more often than chance would give.
    fn any_v4() -> impl Strategy<Value = Ipv4Addr> {
        let near = |first: [u8; 2]| any::<[u8; 2]>().prop_map(move |[c, d]| [first[0], first[1], c, d]);
        prop_oneof![
            any::<[u8; 4]>(),
            any::<[u8; 3]>().prop_map(|[b, c, d]| [10, b, c, d]),
            any::<[u8; 3]>().prop_map(|[b, c, d]| [127, b, c, d]),
            any::<[u8; 3]>().prop_map(|[b, c, d]| [172, b, c, d]),
            near([192, 168]),
            near([169, 254]),
            near([192, 0]),
        ]
        .prop_map(Ipv4Addr::from)
    }

    proptest! {
        #[test]
        fn what_the_standard_library_calls_special_is_not_public(address in any_v4()) {
            if is_special_v4(address) {
                prop_assert_ne!(reach_of(address.into()), Reach::Public);
            }
        }

        #[test]
        fn an_ipv6_coat_changes_nothing(address in any_v4(), rest: [u16; 5]) {
            let [a, b, c, d] = address.octets();
            let (high, low) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
            let bare = reach_of(address.into());
            let [s3, s4, s5, s6, s7] = rest;
            for coat in [
                address.to_ipv6_mapped(),
                Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, high, low),
                Ipv6Addr::new(0x2002, high, low, s3, s4, s5, s6, s7),
            ] {
                prop_assert_eq!(reach_of(coat.into()), bare, "{}", coat);
            }
        }

        #[test]
        fn only_global_unicast_is_public_in_ipv6(first in prop_oneof![any::<u16>(), 0xfc00_u16..], rest: [u16; 7]) {
            let [b, c, d, e, f, g, h] = rest;
            let address = Ipv6Addr::new(first, b, c, d, e, f, g, h);
            if is_special_v6(address) || (!(0x2000..0x4000).contains(&first) && first != 0x64 && first != 0) {
                prop_assert_ne!(reach_of(address.into()), Reach::Public);
            }
        }
    }
}
