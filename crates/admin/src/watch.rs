//! `--watch [SECONDS]`: the same screen again and again, drawn in place on a terminal.

use std::time::Duration;

use yak_cli::human::parse_millis;
use yak_cli::stdout::reader_gone;
use yak_cli::{Exit, Failure, Output, OutputError, Session};

/// What is shown at one time.
#[derive(Debug, Default)]
pub(crate) struct Screen {
    /// Data, for stdout.
    pub(crate) text: String,
    /// Items that could not be shown.
    pub(crate) failures: Vec<Failure>,
}

/// Reads a number of seconds, or a duration with a unit (`500ms`).
pub(crate) fn parse_seconds(text: &str) -> Result<Duration, String> {
    let millis = match text.trim().parse::<u64>() {
        Ok(seconds) => seconds.saturating_mul(1_000),
        Err(_) => parse_millis(text)?,
    };
    match millis {
        0 => Err("0 is not at least 1".to_owned()),
        _ => Ok(Duration::from_millis(millis)),
    }
}

/// Shows what `screen` gives: once, or every `interval` until a signal or until nobody reads stdout any more.
/// Screens that cannot be drawn over each other have an empty line between them if `separate`.
/// A failure ends it only if it is the first thing that happens: a watch outlives a broker's restart.
pub(crate) async fn run<F: Future<Output = Result<Screen, Failure>>>(
    session: &Session,
    (interval, separate): (Option<Duration>, bool),
    output: &mut Output,
    mut screen: impl FnMut() -> F,
) -> Result<Exit, Failure> {
    let first = session.interrupt.unless_raised(screen()).await?;
    let in_place = interval.is_some() && session.console.stdout_is_terminal();
    if in_place {
        output.buffer().extend_from_slice(b"\x1b[2J");
    }
    let mut exit = match show(session, &first, in_place, output) {
        Ok(exit) => exit,
        Err(ended) => return ended.into_result().map(|()| Exit::Done),
    };
    let Some(interval) = interval else { return Ok(exit) };
    let mut gone = std::pin::pin!(reader_gone());
    loop {
        tokio::select! {
            biased;
            () = session.interrupt.raised() => return Ok(exit),
            () = &mut gone => return Ok(exit),
            () = tokio::time::sleep(interval) => {}
        }
        if !in_place && separate {
            output.buffer().push(b'\n');
        }
        let shown = match session.interrupt.unless_raised(screen()).await {
            Ok(screen) => show(session, &screen, in_place, output),
            Err(_) if session.interrupt.is_raised() => return Ok(exit),
            Err(failure) => {
                session.console.failure(&failure);
                continue;
            }
        };
        match shown {
            Ok(shown) => exit = shown,
            Err(ended) => return ended.into_result().map(|()| exit),
        }
    }
}

/// Shows one screen, over the one before it or below.
fn show(
    session: &Session,
    screen: &Screen,
    in_place: bool,
    output: &mut Output,
) -> Result<Exit, OutputError> {
    if in_place {
        draw(&screen.text, output.buffer());
    } else {
        output.buffer().extend_from_slice(screen.text.as_bytes());
    }
    output.flush()?;
    for failure in &screen.failures {
        session.console.failure(failure);
    }
    Ok(if screen.failures.is_empty() { Exit::Done } else { Exit::Failed })
}

/// Home; each line wipes what was longer before it; then everything below is wiped.
fn draw(text: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(b"\x1b[H");
    for line in text.lines() {
        out.extend_from_slice(line.as_bytes());
        out.extend_from_slice(b"\x1b[K\n");
    }
    out.extend_from_slice(b"\x1b[J");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bare_numbers_are_seconds() {
        assert_eq!(parse_seconds("2"), Ok(Duration::from_secs(2)));
        assert_eq!(parse_seconds("500ms"), Ok(Duration::from_millis(500)));
        for text in ["0", "0ms", "soon", "-1"] {
            assert!(parse_seconds(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_screen_is_drawn_over_the_one_before() {
        let mut out = Vec::new();
        draw("a\nb\n", &mut out);
        assert_eq!(out, b"\x1b[Ha\x1b[K\nb\x1b[K\n\x1b[J");
    }
}
