//! `anteroom keys`.

use jiff::Timestamp;
use oauth::{KeyInfo, KeySet, KeyState};

use crate::{
    cli::KeysCommand,
    compose::{self, Outside},
    config::{Configuration, EhrConnection},
};

/// Lists or rotates keys.
pub(crate) fn run(command: &KeysCommand) -> anyhow::Result<()> {
    let (KeysCommand::List(options) | KeysCommand::Rotate(options)) = command;
    let configuration = Configuration::load(&options.config.config)?;
    let outside = Outside::real();
    let keys = compose::key_store(&configuration.server);
    let now = outside.clock.now();
    for EhrConnection { ehr, .. } in chosen(&configuration, options.ehr.as_ref())? {
        let set = match command {
            KeysCommand::List(_) => keys.key_set(ehr.id(), now)?,
            KeysCommand::Rotate(_) => keys.rotate(ehr.id(), now)?,
        };
        println!("{}", table(ehr.id().as_str(), &set, now));
    }
    Ok(())
}

fn chosen<'a>(
    configuration: &'a Configuration,
    wanted: Option<&visit::EhrId>,
) -> anyhow::Result<Vec<&'a EhrConnection>> {
    let fits = |connection: &&EhrConnection| wanted.is_none_or(|id| connection.ehr.id() == id);
    let chosen: Vec<_> = configuration.ehrs.iter().filter(fits).collect();
    anyhow::ensure!(!chosen.is_empty(), "there is no such EHR connection in the configuration");
    Ok(chosen)
}

fn table(ehr: &str, set: &KeySet, now: Timestamp) -> String {
    let line = |KeyInfo { kid, algorithm, created_at, state }: KeyInfo| {
        let state = match state {
            KeyState::Announced { signs_from } => format!("published, signs from {}", minute(signs_from)),
            KeyState::Active => "signs".to_owned(),
            KeyState::Retired { published_until } => {
                format!("no longer signs, published until {}", minute(published_until))
            }
            KeyState::Expired => "no longer published".to_owned(),
        };
        format!("  {}  {kid}  made {}  {state}", algorithm.as_str(), minute(created_at))
    };
    let lines = set.list(now).into_iter().map(line);
    [ehr.to_owned()].into_iter().chain(lines).collect::<Vec<_>>().join("\n")
}

fn minute(moment: Timestamp) -> String {
    moment.strftime("%Y-%m-%d %H:%M UTC").to_string()
}
