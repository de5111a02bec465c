//! The configuration: one TOML file, and environment variables over it.
//!
//! `tree` knows where each value stands, `section` and `values` read it, the
//! other files say what there is. A wrong key or value is refused with its
//! place and what would be right; all of them at once.

mod ehr;
mod links;
mod meeting;
mod problem;
mod section;
mod server;
mod status;
mod tree;
mod values;

#[cfg(test)]
mod tests;

use std::path::Path;

use url::Url;

pub(crate) use self::{
    ehr::{EhrConnection, Environment},
    meeting::{Backend, MEDIA_PORT, Media},
    problem::ConfigError,
    server::{Server, TlsFiles},
    status::ConnectionStatus,
};
use self::{
    problem::Problems,
    section::{Desk, Noted, Section, Wrong},
};

/// Everything that the program is told.
#[derive(Debug)]
pub(crate) struct Configuration {
    /// `[server]`.
    pub(crate) server: Server,
    /// `[[ehr]]`, at least one.
    pub(crate) ehrs: Vec<EhrConnection>,
    /// `[meeting]`.
    pub(crate) backend: Backend,
    /// `[media]`.
    pub(crate) media: Media,
}

impl Configuration {
    /// Reads the file, and the environment over it.
    pub(crate) fn load(path: &Path) -> Result<Self, ConfigError> {
        Self::load_with(path, environment())
    }

    /// Reads the file, and these variables over it.
    pub(crate) fn load_with(
        path: &Path,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ConfigError::File { path: path.to_owned(), source })?;
        let folder = path.parent().unwrap_or(Path::new(""));
        let problems = Problems::default();
        let configuration = Self::read(&text, environment, Desk { problems: &problems, folder });
        conclude(path, configuration, problems)
    }

    fn read(
        text: &str,
        environment: impl IntoIterator<Item = (String, String)>,
        desk: Desk<'_>,
    ) -> Result<Self, Noted> {
        let mut tree = tree::parse(text, desk.problems);
        tree::put_over(&mut tree, environment, desk.problems);
        let mut root = Section::root(desk, tree);
        let server = Server::read(root.section_or_empty("server"));
        let public_url = server.as_ref().ok().map(|server| &server.public_url);
        let ehrs = ehr_connections(&mut root, public_url);
        let backend = Backend::read(root.section_or_empty("meeting"));
        let media = Media::read(root.section_or_empty("media"));
        Ok(Self { server: server?, ehrs: ehrs?, backend: backend?, media: media? })
    }
}

/// The environment's variables; one that is no Unicode is none of ours.
pub(crate) fn environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}

fn ehr_connections(root: &mut Section<'_>, public_url: Option<&Url>) -> Result<Vec<EhrConnection>, Noted> {
    let sections = root.sections("ehr");
    if sections.is_empty() {
        let right = "[[ehr]], once for each EHR connection";
        return Err(root.wrong("ehr", Wrong::new("there is none", right)));
    }
    let mut ehrs = Vec::new();
    let mut outcome = Ok(());
    for section in sections {
        match EhrConnection::read(section, public_url, &ehrs) {
            Ok(ehr) => ehrs.push(ehr),
            Err(noted) => outcome = Err(noted),
        }
    }
    outcome.map(|()| ehrs)
}

fn conclude(
    path: &Path,
    configuration: Result<Configuration, Noted>,
    problems: Problems,
) -> Result<Configuration, ConfigError> {
    match (configuration, problems.into_sorted()) {
        (Ok(configuration), problems) if problems.is_empty() => Ok(configuration),
        (_, problems) => Err(ConfigError::Wrong { path: path.to_owned(), problems }),
    }
}
