//! `anteroom serve`.

use std::path::Path;

use anyhow::Context;
use tokio::net::TcpListener;

use crate::{
    compose::{Anteroom, Outside},
    config::Configuration,
    stop,
};

/// Runs until it is told to stop, or a part of it ends.
pub(crate) async fn run(config: &Path) -> anyhow::Result<()> {
    let stop = stop::requested()?;
    let configuration = Configuration::load(config)?;
    let address = configuration.server.listen;
    let listener = TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}"))?;
    let anteroom = Anteroom::start(configuration, listener, Outside::real()).await?;
    anteroom.run_until(stop).await
}
