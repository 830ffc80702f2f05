//! Where reading begins and ends: `--from-beginning`, `--tail N`, and every form of `-o`.

use yak_model::api::TailStart;
use yak_model::{Offset, TimestampMs};

/// Where reading begins in each partition, and perhaps where it ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Range {
    /// Where it begins.
    pub start: TailStart,
    /// The first offset not wanted any more (`A:B`).
    pub end: Option<Offset>,
}

impl Range {
    /// A range without end.
    #[must_use]
    pub const fn from(start: TailStart) -> Self {
        Self { start, end: None }
    }
}

/// Reads `earliest`, `latest` (or kcat's `beginning`, `end`), `N`, `-N`, `@TIME`, `@-10m` and `A:B`.
///
/// # Errors
/// What is wrong with the text.
pub fn parse(text: &str, now: TimestampMs) -> Result<Range, String> {
    let problem =
        || format!("\"{text}\" is not an offset (use earliest, latest, N, -N, @TIME, @-10m or A:B)");
    if let Some(time) = text.strip_prefix('@') {
        return yak_cli::time::parse(time, now).map(|time| Range::from(TailStart::Time(time)));
    }
    if let Some((first, end)) = text.split_once(':') {
        let (first, end) = (offset(first).ok_or_else(problem)?, offset(end).ok_or_else(problem)?);
        if end < first {
            return Err(format!("\"{text}\" ends before it begins"));
        }
        return Ok(Range { start: TailStart::Offset(first), end: Some(end) });
    }
    if let Some(count) = text.strip_prefix('-') {
        return count
            .parse()
            .map(|count| Range::from(TailStart::Last(count)))
            .map_err(|_not_a_count| problem());
    }
    match text {
        "earliest" | "beginning" => Ok(Range::from(TailStart::Beginning)),
        "latest" | "end" => Ok(Range::from(TailStart::End)),
        _ => offset(text).map(|offset| Range::from(TailStart::Offset(offset))).ok_or_else(problem),
    }
}

fn offset(text: &str) -> Option<Offset> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|_| digits).map(Offset::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: TimestampMs = TimestampMs::new(1_700_000_000_000);

    #[test]
    fn every_form_is_read() {
        let range =
            |first, end| Range { start: TailStart::Offset(Offset::new(first)), end: Some(Offset::new(end)) };
        for (text, expected) in [
            ("earliest", Range::from(TailStart::Beginning)),
            ("beginning", Range::from(TailStart::Beginning)),
            ("latest", Range::from(TailStart::End)),
            ("end", Range::from(TailStart::End)),
            ("0", Range::from(TailStart::Offset(Offset::ZERO))),
            ("1041", Range::from(TailStart::Offset(Offset::new(1041)))),
            ("-10", Range::from(TailStart::Last(10))),
            ("@2023-11-14T22:13:20Z", Range::from(TailStart::Time(NOW))),
            ("@-10m", Range::from(TailStart::Time(TimestampMs::new(1_699_999_400_000)))),
            ("@1700000000000", Range::from(TailStart::Time(NOW))),
            ("5:10", range(5, 10)),
            ("5:5", range(5, 5)),
        ] {
            assert_eq!(parse(text, NOW), Ok(expected), "{text}");
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for text in
            ["", "newest", "+5", "--5", "-", "1.5", "1:", ":1", "a:b", "1:2:3", "99999999999999999999"]
        {
            assert_eq!(
                parse(text, NOW),
                Err(format!(
                    "\"{text}\" is not an offset (use earliest, latest, N, -N, @TIME, @-10m or A:B)"
                ))
            );
        }
        assert_eq!(parse("10:5", NOW), Err("\"10:5\" ends before it begins".to_owned()));
        assert!(parse("@soon", NOW).unwrap_err().starts_with("\"soon\" is not a time"));
    }
}
