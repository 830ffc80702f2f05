//! Everything a tool says that is not data: errors, hints, notes and progress, on stderr.
//!
//! One `Console` serves the whole process and may be shared by threads; each line is written whole. A progress
//! line stands at the bottom and is wiped before anything else is written. Errors are always shown; notes
//! and hints are not with `-q`; progress needs a terminal, and neither `-q` nor `--json`.

use std::io::{IsTerminal, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::args::{Color, OutputArgs};
use crate::failure::Failure;
use crate::table::Style;
use crate::text::one_line;

/// Least time between two progress lines.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(200);

/// How stderr and stdout are to be used.
#[derive(Debug)]
pub struct Console {
    json: bool,
    quiet: bool,
    color: bool,
    color_choice: Color,
    stdout_terminal: bool,
    stderr_terminal: bool,
    progress: Mutex<Progress>,
}

/// The line at the bottom of the terminal.
#[derive(Debug, Default)]
struct Progress {
    shown: bool,
    last: Option<Instant>,
}

impl Console {
    /// What the flags and the terminals ask for.
    #[must_use]
    pub fn new(output: &OutputArgs) -> Self {
        let stderr_terminal = std::io::stderr().is_terminal();
        Self {
            json: output.json,
            quiet: output.quiet,
            color: output.color.enabled(stderr_terminal),
            color_choice: output.color,
            stdout_terminal: std::io::stdout().is_terminal(),
            stderr_terminal,
            progress: Mutex::default(),
        }
    }

    /// Whether stdout is a terminal.
    #[must_use]
    pub const fn stdout_is_terminal(&self) -> bool {
        self.stdout_terminal
    }

    /// How output for a person on stdout is to look: as wide and colourful as the terminal there allows.
    #[must_use]
    pub fn style(&self) -> Style {
        Style {
            width: self.stdout_terminal.then(terminal_width),
            color: self.color_choice.enabled(self.stdout_terminal),
        }
    }

    /// Whether a person watches: stderr is a terminal, and neither `-q` nor `--json` was given.
    #[must_use]
    pub const fn is_watched(&self) -> bool {
        self.stderr_terminal && !self.quiet && !self.json
    }

    /// Shows a failure, and its hint.
    pub fn failure(&self, failure: &Failure) {
        if self.json {
            return self.line(&failure_json(failure));
        }
        let mut text = format!("{} {}", self.paint("error:", "1;31"), one_line(&failure.message));
        if let Some(hint) = failure.hint.as_deref().filter(|_| !self.quiet) {
            text.push_str(&format!("\n  {} {}", self.paint("hint:", "1;36"), one_line(hint)));
        }
        self.line(&text);
    }

    /// Says something that is worth knowing and no failure.
    pub fn note(&self, text: &str) {
        self.say("note", "1;32", text);
    }

    /// Says something that may be a mistake.
    pub fn warning(&self, text: &str) {
        self.say("warning", "1;33", text);
    }

    /// Says what was asked for in words: with `--json` as this line of JSON, and also with `-q`.
    pub fn event(&self, text: &str, json: impl FnOnce() -> String) {
        self.line(&if self.json { json() } else { one_line(text) });
    }

    /// Says how it went: `3 records acknowledged, 0 failed (0.01 s)`, or the counts as one JSON object.
    pub fn summary(&self, text: &str, counts: &[(&str, u64)]) {
        if self.quiet {
            return;
        }
        self.line(&if self.json { summary_json(counts) } else { one_line(text) });
    }

    /// Replaces the progress line, at most five times a second, if there is one to show.
    pub fn progress(&self, line: impl FnOnce() -> String) {
        if !self.is_watched() {
            return;
        }
        let mut progress = self.bottom_line();
        if progress.last.is_some_and(|last| last.elapsed() < PROGRESS_INTERVAL) {
            return;
        }
        progress.last = Some(Instant::now());
        progress.shown = true;
        write_stderr(&format!("\r\x1b[2K{}", one_line(&line())));
    }

    /// Wipes the progress line.
    pub fn end_progress(&self) {
        let mut progress = self.bottom_line();
        if std::mem::take(&mut progress.shown) {
            write_stderr("\r\x1b[2K");
        }
    }

    /// Writes a prompt, without a newline.
    pub fn prompt(&self, text: &str) {
        self.end_progress();
        write_stderr(text);
    }

    /// Ends the line on which the terminal has shown `^C`.
    pub fn after_interrupt(&self) {
        if self.is_watched() {
            self.end_progress();
            write_stderr("\n");
        }
    }

    fn say(&self, kind: &str, color: &str, text: &str) {
        if self.quiet {
            return;
        }
        if self.json {
            return self.line(&format!("{{{}:{}}}", json_string(kind), json_string(text)));
        }
        self.line(&format!("{} {}", self.paint(&format!("{kind}:"), color), one_line(text)));
    }

    fn paint(&self, word: &str, color: &str) -> String {
        if self.color { format!("\x1b[{color}m{word}\x1b[0m") } else { word.to_owned() }
    }

    fn bottom_line(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn line(&self, text: &str) {
        let mut progress = self.bottom_line();
        let wipe = if std::mem::take(&mut progress.shown) { "\r\x1b[2K" } else { "" };
        write_stderr(&format!("{wipe}{text}\n"));
    }
}

impl Color {
    /// Whether to use colours on a stream. `always` and `never` win over `NO_COLOR`, which wins over a terminal.
    #[must_use]
    pub fn enabled(self, is_terminal: bool) -> bool {
        match self {
            Self::Always => true,
            Self::Never => false,
            Self::Auto => {
                let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
                let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
                is_terminal && !refused && !dumb
            }
        }
    }
}

/// Columns of the terminal on stdout; 80 if it does not say.
fn terminal_width() -> usize {
    #[cfg(unix)]
    if let Ok(size) = rustix::termios::tcgetwinsize(rustix::stdio::stdout())
        && size.ws_col > 0
    {
        return usize::from(size.ws_col);
    }
    80
}

/// One write for one text; a broken stderr is no reason to stop.
fn write_stderr(text: &str) {
    std::io::stderr().lock().write_all(text.as_bytes()).unwrap_or_default();
}

/// A failure as one JSON object.
fn failure_json(failure: &Failure) -> String {
    format!(
        r#"{{"error":{{"code":{},"message":{},"retriable":{}}}}}"#,
        json_string(failure.code.name()),
        json_string(&failure.message),
        failure.retriable
    )
}

/// Counts as one JSON object.
fn summary_json(counts: &[(&str, u64)]) -> String {
    let fields: Vec<_> =
        counts.iter().map(|(name, count)| format!("{}:{count}", json_string(name))).collect();
    format!(r#"{{"summary":{{{}}}}}"#, fields.join(","))
}

/// A text as a JSON string.
fn json_string(text: &str) -> String {
    serde_json::to_string(text).expect("a str is always serializable")
}

#[cfg(test)]
mod tests {
    use yak_model::ErrorCode;

    use super::*;

    #[test]
    fn a_failure_in_json_is_one_line_with_kafkas_name() {
        let failure = Failure::new(ErrorCode::NotEnoughReplicas, "not enough\nin-sync \"replicas\"");
        assert_eq!(
            failure_json(&failure),
            r#"{"error":{"code":"NOT_ENOUGH_REPLICAS","message":"not enough\nin-sync \"replicas\"","retriable":true}}"#
        );
    }

    #[test]
    fn a_summary_in_json_is_counts() {
        let counts = [("acknowledged", 3), ("failed", 0)];
        assert_eq!(summary_json(&counts), r#"{"summary":{"acknowledged":3,"failed":0}}"#);
    }

    #[test]
    fn colours_can_be_forced_and_forbidden() {
        assert!(Color::Always.enabled(false));
        assert!(!Color::Never.enabled(true));
        assert!(!Color::Auto.enabled(false));
    }
}
