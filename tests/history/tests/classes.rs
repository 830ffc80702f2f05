//! Hand-made histories: each class of anomaly is found, alone, and what is allowed is not reported.

use std::collections::BTreeMap;

use yak_test_history::{Class, History, Report, check};

const IDEMPOTENT: &str =
    r#"{"name":"startup_complete","timestamp":1,"topic":"t","acks":"all","idempotent":true}"#;
const REPEATING: &str =
    r#"{"name":"startup_complete","timestamp":1,"topic":"t","acks":"1","idempotent":false}"#;
const END: &str = r#"{"name":"shutdown_complete","timestamp":9}"#;

fn acknowledged(number: u64, partition: i32, offset: i64) -> String {
    format!(
        r#"{{"timestamp":2,"name":"producer_send_success","topic":"t","partition":{partition},"offset":{offset},"key":null,"value":"v{number}","number":{number},"invoked_ms":1,"completed_ms":2}}"#
    )
}

fn not_acknowledged(number: u64, outcome: &str) -> String {
    format!(
        r#"{{"timestamp":2,"name":"producer_send_error","topic":"t","partition":0,"key":null,"value":"v{number}","outcome":"{outcome}","exception":"X","message":"x","number":{number},"invoked_ms":1,"completed_ms":2}}"#
    )
}

fn read(partition: i32, offset: i64, value: &str) -> String {
    format!(
        r#"{{"timestamp":3,"name":"record_data","topic":"t","partition":{partition},"offset":{offset},"key":null,"value":"{value}"}}"#
    )
}

fn producer(start: &str, sends: &[String]) -> String {
    format!("{start}\n{}\n{END}\n", sends.join("\n"))
}

