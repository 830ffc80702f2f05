//! Assignors: whole, even, sticky, and always the same.

use proptest::prelude::*;

use super::super::assignor::{Assigned, Assignor, Wish, assign};
use super::*;

type Wishes = BTreeMap<MemberId, Wish>;
type Counts = BTreeMap<TopicId, u32>;

const TOPICS: [&str; 4] = ["t", "u", "v", "w"];

fn counts(all: &[(&str, u32)]) -> Counts {
    all.iter().map(|(topic, count)| (topic_id(topic), *count)).collect()
}

fn wish(wants: &[&str]) -> Wish {
    Wish { topics: wants.iter().map(|topic| topic_id(topic)).collect(), ..Wish::default() }
}

fn wishes(all: &[(&str, &[&str])]) -> Wishes {
    all.iter().map(|(id, wants)| (member_id(id), wish(wants))).collect()
}

/// The same wishes of members that have what they were assigned.
fn having(wishes: &Wishes, assigned: &Assigned) -> Wishes {
    let mut wishes = wishes.clone();
    for (id, wish) in &mut wishes {
        wish.has = assigned.get(id).cloned().unwrap_or_default();
    }
    wishes
}

fn loads(assigned: &Assigned) -> Vec<usize> {
    let mut loads: Vec<usize> = assigned.values().map(BTreeSet::len).collect();
    loads.sort_unstable();
    loads
}

/// How many partitions have another owner than before, of those that had one.
fn moved(before: &Assigned, after: &Assigned) -> usize {
    before
        .iter()
        .map(|(id, had)| had.iter().filter(|one| !after.get(id).is_some_and(|has| has.contains(one))).count())
        .sum()
}

/// Every wanted partition has one owner, who wants it.
fn assert_whole(wishes: &Wishes, counts: &Counts, assigned: &Assigned) {
    assert!(assigned.keys().eq(wishes.keys()), "everybody is named");
    let mut owned = BTreeSet::new();
    for (id, partitions) in assigned {
        for partition in partitions {
            assert!(owned.insert(*partition), "{partition:?} has one owner");
            assert!(wishes[id].topics.contains(&partition.0), "{id} wants {partition:?}");
        }
    }
    let wanted = counts.iter().filter(|(topic, _)| wishes.values().any(|wish| wish.topics.contains(topic)));
    assert_eq!(owned.len(), wanted.map(|(_, count)| *count as usize).sum::<usize>());
}

/// The least sum of squares of loads that there is, by trying everything.
fn least_cost(wishes: &Wishes, counts: &Counts) -> usize {
    fn go(rest: &[Vec<usize>], loads: &mut Vec<usize>) -> usize {
        let Some((first, rest)) = rest.split_first() else {
            return loads.iter().map(|load| load * load).sum();
        };
        let mut least = usize::MAX;
        for member in first {
            loads[*member] += 1;
            least = least.min(go(rest, loads));
            loads[*member] -= 1;
        }
        least
    }
    let choices = |topic: &TopicId| -> Vec<usize> {
        let wants = wishes.values().enumerate().filter(|(_, wish)| wish.topics.contains(topic));
        wants.map(|(member, _)| member).collect()
    };
    let all = counts.iter().flat_map(|(topic, count)| vec![choices(topic); *count as usize]);
    let wanted: Vec<Vec<usize>> = all.filter(|members| !members.is_empty()).collect();
    go(&wanted, &mut vec![0; wishes.len()])
}

fn cost(assigned: &Assigned) -> usize {
    assigned.values().map(|has| has.len() * has.len()).sum()
}

fn some_counts(most: u32) -> impl Strategy<Value = Counts> {
    proptest::collection::vec(0..=most, TOPICS.len())
        .prop_map(|all| TOPICS.iter().zip(all).map(|(topic, count)| (topic_id(topic), count)).collect())
}

