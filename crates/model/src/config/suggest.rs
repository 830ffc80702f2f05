//! "Did you mean": the nearest of the names that exist.

/// The candidate that `name` most likely misspells, if one is near enough to be worth suggesting.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wanted = name.to_ascii_lowercase();
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(&wanted, &candidate.to_ascii_lowercase()), candidate))
        .min_by_key(|(distance, _)| *distance)
        .filter(|(distance, _)| *distance <= 1 + name.len() / 6)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    const KEYS: [&str; 3] = ["min.insync.replicas", "log.dirs", "listeners"];

    #[test]
    fn a_near_name_is_suggested_and_a_far_one_is_not() {
        assert_eq!(nearest("min.insync.replica", KEYS), Some("min.insync.replicas"));
        assert_eq!(nearest("Log.Dir", KEYS), Some("log.dirs"));
        assert_eq!(nearest("lisetners", KEYS), Some("listeners"));
        assert_eq!(nearest("colour", KEYS), None);
        assert_eq!(nearest("", KEYS), None);
    }
}
