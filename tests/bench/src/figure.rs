//! What was measured, beside what is required, as a line of a Markdown table.

use std::{
    fmt::{self, Display},
    process::ExitCode,
    time::Duration,
};

/// Prints a figure that nothing is required of.
pub(crate) fn note(what: impl Display, measured: impl Display) {
    println!("| {what} | – | {measured} | |");
}

/// The figures of one benchmark that something is required of.
#[derive(Default)]
pub(crate) struct Figures {
    missed: bool,
}

impl Figures {
    /// Prints a figure and whether it is as required.
    pub(crate) fn judge(
        &mut self,
        what: impl Display,
        required: impl Display,
        measured: impl Display,
        ok: bool,
    ) {
        let verdict = if ok { "ok" } else { "**missed**" };
        println!("| {what} | {required} | {measured} | {verdict} |");
        self.missed |= !ok;
    }

    /// Failure if anything was missed.
    pub(crate) fn verdict(&self) -> ExitCode {
        if self.missed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
    }
}

/// A time in milliseconds, as people read it.
pub(crate) struct Millis(pub(crate) Duration);

impl Display for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3} ms", self.0.as_secs_f64() * 1000.0)
    }
}

/// An amount of memory in kB of 1000 bytes.
pub(crate) struct Kilobytes(pub(crate) u64);

impl Display for Kilobytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{} kB", self.0 / 1000, self.0 % 1000 / 100)
    }
}

/// An amount of memory in MB of 1000 kB.
pub(crate) struct Megabytes(pub(crate) u64);

impl Display for Megabytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{} MB", self.0 / 1_000_000, self.0 % 1_000_000 / 100_000)
    }
}

/// The value below which this many per cent of them lie; zero of none.
pub(crate) fn percentile(sorted: &[Duration], per_cent: usize) -> Duration {
    let last = sorted.len().saturating_sub(1);
    sorted.get((sorted.len() * per_cent / 100).min(last)).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_lie_among_the_values() {
        let hundred: Vec<_> = (1..=100).map(Duration::from_millis).collect();
        assert_eq!(percentile(&hundred, 50), Duration::from_millis(51));
        assert_eq!(percentile(&hundred, 99), Duration::from_millis(100));
        assert_eq!(percentile(&hundred[..1], 99), Duration::from_millis(1));
        assert_eq!(percentile(&[], 99), Duration::ZERO);
    }
}
