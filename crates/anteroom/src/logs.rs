//! Where log lines go: standard error, so that standard output has what the caller asked for.

use tracing_subscriber::{EnvFilter, fmt, layer::SubscriberExt as _, util::SubscriberInitExt as _};

use crate::config::{Log, LogFormat};

/// Starts logging. Without a filter: ours from `info`, others' from `warn`.
///
/// # Errors
/// The filter can't be read.
pub(crate) fn start(log: &Log) -> Result<(), tracing_subscriber::filter::ParseError> {
    let filter = EnvFilter::builder().parse(&log.filter)?;
    let lines = fmt::layer().with_writer(std::io::stderr);
    match log.format {
        LogFormat::Text => {
            let ansi = std::io::IsTerminal::is_terminal(&std::io::stderr());
            tracing_subscriber::registry().with(filter).with(lines.with_ansi(ansi)).init();
        }
        LogFormat::Json => tracing_subscriber::registry().with(filter).with(lines.json()).init(),
    }
    Ok(())
}