/// Members that want any of the topics, and have anything, also what others have and what there is not.
fn some_wishes(members: usize) -> impl Strategy<Value = Wishes> {
    let has = proptest::collection::btree_set((0..TOPICS.len(), 0..9_i32), 0..6);
    let wants = proptest::collection::btree_set(0..TOPICS.len(), 0..=TOPICS.len());
    proptest::collection::vec((wants, has), 1..=members).prop_map(|all| {
        let wish = |(wants, has): (BTreeSet<usize>, BTreeSet<(usize, i32)>)| Wish {
            instance_id: None,
            topics: wants.into_iter().map(|topic| topic_id(TOPICS[topic])).collect(),
            has: has.into_iter().map(|(topic, index)| (topic_id(TOPICS[topic]), index.into())).collect(),
        };
        all.into_iter().enumerate().map(|(n, one)| (member_id(&format!("m{n}")), wish(one))).collect()
    })
}

/// The same members, who all want everything.
fn alike(mut wishes: Wishes) -> Wishes {
    for wish in wishes.values_mut() {
        wish.topics = TOPICS.iter().map(|topic| topic_id(topic)).collect();
    }
    wishes
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

    #[test]
    fn every_partition_has_one_owner_who_wants_it(wishes in some_wishes(7), counts in some_counts(9)) {
        for assignor in Assignor::ALL {
            let assigned = assign(assignor, &wishes, &counts);
            assert_whole(&wishes, &counts, &assigned);
            prop_assert_eq!(&assign(assignor, &wishes, &counts), &assigned, "the same again");
            let again = assign(assignor, &having(&wishes, &assigned), &counts);
            prop_assert_eq!(&again, &assigned, "nothing moves when nothing has changed");
        }
    }

    #[test]
    fn no_assignment_is_more_even_than_uniform(wishes in some_wishes(4), counts in some_counts(2)) {
        prop_assert_eq!(cost(&assign(Assignor::Uniform, &wishes, &counts)), least_cost(&wishes, &counts));
    }

    #[test]
    fn members_that_want_the_same_have_the_same_and_keep_what_they_can(
        wishes in some_wishes(7).prop_map(alike), counts in some_counts(9), newcomers in 0..4_usize, leavers in 0..3_usize,
    ) {
        let before = assign(Assignor::Uniform, &wishes, &counts);
        let loads_before = loads(&before);
        prop_assert!(loads_before.last().unwrap() - loads_before[0] <= 1);
        let mut next = having(&wishes, &before);
        for _ in 0..leavers.min(next.len() - 1) {
            next.pop_first();
        }
        let everything = TOPICS.iter().map(|topic| topic_id(topic)).collect::<BTreeSet<_>>();
        for n in 0..newcomers {
            next.insert(member_id(&format!("n{n}")), Wish { topics: everything.clone(), ..Wish::default() });
        }
        let after = assign(Assignor::Uniform, &next, &counts);
        let loads_after = loads(&after);
        prop_assert!(loads_after.last().unwrap() - loads_after[0] <= 1);
        // Those who stay give up what they have above what is theirs now: in the order of what they had, so many have
        // one more.
        let all: usize = counts.values().map(|count| *count as usize).sum();
        let (share, more) = (all / next.len(), all % next.len());
        let mut had: Vec<usize> = next.keys().map(|id| before.get(id).map_or(0, BTreeSet::len)).collect();
        had.sort_unstable_by(|a, b| b.cmp(a));
        let must = had.iter().enumerate().map(|(n, had)| had.saturating_sub(share + usize::from(n < more)));
        let stay: Assigned = before.into_iter().filter(|(id, _)| next.contains_key(id)).collect();
        prop_assert_eq!(moved(&stay, &after), must.sum::<usize>());
    }
}

