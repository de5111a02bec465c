use jiff::SignedDuration;

use crate::{
    cast::{Clinician, Patient},
    expiring::Expiring,
    launch::Launch,
};

/// From the click to authorize.
pub(crate) const LAUNCH_LIFETIME: SignedDuration = SignedDuration::from_mins(5);
/// From authorize to the token request.
pub(super) const CODE_LIFETIME: SignedDuration = SignedDuration::from_mins(1);
/// Epic's usual access token.
pub(super) const ACCESS_LIFETIME: SignedDuration = SignedDuration::from_hours(1);

/// All that has been handed out.
#[derive(Debug, Default)]
pub(crate) struct Grants {
    /// Launch tokens, single use.
    pub(crate) launches: Expiring<Launch>,
    /// Authorization codes, single use.
    pub(super) codes: Expiring<CodeGrant>,
    /// Access tokens.
    pub(crate) access: Expiring<Holder>,
    /// Client id and `jti` of assertions seen, until they run out.
    pub(super) assertions: Expiring<()>,
}

/// What an authorization code stands for.
#[derive(Debug)]
pub(super) struct CodeGrant {
    pub(super) client_id: String,
    pub(super) redirect_uri: String,
    pub(super) code_challenge: String,
    pub(super) scope: String,
    pub(super) state: Option<String>,
    pub(super) nonce: Option<String>,
    pub(super) launch: Launch,
}

/// What an access token stands for: on whose behalf its client acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Holder {
    /// A clinician, who may see all patients here.
    Clinician(&'static Clinician),
    /// The portal: this patient's own data and no other's.
    Portal(&'static Patient),
    /// A background user.
    Backend,
}

impl Holder {
    /// Whether data of this patient may be shown.
    pub(crate) fn may_see(self, patient: &Patient) -> bool {
        match self {
            Self::Clinician(_) | Self::Backend => true,
            Self::Portal(own) => own == patient,
        }
    }
}
