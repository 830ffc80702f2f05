//! The log: events on stderr, one a line.
//!
//! Names come from peers (client ids, groups' names, topics that are asked for). So every value is shown with its control
//! characters made visible: a name can neither forge a line of the log nor drive the terminal on which it is read (CWE-117,
//! CWE-150).

use std::fmt::Debug;
use std::io::IsTerminal;

use tracing::field::Field;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::field::{MakeExt, RecordFields};
use tracing_subscriber::fmt::FormatFields;
use tracing_subscriber::fmt::format::{Writer, debug_fn};

use super::ServerArgs;
use crate::text::one_line;

/// Logs to stderr from now on.
pub(super) fn to_stderr(args: &ServerArgs) {
    let level = match (args.quiet, args.verbose) {
        (true, _) => "warn",
        (false, 0) => "info",
        (false, 1) => "debug",
        (false, _) => "trace",
    };
    let filter = EnvFilter::try_from_env("YAK_LOG").unwrap_or_else(|_| level.into());
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .fmt_fields(OneLine)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        .init();
}

/// Fields as `message name=value name=value`, without control characters.
struct OneLine;

impl<'a> FormatFields<'a> for OneLine {
    fn format_fields<R: RecordFields>(&self, writer: Writer<'a>, fields: R) -> std::fmt::Result {
        debug_fn(field).delimited(" ").format_fields(writer, fields)
    }
}

fn field(writer: &mut Writer<'_>, field: &Field, value: &dyn Debug) -> std::fmt::Result {
    let value = one_line(&format!("{value:?}"));
    match (field.name(), writer.has_ansi_escapes()) {
        ("message", _) => writer.write_str(&value),
        (name, false) => write!(writer, "{name}={value}"),
        // The name in italics, the sign dimmed.
        (name, true) => write!(writer, "\x1b[3m{name}\x1b[0m\x1b[2m=\x1b[0m{value}"),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().expect("no panic").write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn logged(ansi: bool, work: impl FnOnce()) -> String {
        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber = tracing_subscriber::fmt()
            .fmt_fields(OneLine)
            .with_writer(move || writer.clone())
            .with_ansi(ansi)
            .with_target(false)
            .without_time()
            .finish();
        tracing::subscriber::with_default(subscriber, work);
        String::from_utf8(lines.0.lock().expect("no panic").clone()).expect("text")
    }

    #[test]
    fn an_event_is_one_line_whatever_a_peer_calls_itself() {
        let name = "g\n2026-01-01T00:00:00Z ERROR forged\x1b[2J\u{9b}31m\u{202e}";
        let line = logged(false, || {
            tracing::info!(group = %name, client = name, members = 2, "joined {name}");
        });
        let shown = "g\\n2026-01-01T00:00:00Z ERROR forged\\x1b[2J\\x9b31m\\u{202e}";
        assert_eq!(line.lines().count(), 1, "{line}");
        assert!(line.starts_with(&format!(" INFO joined {shown} group={shown} client=\"g\\n2026")), "{line}");
        assert!(line.ends_with(" members=2\n"), "{line}");
        assert!(!line.contains('\x1b'), "{line}");
    }

    #[test]
    fn names_of_fields_stand_out_on_a_terminal() {
        let line = logged(true, || tracing::warn!(partition = "\x1b[2J", "late"));
        assert!(line.ends_with("late \x1b[3mpartition\x1b[0m\x1b[2m=\x1b[0m\"\\u{1b}[2J\"\n"), "{line:?}");
    }
}
