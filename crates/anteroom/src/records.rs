//! `anteroom audit` and `anteroom purge`.

use std::io::{self, Write};

use anyhow::{Context, bail};
use audit::{Actor, Site, audit_event};
use storage::{AuditLog, Housekeeping, Purge, Storage, verify_audit};

use crate::{
    cli::{AuditCommand, PurgeOptions},
    compose::{self, Outside},
    config::Configuration,
};

/// Entries that are read at a time.
const PAGE: u32 = 500;

/// Follows or exports the audit log.
pub(crate) async fn audit(command: &AuditCommand) -> anyhow::Result<()> {
    let outside = Outside::real();
    match command {
        AuditCommand::Verify(options) => {
            let (_, storage) = compose::open_kept(&options.config, &outside).await?;
            let verified = verify_audit(&storage).await;
            storage.close().await;
            match verified? {
                Ok(chain) => println!(
                    "The log is whole: {} entries, the last one's hash {}.",
                    chain.length, chain.hash
                ),
                Err(broken) => bail!("the audit log is broken: {broken}"),
            }
        }
        AuditCommand::Export { after, config } => {
            let (configuration, storage) = compose::open_kept(&config.config, &outside).await?;
            let exported = export(&storage, &site(&configuration), *after).await;
            storage.close().await;
            exported?;
        }
    }
    Ok(())
}

/// One FHIR AuditEvent a line, oldest first.
async fn export(storage: &Storage, site: &Site, mut after: u64) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    loop {
        let page = storage.audit_entries_after(after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(out.flush()?) };
        after = last.number;
        for entry in &page {
            let event = audit_event(entry, site).with_context(|| format!("entry {}", entry.number))?;
            writeln!(out, "{event}")?;
        }
    }
}

fn site(configuration: &Configuration) -> Site {
    let bases = configuration.ehrs.iter().map(|connection| {
        let ehr = &connection.ehr;
        (ehr.id().clone(), ehr.connection.fhir_base.as_str().trim_end_matches('/').to_owned())
    });
    let url = configuration.server.public_url.as_str().trim_end_matches('/').to_owned();
    Site { url, fhir_bases: bases.collect() }
}

/// Takes a person out of what is kept.
pub(crate) async fn purge(options: &PurgeOptions) -> anyhow::Result<()> {
    let outside = Outside::real();
    let (configuration, storage) = compose::open_kept(&options.config.config, &outside).await?;
    if !configuration.ehrs.iter().any(|connection| *connection.ehr.id() == options.ehr) {
        bail!("there is no EHR connection {}", options.ehr);
    }
    let now = outside.clock.now();
    let purge = storage.purge_person(&options.ehr, &options.person, &Actor::System, now).await;
    storage.close().await;
    match purge? {
        Purge::Done(purged) => {
            println!(
                "Purged: {} seats, {} events, {} cards, {} sessions, {} device tests, {} notification records.",
                purged.seats,
                purged.events,
                purged.cards,
                purged.sessions,
                purged.device_tests,
                purged.notices
            );
            println!("The audit log keeps what they did; backups keep everything.");
        }
        Purge::InOpenVisit => bail!("this person is in a visit that is open; end it first"),
    }
    Ok(())
}
