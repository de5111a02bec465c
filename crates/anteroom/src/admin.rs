//! `anteroom admin`.

use std::{
    fs,
    io::{self, IsTerminal},
    path::Path,
};

use anyhow::{Context, ensure};
use audit::{Action, Actor, Record};
use secrecy::{ExposeSecret, SecretString};
use storage::{AuditLog, Operators};

use crate::{
    cli::AdminCommand,
    compose::{self, Outside},
};

/// As NIST SP 800-63B asks of a password that stands alone, and a little more.
const SHORTEST_PASSWORD: usize = 12;

/// Adds or lists operators.
pub(crate) async fn run(command: &AdminCommand) -> anyhow::Result<()> {
    let outside = Outside::real();
    match command {
        AdminCommand::AddUser { name, password_file, config } => {
            check_name(name)?;
            let (_, storage) = compose::open_kept(&config.config, &outside).await?;
            let password = password(password_file.as_deref())?;
            let phc = web::hash_password(&password, &*outside.random)?;
            let now = outside.clock.now();
            storage.set_password(name, &phc, now).await?;
            let change = Action::OperatorChanged { operator: name.clone() };
            storage.append(&Record::new(now, change, Actor::System)).await?;
            storage.close().await;
            println!("{name} may sign in at /admin. Sessions with an earlier password have ended.");
        }
        AdminCommand::ListUsers(config) => {
            let (_, storage) = compose::open_kept(&config.config, &outside).await?;
            for name in storage.list_operators().await? {
                println!("{name}");
            }
            storage.close().await;
        }
    }
    Ok(())
}

fn check_name(name: &str) -> anyhow::Result<()> {
    let plain = |c: char| c.is_ascii_alphanumeric() || ".-_@".contains(c);
    let good = (1..=64).contains(&name.len()) && name.chars().all(plain);
    ensure!(good, "a user name is 1 to 64 letters, digits, dots, hyphens, underscores and @");
    Ok(())
}

fn password(file: Option<&Path>) -> anyhow::Result<SecretString> {
    let text = match file {
        Some(file) => {
            fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))?
        }
        None if io::stdin().is_terminal() => ask_twice()?,
        None => io::read_to_string(io::stdin()).context("no password on standard input")?,
    };
    let password = SecretString::from(text.trim_end_matches(['\r', '\n']));
    let length = password.expose_secret().chars().count();
    ensure!(length >= SHORTEST_PASSWORD, "a password has at least {SHORTEST_PASSWORD} characters");
    Ok(password)
}

fn ask_twice() -> anyhow::Result<String> {
    let first = rpassword::prompt_password(format!("Password, at least {SHORTEST_PASSWORD} characters: "))?;
    let second = rpassword::prompt_password("The same again: ")?;
    ensure!(first == second, "the two passwords differ");
    Ok(first)
}
