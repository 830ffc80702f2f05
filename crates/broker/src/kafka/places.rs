//! Partitions by topic, as requests name them and their answers do again.
//!
//! What may be tried becomes entries of one operation, in order; its results, in the same order, go back to the places
//! they belong to, between what was refused before anything was tried.

use std::fmt;

use yak_model::api::Rejection;
use yak_model::{ErrorCode, TopicName};

/// The partitions of a request. `K` is what the answer names a topic by.
#[derive(Debug)]
pub(super) struct Places<K> {
    topics: Vec<(K, Vec<Place>)>,
    any_refused: bool,
}

#[derive(Debug)]
struct Place {
    index: i32,
    /// Why there is no entry for it.
    refused: Option<Rejection>,
}

impl<K> Places<K> {
    pub(super) fn with_capacity(topics: usize) -> Self {
        Self { topics: Vec::with_capacity(topics), any_refused: false }
    }

    /// Takes a topic's partitions: each becomes an entry of its `index`, unless there is no such topic or `entry`
    /// refuses it.
    pub(super) fn take<P, E>(
        &mut self,
        (key, name): (K, Result<TopicName, Rejection>),
        (partitions, index): (Vec<P>, impl Fn(&P) -> i32),
        mut entry: impl FnMut(&TopicName, P) -> Result<E, Rejection>,
        entries: &mut Vec<E>,
    ) {
        let mut places = Vec::with_capacity(partitions.len());
        for partition in partitions {
            let index = index(&partition);
            let made = match &name {
                Ok(name) => entry(name, partition),
                Err(rejection) => Err(rejection.clone()),
            };
            let refused = match made {
                Ok(made) => {
                    entries.push(made);
                    None
                }
                Err(rejection) => {
                    self.any_refused = true;
                    Some(rejection)
                }
            };
            places.push(Place { index, refused });
        }
        self.topics.push((key, places));
    }

    /// Whether something is refused already.
    pub(super) const fn any_refused(&self) -> bool {
        self.any_refused
    }

    /// Every place with its result: of the entries, one by one or refused together, or why there was no entry.
    pub(super) fn fill<T, R>(
        self,
        results: Result<impl IntoIterator<Item = Result<T, Rejection>>, Rejection>,
        mut answer: impl FnMut(i32, Result<T, Rejection>) -> R,
    ) -> Vec<(K, Vec<R>)> {
        let (mut results, whole) = match results {
            Ok(results) => (Some(results.into_iter()), None),
            Err(rejection) => (None, Some(rejection)),
        };
        let mut one = |Place { index, refused }| {
            let result = match refused.or_else(|| whole.clone()) {
                Some(rejection) => Err(rejection),
                None => results.as_mut().and_then(Iterator::next).unwrap_or_else(|| Err(unanswered())),
            };
            answer(index, result)
        };
        let topics = self.topics.into_iter();
        topics.map(|(key, places)| (key, places.into_iter().map(&mut one).collect())).collect()
    }
}

/// An operation answers every entry; if ever one does not, its client is told so.
pub(super) fn unanswered() -> Rejection {
    Rejection::new(ErrorCode::UnknownServerError, "it was not answered")
}

/// A request names something a second time.
pub(super) fn repeated(what: &impl fmt::Display) -> Rejection {
    Rejection::new(ErrorCode::InvalidRequest, format!("{what} is named twice in one request"))
}

/// A topic's name, for a request about a topic that must exist: what cannot be a name is refused with `code`.
pub(super) fn parse(name: &str, code: ErrorCode) -> Result<TopicName, Rejection> {
    name.parse().map_err(|invalid: yak_model::InvalidTopicName| Rejection::new(code, invalid.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_go_back_to_their_places() {
        let (mut places, mut entries) = (Places::with_capacity(3), Vec::new());
        let refuse = |what: &str| Rejection::new(ErrorCode::InvalidRequest, what);
        for (topic, partitions) in [("a", vec![0, 1, 2]), ("not a name", vec![5]), ("b", vec![7])] {
            let name = parse(topic, ErrorCode::InvalidTopicException);
            let entry = |name: &TopicName, index: i32| {
                if index == 1 { Err(refuse("odd")) } else { Ok(format!("{name}{index}")) }
            };
            places.take((topic, name), (partitions, |index| *index), entry, &mut entries);
        }
        assert_eq!(entries, ["a0", "a2", "b7"]);
        assert!(places.any_refused());
        let results =
            entries.into_iter().map(|entry| if entry == "a2" { Err(refuse("two")) } else { Ok(entry) });
        let filled =
            places.fill(Ok(results), |index, result| (index, result.map_err(|refused| refused.code)));
        let refused = Err(ErrorCode::InvalidRequest);
        let a = vec![(0, Ok("a0".to_owned())), (1, refused.clone()), (2, refused)];
        let c = vec![(5, Err(ErrorCode::InvalidTopicException))];
        assert_eq!(filled, [("a", a), ("not a name", c), ("b", vec![(7, Ok("b7".to_owned()))])]);
    }

    #[test]
    fn what_is_refused_together_is_refused_everywhere() {
        let (mut places, mut entries) = (Places::with_capacity(1), Vec::new());
        let name = parse("a", ErrorCode::InvalidTopicException);
        places.take(("a", name), (vec![0, 1], |index| *index), |_, index| Ok(index), &mut entries);
        assert!(!places.any_refused());
        let whole = Rejection::new(ErrorCode::RequestTimedOut, "late");
        let filled =
            places.fill(Err::<Vec<Result<(), _>>, _>(whole), |index, result| (index, result.is_err()));
        assert_eq!(filled, [("a", vec![(0, true), (1, true)])]);
    }
}
