use serde::{Deserialize, Serialize};
use visit::SeatId;

use super::{DeviceSecret, FactorKind, SealedAnswer, SecretHash};

/// What somebody wants of a direct link.
#[derive(Debug, Clone)]
pub enum Command {
    /// Somebody with the token wants in.
    Open {
        /// What their device holds of an earlier opening, if anything.
        device: Option<DeviceSecret>,
        /// A fresh secret, which the device holds from now on if it had none:
        /// where [`Event::Opened`] is among the answers.
        fresh_device: DeviceSecret,
        /// The answer to the second factor, sealed with the link's own.
        answer: Option<SealedAnswer>,
    },
    /// The device that holds the link gives it up, so that another may open it.
    Release {
        /// What the device holds.
        device: DeviceSecret,
    },
    /// A provider lets another device open the link: the first is lost.
    Renew {
        /// The provider's seat.
        by: SeatId,
    },
    /// The link is no longer good.
    Revoke {
        /// The provider's seat; `None` where no provider does it: the visit
        /// ended, the appointment was cancelled, an operator.
        by: Option<SeatId>,
    },
}

/// What happened to a direct link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Event {
    /// A device holds the link from now on.
    Opened {
        /// The hash of its secret.
        device: SecretHash,
    },
    /// A wrong answer to the second factor.
    AnsweredWrongly,
    /// One wrong answer too many.
    Locked,
    /// The device gave the link up.
    Released,
    /// A provider took the link from its device.
    Renewed {
        /// The provider's seat.
        by: SeatId,
    },
    /// No longer good.
    Revoked {
        /// The provider's seat, if a provider did it.
        by: Option<SeatId>,
    },
}

/// Why a direct link does not do what was asked. Whoever sees it has the
/// token, so that it may be told plainly; unknown tokens have a page of their
/// own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum GuestRefused {
    /// It was revoked.
    #[error("this link is no longer good")]
    Revoked,
    /// Its time has not come.
    #[error("this link is not good yet")]
    TooEarly,
    /// Its time is over.
    #[error("this link has expired")]
    Expired,
    /// There were too many wrong answers; somebody makes a new link.
    #[error("there were too many wrong answers")]
    Locked,
    /// Another device holds it.
    #[error("this link is open on another device")]
    HeldElsewhere,
    /// The second factor has to be answered first.
    #[error("an answer is needed")]
    AnswerNeeded(FactorKind),
}
