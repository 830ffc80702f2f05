//! Readers of flag values that several measuring and checking tools have.

use yak_model::api::Acks;

/// `all`, `-1`, `1` or `0`.
pub(crate) fn parse_acks(text: &str) -> Result<Acks, String> {
    match text {
        "all" | "-1" => Ok(Acks::All),
        "1" => Ok(Acks::Leader),
        "0" => Ok(Acks::None),
        _ => Err(format!("\"{text}\" is not all, 1 or 0")),
    }
}

/// Records a second, if they are to be held back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Throughput(pub(crate) Option<u64>);

/// A rate, or -1 for as many as go.
pub(crate) fn parse_throughput(text: &str) -> Result<Throughput, String> {
    match text.parse::<i64>() {
        Ok(-1) => Ok(Throughput(None)),
        Ok(rate) if rate > 0 => Ok(Throughput(Some(rate.unsigned_abs()))),
        _ => Err(format!("\"{text}\" is not a number of records a second, or -1")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_positive_or_minus_one() {
        assert_eq!(parse_throughput("1000"), Ok(Throughput(Some(1_000))));
        assert_eq!(parse_throughput("-1"), Ok(Throughput(None)));
        for bad in ["0", "-2", "x"] {
            assert!(parse_throughput(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn acknowledgements_are_all_one_or_none() {
        assert_eq!(parse_acks("-1"), Ok(Acks::All));
        assert_eq!(parse_acks("1"), Ok(Acks::Leader));
        assert_eq!(parse_acks("0"), Ok(Acks::None));
        assert!(parse_acks("2").is_err());
    }
}
