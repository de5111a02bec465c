use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    str::FromStr,
};

/// A block of addresses, as `10.0.0.0/8` or `fd00::/8`.
///
/// IPv4 is held in its IPv6-mapped form, so that one comparison serves both
/// families and `::ffff:10.0.0.1` is the same address as `10.0.0.1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Network {
    first: u128,
    /// Leading bits that all addresses of the block share, of 128.
    prefix: u32,
}

/// A text that names no block of addresses.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("no address and no network")]
pub(crate) struct NoNetwork;

impl Network {
    /// An IPv4 block.
    pub(crate) const fn v4(first: [u8; 4], prefix: u32) -> Self {
        Self { first: Ipv4Addr::from_octets(first).to_ipv6_mapped().to_bits(), prefix: 96 + prefix }
    }

    /// An IPv6 block.
    pub(crate) const fn v6(first: [u16; 8], prefix: u32) -> Self {
        Self { first: Ipv6Addr::from_segments(first).to_bits(), prefix }
    }

    /// Whether the address is in the block.
    pub(crate) fn contains(&self, address: IpAddr) -> bool {
        self.leading(bits(address) ^ self.first) == 0
    }

    /// The bits that the block fixes; a shift by all 128 leaves none.
    fn leading(&self, bits: u128) -> u128 {
        bits.checked_shr(128 - self.prefix).unwrap_or(0)
    }
}

impl FromStr for Network {
    type Err = NoNetwork;

    /// Reads an address or a network. Bits beyond the prefix are refused:
    /// `10.0.0.5/8` is more likely a slip for `/32` than meant.
    fn from_str(text: &str) -> Result<Self, NoNetwork> {
        let Some((address, prefix)) = text.split_once('/') else {
            return text
                .parse()
                .map(|address| Self { first: bits(address), prefix: 128 })
                .map_err(|_| NoNetwork);
        };
        let address: IpAddr = address.parse().map_err(|_| NoNetwork)?;
        let prefix: u32 = prefix.parse().map_err(|_| NoNetwork)?;
        let prefix = if address.is_ipv4() { prefix.saturating_add(96) } else { prefix };
        if prefix > 128 {
            return Err(NoNetwork);
        }
        let network = Self { first: bits(address), prefix };
        let beyond = u128::MAX.checked_shr(prefix).unwrap_or(0);
        if network.first & beyond == 0 { Ok(network) } else { Err(NoNetwork) }
    }
}

fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().to_bits(),
        IpAddr::V6(address) => address.to_bits(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_network_is_read_or_refused() {
        assert_eq!("10.0.0.0/8".parse(), Ok(Network::v4([10, 0, 0, 0], 8)));
        assert_eq!("fd00::/8".parse(), Ok(Network::v6([0xfd00, 0, 0, 0, 0, 0, 0, 0], 8)));
        assert_eq!("10.1.2.3".parse(), Ok(Network::v4([10, 1, 2, 3], 32)));
        for wrong in
            ["", "/", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.5/8", "fd00::/129", "ehr", "10.0.0.0/-1"]
        {
            assert_eq!(wrong.parse::<Network>(), Err(NoNetwork), "{wrong}");
        }
    }

    #[test]
    fn the_widest_network_holds_its_whole_family() {
        let everything: Network = "0.0.0.0/0".parse().unwrap();
        assert!(everything.contains(IpAddr::from([203, 0, 113, 7])));
        assert!(!everything.contains("2001:db8::1".parse().unwrap()));
    }

    proptest! {
        #[test]
        fn a_network_holds_what_shares_its_leading_bits(
            base: u32, other: u32, prefix in 0_u32..=32
        ) {
            let mask = u32::MAX.checked_shl(32 - prefix).unwrap_or(0);
            let text = format!("{}/{prefix}", Ipv4Addr::from_bits(base & mask));
            let network: Network = text.parse().unwrap();
            // One that is near, and one that is anywhere.
            for address in [(base & mask) | (other & !mask), other] {
                let shared = base & mask == address & mask;
                prop_assert_eq!(network.contains(Ipv4Addr::from_bits(address).into()), shared);
            }
        }

        #[test]
        fn no_text_makes_the_parser_panic(text in "[0-9a-f:./ ]{0,24}") {
            let _ = text.parse::<Network>();
        }
    }
}
