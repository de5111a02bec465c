//! What server and page say to each other over the data channel `anteroom`.

use serde::{Deserialize, Serialize};

use crate::ids::ParticipantId;

/// The label of the data channel on which the server listens and speaks.
pub const CONTROL_CHANNEL: &str = "anteroom";

/// What a stream shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StreamKind {
    /// A microphone.
    Audio,
    /// A camera.
    Camera,
    /// A shared screen.
    Screen,
}

/// What a receiving m-line of the page carries from now on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SlotContent {
    /// The m-line: `RTCRtpTransceiver.mid`.
    pub mid: String,
    /// Whose stream it carries.
    pub participant: ParticipantId,
    /// Which of their streams.
    pub kind: StreamKind,
}

/// From the server to the page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum ToPage {
    /// All slots that carry something; a slot that is not listed is empty. Sent when the channel
    /// opens and after every change.
    Slots {
        /// In the order of the page's m-lines.
        slots: Vec<SlotContent>,
    },
    /// The same person has joined with another connection. This one is over.
    Replaced,
    /// The person was removed from the room.
    Removed,
    /// The room has ended for everybody.
    Ended,
    /// The server stops. The page may join again after a few seconds.
    Stopping,
}

impl ToPage {
    pub(crate) fn to_json(&self) -> String {
        // Strings, unit variants and a list of structs cannot fail to serialize.
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// From the page to the server.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub(crate) enum FromPage {
    /// The streams that the person wants the others to get. Before the first such message: audio and camera.
    Publish { kinds: Vec<StreamKind> },
}

impl FromPage {
    /// Longer messages are not read.
    const MAX_BYTES: usize = 1024;

    pub(crate) fn parse(message: &[u8]) -> Option<Self> {
        if message.len() > Self::MAX_BYTES {
            return None;
        }
        serde_json::from_slice(message).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_to_the_page() {
        let slots = ToPage::Slots {
            slots: vec![SlotContent {
                mid: "4".into(),
                participant: ParticipantId::new("p1").unwrap(),
                kind: StreamKind::Camera,
            }],
        };
        insta::assert_snapshot!(slots.to_json(), @r#"{"type":"slots","slots":[{"mid":"4","participant":"p1","kind":"camera"}]}"#);
        insta::assert_snapshot!(ToPage::Replaced.to_json(), @r#"{"type":"replaced"}"#);
        insta::assert_snapshot!(ToPage::Removed.to_json(), @r#"{"type":"removed"}"#);
        insta::assert_snapshot!(ToPage::Ended.to_json(), @r#"{"type":"ended"}"#);
        insta::assert_snapshot!(ToPage::Stopping.to_json(), @r#"{"type":"stopping"}"#);
    }

    #[test]
    fn messages_from_the_page() {
        assert_eq!(
            FromPage::parse(br#"{"type":"publish","kinds":["audio","screen"]}"#),
            Some(FromPage::Publish { kinds: vec![StreamKind::Audio, StreamKind::Screen] })
        );
        assert_eq!(FromPage::parse(b"{}"), None);
        assert_eq!(FromPage::parse(br#"{"type":"publish","kinds":["smell"]}"#), None);
        let long = format!(r#"{{"type":"publish","kinds":[{}]}}"#, [r#""audio""#; 200].join(","));
        assert_eq!(FromPage::parse(long.as_bytes()), None);
    }
}
