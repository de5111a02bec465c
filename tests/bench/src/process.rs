//! What a process uses, as Linux counts it in `/proc` (proc(5)).

use std::{
    fs,
    ops::{Add, Sub},
    path::Path,
    time::Duration,
};

use anyhow::{Context, Result};

/// CPU time of this process's living threads.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct CpuTime {
    /// Of SQLite's threads.
    pub(crate) storage: Duration,
    /// Of all others.
    pub(crate) others: Duration,
}

impl CpuTime {
    /// So far. The kernel brings it up to date at each of its ticks, so a
    /// difference is exact to some milliseconds.
    pub(crate) fn now() -> Result<Self> {
        let mut sum = Self::default();
        for thread in fs::read_dir("/proc/self/task")? {
            let thread = thread?.path();
            let used = used(&thread).with_context(|| format!("cannot read {}", thread.display()))?;
            let name = fs::read_to_string(thread.join("comm"))?;
            let whose = if name.starts_with("sqlx-sqlite") { &mut sum.storage } else { &mut sum.others };
            *whose += used;
        }
        Ok(sum)
    }

    /// All of it.
    pub(crate) fn total(self) -> Duration {
        self.storage + self.others
    }
}

impl Add for CpuTime {
    type Output = Self;

    fn add(self, more: Self) -> Self {
        Self { storage: self.storage + more.storage, others: self.others + more.others }
    }
}

impl Sub for CpuTime {
    type Output = Self;

    fn sub(self, earlier: Self) -> Self {
        Self {
            storage: self.storage.saturating_sub(earlier.storage),
            others: self.others.saturating_sub(earlier.others),
        }
    }
}

/// The first number of `schedstat`: time on a CPU in nanoseconds.
fn used(thread: &Path) -> Result<Duration> {
    let schedstat = fs::read_to_string(thread.join("schedstat"))?;
    let nanos = schedstat.split_whitespace().next().context("schedstat is empty")?;
    Ok(Duration::from_nanos(nanos.parse()?))
}

/// A process's resident memory in bytes.
pub(crate) fn resident(process: u32) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    let kibibytes = line.split_whitespace().next().context("VmRSS is empty")?;
    Ok(kibibytes.parse::<u64>()? * 1024)
}

/// How many files this process may open.
pub(crate) fn open_files() -> Result<u64> {
    let limits = fs::read_to_string("/proc/self/limits")?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files")).context("no limit")?;
    let soft = line.split_whitespace().next().context("the limit is empty")?;
    Ok(soft.parse().unwrap_or(u64::MAX))
}