#[test]
fn partitions_pass_on_along_members_that_share_topics() {
    // `a` can give only to `b`, who can give only to `c`.
    let wishes = wishes(&[("a", &["t"]), ("b", &["t", "u"]), ("c", &["u"])]);
    let counts = counts(&[("t", 4), ("u", 2)]);
    let mut has = having(&wishes, &Assigned::new());
    has.get_mut(&member_id("a")).unwrap().has = (0..3).map(|n| (topic_id("t"), n.into())).collect();
    has.get_mut(&member_id("b")).unwrap().has = [(topic_id("t"), 3.into()), (topic_id("u"), 0.into())].into();
    has.get_mut(&member_id("c")).unwrap().has = [(topic_id("u"), 1.into())].into();
    let assigned = assign(Assignor::Uniform, &has, &counts);
    assert_eq!(loads(&assigned), [2, 2, 2]);
}

#[test]
fn a_newcomer_gets_a_mix_of_topics() {
    let all: &[&str] = &["t", "u"];
    let counts = counts(&[("t", 6), ("u", 6)]);
    let one = wishes(&[("a", all)]);
    let had = assign(Assignor::Uniform, &one, &counts);
    let two = having(&wishes(&[("a", all), ("b", all)]), &had);
    let shares = by_topic(&assign(Assignor::Uniform, &two, &counts)[&member_id("b")]);
    assert_eq!(shares.iter().map(|topic| topic.partitions.len()).collect::<Vec<_>>(), [3, 3]);
}

#[test]
fn range_gives_runs_of_neighbours_and_the_same_numbers_of_alike_topics() {
    let all: &[&str] = &["t", "u"];
    let wishes = wishes(&[("a", all), ("b", all), ("c", all)]);
    let assigned = assign(Assignor::Range, &wishes, &counts(&[("t", 7), ("u", 7)]));
    for (id, run) in [("a", [0, 1, 2].as_slice()), ("b", &[3, 4]), ("c", &[5, 6])] {
        assert_eq!(by_topic(&assigned[&member_id(id)]), [of("t", run), of("u", run)], "{id}");
    }
    let few = assign(Assignor::Range, &wishes, &counts(&[("t", 1), ("u", 2)]));
    assert_eq!(loads(&few), [0, 1, 2], "the first get more, of every topic");
}

#[test]
fn range_puts_static_members_first_by_the_names_that_they_keep() {
    let mut some = wishes(&[("a", &["t"]), ("x", &["t"]), ("y", &["t"])]);
    some.get_mut(&member_id("x")).unwrap().instance_id = Some(instance("2"));
    some.get_mut(&member_id("y")).unwrap().instance_id = Some(instance("1"));
    let assigned = assign(Assignor::Range, &some, &counts(&[("t", 3)]));
    for (id, index) in [("y", 0), ("x", 1), ("a", 2)] {
        assert_eq!(by_topic(&assigned[&member_id(id)]), [of("t", &[index])], "{id}");
    }
}

#[test]
fn a_group_assigns_as_most_of_its_members_want() {
    let mut rig = Rig::at_once(&[("t", 4), ("u", 3)]);
    let wants = |id: &str, assignor: &str| ConsumerGroupHeartbeat {
        server_assignor: Some(assignor.to_owned()),
        ..join(id, &["t", "u"])
    };
    rig.grow_by(&wants("a", "range"));
    assert_eq!(rig.group.view().assignor, "range");
    rig.grow_by(&wants("b", "uniform"));
    assert_eq!(rig.group.view().assignor, "uniform", "of as many, the first that there is");
    rig.grow_by(&wants("c", "range"));
    rig.settle();
    assert_eq!(rig.group.view().assignor, "range");
    assert_eq!(by_topic(rig.owned("a")), [of("t", &[0, 1]), of("u", &[0])]);
    let change = ConsumerGroupHeartbeat {
        server_assignor: Some("uniform".to_owned()),
        ..heartbeat("a", rig.clients["a"].epoch)
    };
    rig.send(&change).unwrap();
    assert_eq!(rig.group.view().assignor, "uniform");
}
