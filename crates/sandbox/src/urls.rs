use url::Url;

use crate::cast::User;

/// Addresses of this EHR as others see them, without a slash at the end.
#[derive(Debug, Clone)]
pub(crate) struct Urls {
    base: String,
}

impl Urls {
    pub(crate) fn new(base: &Url) -> Self {
        Self { base: base.as_str().trim_end_matches('/').to_owned() }
    }

    /// The FHIR base, which is what a launch calls `iss`.
    pub(crate) fn fhir(&self) -> String {
        format!("{}/interconnect/api/FHIR/R4", self.base)
    }

    /// The issuer of id_tokens, which is not the FHIR base.
    pub(crate) fn issuer(&self) -> String {
        format!("{}/interconnect/oauth2", self.base)
    }

    pub(crate) fn authorize(&self) -> String {
        format!("{}/authorize", self.issuer())
    }

    pub(crate) fn token(&self) -> String {
        format!("{}/token", self.issuer())
    }

    pub(crate) fn jwks(&self) -> String {
        format!("{}{}", self.base, crate::server::JWKS_PATH)
    }

    /// The user's own FHIR resource, absolute.
    pub(crate) fn fhir_user(&self, user: User) -> String {
        format!("{}/{}", self.fhir(), user.reference())
    }
}
