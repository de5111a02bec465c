use std::net::SocketAddr;

use media::PublicAddress;

use super::{
    section::{Noted, Section, Wrong},
    values::{list_of, one_of, parsed},
};

/// `[meeting]`: what carries the media of new visits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Backend {
    /// The room inside this program.
    BuiltIn,
}

impl Backend {
    pub(super) fn read(mut section: Section<'_>) -> Result<Self, Noted> {
        section.or("backend", Self::BuiltIn, |field| {
            let words = ["built-in", "livekit", "zoom", "teams", "jitsi"].map(|word| (word, word));
            match one_of(&words)(field)? {
                "built-in" => Ok(Self::BuiltIn),
                other => Err(Wrong::new(format!("{other} is not there yet"), "\"built-in\"")),
            }
        })
    }
}

/// `[media]`: the built-in room's ports.
#[derive(Debug, Clone)]
pub(crate) struct Media {
    /// UDP and TCP, one port for both.
    pub(crate) listen: SocketAddr,
    /// What browsers are told to connect to; empty: the machine's addresses.
    pub(crate) public_addresses: Vec<PublicAddress>,
}

/// The port that the built-in room takes unless it is told another.
pub(crate) const MEDIA_PORT: u16 = 7882;

impl Media {
    pub(super) fn read(mut section: Section<'_>) -> Result<Self, Noted> {
        let everywhere = SocketAddr::from(([0, 0, 0, 0], MEDIA_PORT));
        let listen = section.or("listen", everywhere, parsed("an address and a port, as \"0.0.0.0:7882\""));
        let right = "IP addresses, with or without a port, as \"203.0.113.7\"";
        let public_addresses = section.or("public_addresses", Vec::new(), list_of(right));
        Ok(Self { listen: listen?, public_addresses: public_addresses? })
    }
}
