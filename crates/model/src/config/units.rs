//! Sizes and durations as people write them.

use super::TimeUnit;

const SIZES: [(&str, i64); 4] = [("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("TiB", 1 << 40)];
const SPANS: [(&str, i64); 5] = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];

/// Bytes of `65536`, `64KiB`, `1GiB`. Decimal units are refused: half of their users mean the binary ones.
pub(super) fn parse_size(text: &str) -> Result<i64, String> {
    let (digits, unit) = split_unit(text);
    let factor = match SIZES.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit)) {
        Some((_, factor)) => Some(*factor),
        None if unit.is_empty() => Some(1),
        None => None,
    };
    let number: Option<i64> = digits.parse().ok();
    match (number, factor) {
        (Some(number), Some(factor)) => {
            number.checked_mul(factor).ok_or_else(|| format!("\"{text}\" is too large a size"))
        }
        (Some(number), None) => Err(match binary_unit(unit) {
            Some(binary) => format!("\"{text}\" is not a size (use bytes, or {number}{binary})"),
            None => format!("\"{text}\" is not a size (use bytes, or {number}KiB, {number}MiB, {number}GiB)"),
        }),
        (None, _) => Err(format!("\"{text}\" is not a size (use bytes, or e.g. 64KiB)")),
    }
}

/// The binary unit that `k`, `MB` or the like probably stands for.
fn binary_unit(unit: &str) -> Option<&'static str> {
    let letter = unit.strip_suffix(['b', 'B']).unwrap_or(unit);
    SIZES.iter().map(|(name, _)| *name).find(|name| letter.eq_ignore_ascii_case(&name[..1]))
}

/// A span in `unit`: `7d`, `1500ms`, or a bare number of that unit.
pub(super) fn parse_duration(text: &str, unit: TimeUnit) -> Result<i64, String> {
    let (digits, name) = split_unit(text);
    let not_a_duration =
        || format!("\"{text}\" is not a duration (use {}, or e.g. 30s, 12h, 7d)", unit.name());
    let number: i64 = digits.parse().ok().ok_or_else(not_a_duration)?;
    if name.is_empty() {
        return Ok(number);
    }
    let (_, ms) = SPANS.iter().find(|(span, _)| *span == name).ok_or_else(not_a_duration)?;
    let total = number.checked_mul(*ms).ok_or_else(|| format!("\"{text}\" is too long a duration"))?;
    if total % unit.in_ms() != 0 {
        return Err(format!("\"{text}\" is not a whole number of {}", unit.name()));
    }
    Ok(total / unit.in_ms())
}

/// `("64", "KiB")` of `64 KiB`; a leading sign belongs to the number.
fn split_unit(text: &str) -> (&str, &str) {
    let end = text
        .char_indices()
        .find(|(at, c)| !(c.is_ascii_digit() || (*at == 0 && *c == '-')))
        .map_or(text.len(), |(at, _)| at);
    let (digits, unit) = text.split_at(end);
    (digits, unit.trim_start())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        assert_eq!(parse_size("0"), Ok(0));
        assert_eq!(parse_size("-1"), Ok(-1));
        assert_eq!(parse_size("64KiB"), Ok(65_536));
        assert_eq!(parse_size("64 kib"), Ok(65_536));
        assert_eq!(parse_size("1GiB"), Ok(1 << 30));
        assert_eq!(parse_size("1GB"), Err("\"1GB\" is not a size (use bytes, or 1GiB)".to_owned()));
        assert_eq!(parse_size("5m"), Err("\"5m\" is not a size (use bytes, or 5MiB)".to_owned()));
        assert_eq!(
            parse_size("2blocks"),
            Err("\"2blocks\" is not a size (use bytes, or 2KiB, 2MiB, 2GiB)".to_owned())
        );
        assert_eq!(parse_size("big"), Err("\"big\" is not a size (use bytes, or e.g. 64KiB)".to_owned()));
        assert_eq!(parse_size(""), Err("\"\" is not a size (use bytes, or e.g. 64KiB)".to_owned()));
        assert_eq!(parse_size("9999999TiB"), Err("\"9999999TiB\" is too large a size".to_owned()));
        assert!(parse_size("1.5GiB").is_err());
        assert!(parse_size("1GiBé").is_err());
    }

    #[test]
    fn durations() {
        let ms = |text| parse_duration(text, TimeUnit::Milliseconds);
        assert_eq!(ms("500"), Ok(500));
        assert_eq!(ms("-1"), Ok(-1));
        assert_eq!(ms("7d"), Ok(604_800_000));
        assert_eq!(ms("12 h"), Ok(43_200_000));
        assert_eq!(ms("1500ms"), Ok(1_500));
        assert_eq!(
            ms("7 days"),
            Err("\"7 days\" is not a duration (use milliseconds, or e.g. 30s, 12h, 7d)".to_owned())
        );
        assert!(ms("soon").is_err());
        assert!(ms("").is_err());
        assert_eq!(ms("999999999999d"), Err("\"999999999999d\" is too long a duration".to_owned()));
        assert_eq!(parse_duration("2d", TimeUnit::Hours), Ok(48));
        assert_eq!(
            parse_duration("90m", TimeUnit::Hours),
            Err("\"90m\" is not a whole number of hours".to_owned())
        );
    }
}