fn reader(reads: &[String], reached_end: bool) -> String {
    let start = r#"{"name":"startup_complete","timestamp":1,"topic":"t"}"#;
    let consumed = r#"{"timestamp":3,"name":"records_consumed","count":1,"partitions":[]}"#;
    let end = format!(r#"{{"name":"shutdown_complete","timestamp":9,"reached_end":{reached_end}}}"#);
    let reads: String = reads.iter().map(|read| format!("{read}\n")).collect();
    format!("{start}\n{reads}{consumed}\n{end}\n")
}

/// Checks producers, readers and final readers.
fn checked(producers: &[String], readers: &[String], final_readers: &[String]) -> Report {
    let mut history = History::default();
    let kinds = [("producer", producers, false), ("reader", readers, false), ("final", final_readers, true)];
    for (kind, texts, is_final) in kinds {
        for (number, text) in texts.iter().enumerate() {
            history.add(&format!("{kind}-{number}"), text, is_final).expect("a history");
        }
    }
    check(&history)
}

/// The report has exactly these anomalies.
fn assert_only(report: &Report, expected: &[(Class, u64)]) {
    assert_eq!(report.anomalies, expected.iter().copied().collect::<BTreeMap<_, _>>(), "{report}");
    assert_eq!(report.is_clean(), expected.is_empty(), "{report}");
}

fn three() -> Vec<String> {
    (0..3).map(|n| acknowledged(n, 0, i64::try_from(n).expect("small"))).collect()
}

fn all_three() -> Vec<String> {
    vec![read(0, 0, "v0"), read(0, 1, "v1"), read(0, 2, "v2")]
}

#[test]
fn a_clean_history_is_clean_and_counted() {
    let sends = producer(IDEMPOTENT, &three());
    let report = checked(&[sends], &[reader(&all_three()[..2], false)], &[reader(&all_three(), true)]);
    assert_only(&report, &[]);
    let counts = report.counts;
    assert_eq!((counts.producers, counts.readers, counts.final_readers), (1, 2, 1));
    assert_eq!((counts.sent, counts.acknowledged, counts.failed, counts.unknown), (3, 3, 0, 0));
    assert_eq!((counts.read, counts.distinct_read), (5, 3));
}

#[test]
fn an_empty_history_is_not_clean() {
    let report = checked(&[producer(IDEMPOTENT, &three())], &[], &[]);
    assert!(!report.is_clean());
    assert!(!checked(&[], &[], &[reader(&[], true)]).is_clean());
}

#[test]
fn lost_write_in_the_middle_without_a_final_read() {
    let report = checked(
        &[producer(IDEMPOTENT, &three())],
        &[reader(&[read(0, 0, "v0"), read(0, 2, "v2")], false)],
        &[],
    );
    assert_only(&report, &[(Class::LostWrite, 1), (Class::PollSkip, 1)]);
}

#[test]
fn lost_write_at_the_end_needs_a_final_read_that_came_to_the_end() {
    let sends = producer(IDEMPOTENT, &three());
    let two = &all_three()[..2];
    assert_only(&checked(std::slice::from_ref(&sends), &[], &[reader(two, true)]), &[(Class::LostWrite, 1)]);
    assert_only(&checked(&[sends], &[], &[reader(two, false)]), &[(Class::Unseen, 1)]);
}

#[test]
fn what_a_consumer_saw_before_it_vanished_is_lost() {
    let sends = producer(IDEMPOTENT, &three());
    let report = checked(&[sends], &[reader(&all_three(), false)], &[reader(&all_three()[..2], true)]);
    assert_only(&report, &[(Class::LostWrite, 1)]);
    // Of unknown outcome, but seen.
    let sends = producer(IDEMPOTENT, &[acknowledged(0, 0, 0), not_acknowledged(1, "unknown")]);
    let report = checked(&[sends], &[reader(&all_three()[..2], false)], &[reader(&all_three()[..1], true)]);
    assert_only(&report, &[(Class::LostWrite, 1)]);
}

#[test]
fn duplicate_values_are_found_unless_their_producer_may_repeat() {
    let twice = [read(0, 0, "v0"), read(0, 1, "v0")];
    let sends = [acknowledged(0, 0, 0)];
    let report = checked(&[producer(IDEMPOTENT, &sends)], &[], &[reader(&twice, true)]);
    assert_only(&report, &[(Class::Duplicate, 1)]);
    let report = checked(&[producer(REPEATING, &sends)], &[], &[reader(&twice, true)]);
    assert_only(&report, &[]);
    assert_eq!(report.counts.repeated, 1);
}

#[test]
fn an_unknown_send_may_be_there_once_or_not_at_all_but_not_twice() {
    let sends = producer(IDEMPOTENT, &[acknowledged(0, 0, 0), not_acknowledged(1, "unknown")]);
    let histories = |reads: &[String]| checked(std::slice::from_ref(&sends), &[], &[reader(reads, true)]);
    let without = histories(&all_three()[..1]);
    assert_only(&without, &[]);
    assert_eq!((without.counts.unknown, without.counts.unknown_read), (1, 0));
    let with = histories(&all_three()[..2]);
    assert_only(&with, &[]);
    assert_eq!(with.counts.unknown_read, 1);
    let twice = [read(0, 0, "v0"), read(0, 1, "v1"), read(0, 2, "v1")];
    assert_only(&histories(&twice), &[(Class::Duplicate, 1)]);
}

#[test]
fn inconsistent_offsets_between_two_readers() {
    let sends = producer(
        IDEMPOTENT,
        &[not_acknowledged(0, "unknown"), not_acknowledged(1, "unknown"), acknowledged(2, 0, 1)],
    );
    let one = reader(&[read(0, 0, "v0"), read(0, 1, "v2")], false);
    let two = reader(&[read(0, 0, "v1"), read(0, 1, "v2")], false);
    assert_only(&checked(&[sends], &[one, two], &[]), &[(Class::InconsistentOffsets, 1)]);
}

#[test]
fn inconsistent_offsets_between_an_acknowledgement_and_a_reader() {
    let sends = producer(IDEMPOTENT, &[acknowledged(0, 0, 0), not_acknowledged(1, "unknown")]);
    let report = checked(&[sends], &[], &[reader(&[read(0, 0, "v1")], true)]);
    assert_only(&report, &[(Class::LostWrite, 1), (Class::InconsistentOffsets, 1)]);
}

#[test]
fn g1a_a_failed_value_that_was_read() {
    let sends = producer(IDEMPOTENT, &[acknowledged(0, 0, 0), not_acknowledged(1, "failed")]);
    let report = checked(std::slice::from_ref(&sends), &[], &[reader(&all_three()[..2], true)]);
    assert_only(&report, &[(Class::G1a, 1)]);
    assert_only(&checked(&[sends], &[], &[reader(&all_three()[..1], true)]), &[]);
}

#[test]
fn poll_skip_over_what_another_reader_saw() {
    let sends = producer(IDEMPOTENT, &three());
    let skipping = reader(&[read(0, 0, "v0"), read(0, 2, "v2")], false);
    assert_only(&checked(&[sends], &[skipping], &[reader(&all_three(), true)]), &[(Class::PollSkip, 1)]);
    // A gap in which nothing is known to be is none.
    let sends = producer(IDEMPOTENT, &[acknowledged(0, 0, 0), acknowledged(1, 0, 5)]);
    assert_only(&checked(&[sends], &[], &[reader(&[read(0, 0, "v0"), read(0, 5, "v1")], true)]), &[]);
}

#[test]
fn nonmonotonic_poll_back_and_again() {
    let sends = producer(IDEMPOTENT, &three());
    let mut reads = all_three();
    reads.push(read(0, 1, "v1"));
    reads.push(read(0, 1, "v1"));
    let report =
        checked(std::slice::from_ref(&sends), &[reader(&reads, false)], &[reader(&all_three(), true)]);
    assert_only(&report, &[(Class::NonmonotonicPoll, 2)]);
}

#[test]
fn partitions_have_orders_of_their_own() {
    let sends = producer(IDEMPOTENT, &[acknowledged(0, 1, 7), acknowledged(1, 0, 3), acknowledged(2, 1, 8)]);
    let reads = [read(1, 7, "v0"), read(0, 3, "v1"), read(1, 8, "v2")];
    assert_only(&checked(&[sends], &[], &[reader(&reads, true)]), &[]);
}

#[test]
fn nonmonotonic_send_by_number_and_not_by_time_of_acknowledgement() {
    let swapped = [acknowledged(0, 0, 1), acknowledged(1, 0, 0)];
    let reads = reader(&[read(0, 0, "v1"), read(0, 1, "v0")], true);
    let report = checked(&[producer(IDEMPOTENT, &swapped)], &[], std::slice::from_ref(&reads));
    assert_only(&report, &[(Class::NonmonotonicSend, 1)]);
    assert_only(&checked(&[producer(REPEATING, &swapped)], &[], &[reads]), &[]);
    // Acknowledged out of order, stored in order.
    let late = [acknowledged(1, 0, 1), acknowledged(0, 0, 0)];
    assert_only(&checked(&[producer(IDEMPOTENT, &late)], &[], &[reader(&all_three()[..2], true)]), &[]);
}

#[test]
fn unseen_when_no_reader_came_so_far() {
    let report = checked(&[producer(IDEMPOTENT, &three())], &[reader(&all_three()[..1], false)], &[]);
    assert_only(&report, &[(Class::Unseen, 2)]);
}

#[test]
fn a_value_that_nobody_sent_unless_a_producer_was_cut_short() {
    let reads = [reader(&[read(0, 0, "v0"), read(0, 1, "foreign")], true)];
    let whole = producer(IDEMPOTENT, &[acknowledged(0, 0, 0)]);
    assert_only(&checked(std::slice::from_ref(&whole), &[], &reads), &[(Class::NeverSent, 1)]);
    let killed = whole.strip_suffix("\n").expect("a last line").to_owned();
    assert_only(&checked(&[killed], &[], &reads), &[]);
}

#[test]
fn acks_0_promises_nothing() {
    let report = checked(
        &[producer(REPEATING, &[acknowledged(0, 0, -1), acknowledged(1, 0, 0)])],
        &[],
        &[reader(&[read(0, 0, "v1")], true)],
    );
    assert_only(&report, &[]);
    assert_eq!((report.counts.acknowledged, report.counts.unknown), (1, 1));
}

#[test]
fn what_is_no_history_is_refused_by_file_and_line() {
    let mut history = History::default();
    let refused = history.add("h", "{\"name\":\"tool_data\"}\nnot json\n", false).expect_err("no JSON");
    assert!(format!("{refused:#}").starts_with("h:2: "), "{refused:#}");
    let mixed = format!("{}\n{}\n", acknowledged(0, 0, 0), read(0, 0, "v0"));
    assert!(history.add("h", &mixed, false).is_err());
    assert!(history.add("h", &producer(IDEMPOTENT, &three()), true).is_err());
}
