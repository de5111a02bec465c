//! `anteroom check`: a stub, filled in next.
use std::{path::Path, process::ExitCode};
pub(crate) async fn run(_config: &Path) -> anyhow::Result<ExitCode> {
    Ok(ExitCode::SUCCESS)
}
