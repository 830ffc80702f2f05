//! "Did you mean": the nearest of the words that would have been right.

pub use yak_model::config::nearest;

/// `did you mean 'X'?`, if there is a candidate that may be meant.
pub fn did_you_mean<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<String> {
    nearest(word, candidates).filter(|near| *near != word).map(|near| format!("did you mean '{near}'?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_words_are_suggested_and_far_ones_are_not() {
        let topics = ["orders", "payments"];
        assert_eq!(did_you_mean("ordres", topics).as_deref(), Some("did you mean 'orders'?"));
        assert_eq!(did_you_mean("clicks", topics), None);
        assert_eq!(did_you_mean("orders", topics), None);
    }
}
