//! The selective forwarding unit on str0m: rooms, seats, packets. Knows nothing of visits.
//!
//! A [`MediaServer`] owns one UDP socket and one TCP listener that all connections share. Whoever
//! embeds it decides who may join; it answers the browser's offer by [`MediaHandle::join`], and hears
//! by [`Event`]s who is really there. Every frame is passed on as it came; nothing is decoded, mixed or kept.
//!
//! # What the page does
//!
//! **One offer, one answer.** The first offer holds everything that the call may ever need, so that nobody
//! negotiates when people come and go. In this order:
//!
//! 1. `createDataChannel("anteroom")`, reliable and ordered.
//! 2. `addTransceiver(…, { direction: "sendonly" })` three times: microphone (audio), camera (video),
//!    screen (video, without a track until `replaceTrack`). The server tells them apart by kind and order;
//!    a page that has no camera still offers the line.
//! 3. `addTransceiver(…, { direction: "recvonly" })`: one audio and one video for each other person,
//!    and one more video for a shared screen. For rooms of six: 5 audio, 6 video.
//!
//! `sendrecv` lines are ignored. Codecs are Opus and VP8, without simulcast; `setCodecPreferences` to VP8 and
//! its `rtx` on every video line keeps the offer at a quarter of its size (64 KiB are accepted).
//! All candidates of the server are in the answer; the browser need not trickle any, nor wait for its own.
//!
//! **Messages** on the data channel are JSON texts. From the server, see [`message::ToPage`]:
//! `{"type":"slots","slots":[{"mid":"4","participant":"…","kind":"audio|camera|screen"}]}` is the whole
//! truth about all receiving lines, sent when the channel opens and at every change: a line that is not listed
//! carries nothing, a person without `audio` is muted. `{"type":"replaced"}`, `{"type":"removed"}`,
//! `{"type":"ended"}` and `{"type":"stopping"}` say why the connection ends, a second later.
//! From the page: `{"type":"publish","kinds":["audio","camera","screen"]}` names the streams that the others
//! shall get. It starts as audio and camera; what is not named is not passed on, whatever the browser sends.
//!
//! **Recovery.** After `restartIce()` the new offer goes to [`MediaHandle::restart`]. When that answers
//! [`JoinError::Gone`], and after a reload, the page joins anew with a new connection id, which replaces the old
//! connection at once. A network that is away for less than [`Limits::silence`] needs nothing at all.
//!
//! **Connection check.** An offer with one data channel (any label, `{ ordered: false, maxRetransmits: 0 }`) goes
//! to [`MediaHandle::check`]; every message of at most 1200 bytes comes back, up to 200 a second, for [`Limits::check`].
//! With [`Paths::UdpOnly`] or [`Paths::TcpOnly`] the answer contains only candidates of that protocol.
//!
//! # Trust
//!
//! A datagram is looked at only if it comes from an address that has proved itself by a signed connectivity check;
//! everything else is dropped unread. [`Limits`] bounds whatever the network can make the server hold. A panic in the media
//! engine costs the one connection that caused it. Addresses of people appear in no log above `debug`.

mod config;
mod core;
mod error;
mod event;
mod framing;
mod handle;
mod ids;
pub mod message;
mod server;
mod tcp;

pub use self::config::{Config, InvalidPublicAddress, Limits, PublicAddress, StartError};
pub use self::core::Paths;
pub use self::error::JoinError;
pub use self::event::{Answer, Event, LeaveReason, Present, Stats};
pub use self::handle::{EventStream, MediaHandle};
pub use self::ids::{ConnectionId, InvalidId, ParticipantId, RoomId, Seat};
pub use self::server::MediaServer;
