/// Whose page it is: an EHR connection's name and looks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Brand {
    /// The organisation's name, as in "Lamna Healthcare".
    pub name: String,
    /// The address of its logo on this server; its name is shown without one.
    pub logo_url: Option<String>,
    /// The address of a style sheet on this server that sets the colour
    /// variables listed at the top of `base.css`.
    pub theme_url: Option<String>,
    /// Whom to call for help, one sentence, as in "Call the video visit desk
    /// at 555-0100."
    pub support: String,
}

impl Default for Brand {
    /// For pages that no EHR connection is known for.
    fn default() -> Self {
        Self {
            name: "Video visits".into(),
            logo_url: None,
            theme_url: None,
            support: "Call the clinic that you have your appointment with.".into(),
        }
    }
}

/// What stands around every page.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shell {
    /// Whose page it is.
    pub brand: Brand,
}

impl Shell {
    /// The page of one organisation.
    pub fn new(brand: Brand) -> Self {
        Self { brand }
    }
}
